// YAML as JSON: what looks like a number or a boolean is one, unless it is quoted.
#include "config/yaml.hpp"

#include <charconv>
#include <cmath>

namespace behalf {
namespace {

template <class Number>
bool parse(std::string_view text, Number& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc{} && end == text.data() + text.size();
}

json::value scalar_to_json(const YAML::Node& node) {
  const auto& text = node.Scalar();
  if (node.Tag() == "!") // quoted: a string, whatever it looks like
    return json::value(text);
  if (text == "true" || text == "false")
    return text == "true";
  if (text.empty() || text == "null" || text == "~")
    return nullptr;
  int64_t n = 0;
  if (parse(text, n))
    return n;
  double d = 0;
  if (parse(text, d) && std::isfinite(d)) // "nan" and "infinity" are words
    return d;
  return json::value(text);
}

} // namespace

json::value yaml_to_json(const YAML::Node& node) {
  if (node.IsSequence()) {
    json::array list;
    for (const auto& one : node)
      list.push_back(yaml_to_json(one));
    return list;
  }
  if (node.IsMap()) {
    json::object object;
    for (const auto& entry : node)
      object[entry.first.Scalar()] = yaml_to_json(entry.second);
    return object;
  }
  return node.IsScalar() ? scalar_to_json(node) : json::value(nullptr);
}

} // namespace behalf
