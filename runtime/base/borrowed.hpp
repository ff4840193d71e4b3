// A reference for members, which cannot be bound to a temporary.
#pragma once

namespace behalf {

/// Points at a T that must outlive it. Making it from a temporary, or from a value that would be
/// converted to a T, does not compile.
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
