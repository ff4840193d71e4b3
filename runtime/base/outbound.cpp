#include "behalf/outbound.hpp"

#include "runtime/base/text.hpp"

namespace behalf {

const std::string* find_header(const header_list& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (same_ignoring_case(key, name))
      return &value;
  return nullptr;
}

} // namespace behalf
