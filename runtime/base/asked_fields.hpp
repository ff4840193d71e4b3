// Records which request fields the server reads, so that a test knows all of them.
#pragma once

#include <string_view>

namespace behalf {

/// Every accessor of a request's fields reports the name here. Only a test listens; it then sends
/// each of the fields. Set before the first request.
class asked_fields {
public:
  using listener = void (*)(std::string_view field, std::string_view type);

  static void listen(listener to) { listener_ = to; }
  static void note(std::string_view field, std::string_view type) {
    if (listener_)
      listener_(field, type);
  }

private:
  static inline listener listener_ = nullptr;
};

} // namespace behalf
