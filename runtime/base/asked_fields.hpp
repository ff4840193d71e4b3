// Records which request fields the server reads, so that a test knows all of them.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

namespace behalf {

/// Every accessor of a request's fields reports the name here. Only a test listens; it then sends
/// each of the fields. Set before the first request.
class asked_fields {
public:
  using listener = void (*)(std::string_view field, std::string_view type);

  static void listen(listener to) { listener_ = to; }
  static void note(std::string_view field, std::string_view type) {
    if (listener_ && (only_.empty() || std::find(only_.begin(), only_.end(), field) != only_.end()))
      listener_(field, type);
  }

  /// While it lives, this thread reports no other names: what it reads is made of a request, not
  /// sent. The names must outlive it.
  class only {
  public:
    explicit only(std::span<const std::string_view> names) { only_ = names; }
    only(const only&) = delete;
    ~only() { only_ = {}; }
  };

private:
  static inline thread_local std::span<const std::string_view> only_;
  static inline listener listener_ = nullptr;
};

} // namespace behalf
