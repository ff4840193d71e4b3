#include "connectors/media_type.hpp"

#include <algorithm>

namespace behalf {

std::string media_type(std::string_view content_type) {
  auto name = content_type.substr(0, content_type.find(';'));
  while (!name.empty() && (name.front() == ' ' || name.front() == '\t'))
    name.remove_prefix(1);
  while (!name.empty() && (name.back() == ' ' || name.back() == '\t'))
    name.remove_suffix(1);
  std::string lower{name};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

bool is_json_type(std::string_view content_type) {
  const auto type = media_type(content_type);
  return type == "application/json" || type.ends_with("+json");
}

} // namespace behalf
