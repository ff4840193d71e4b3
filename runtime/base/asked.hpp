// Who asks for which field of a request: how a test knows them all.
#pragma once

#include <string_view>

namespace behalf {

/// Every accessor of a request's fields notes their names here; nobody listens but a test, which
/// then sends each of them. Set before the first request.
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
