#include "runtime/net/media_type.hpp"

#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf {

std::string media_type(std::string_view content_type) {
  constexpr std::string_view blanks = " \t";
  auto name = content_type.substr(0, content_type.find(';'));
  name.remove_prefix(std::min(name.find_first_not_of(blanks), name.size()));
  return ascii_lower(name.substr(0, name.find_last_not_of(blanks) + 1));
}

bool is_json_type(std::string_view content_type) {
  const auto type = media_type(content_type);
  return type == "application/json"
         || (type.ends_with("+json") && type.find_first_of(" \t,") == type.npos);
}

} // namespace behalf
