#include "runtime/base/outbound.hpp"

#include <boost/beast/core/string.hpp>

namespace behalf {

const std::string* find_header(const header_list& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (boost::beast::iequals({key.data(), key.size()}, {name.data(), name.size()}))
      return &value;
  return nullptr;
}

} // namespace behalf
