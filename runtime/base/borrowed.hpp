// A view of something that belongs to somebody else, which a temporary cannot become.
#pragma once

namespace behalf {

/// Points at a T that outlives it. Made from a T that has a name: neither a temporary nor a value
/// that would have to be converted to a T first compiles, as both would end before they are read.
template <class T>
class borrowed {
public:
  borrowed(const T& from) : at_(&from) {}
  borrowed(const T&&) = delete;

  const T& operator*() const { return *at_; }
  const T* operator->() const { return at_; }

private:
  const T* at_;
};

} // namespace behalf
