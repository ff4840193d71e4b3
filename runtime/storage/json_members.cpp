#include "runtime/storage/json_members.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr auto none = std::string_view::npos;

// Where the text starting at `from` with a quote ends, behind its closing quote.
std::size_t end_of_string(std::string_view text, std::size_t from) {
  for (auto at = from + 1; at < text.size(); ++at) {
    if (text[at] == '\\')
      ++at;
    else if (text[at] == '"')
      return at + 1;
  }
  return none;
}

// Where the value starting at `from` ends: at the comma or brace that follows it.
std::size_t end_of_value(std::string_view text, std::size_t from) {
  std::size_t depth = 0;
  for (auto at = from; at < text.size(); ++at) {
    auto c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      if (at == none)
        return none;
      --at;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (depth == 0 && (c == ',' || c == '}')) {
      return at;
    } else if (c == '}' || c == ']') {
      if (depth == 0)
        return none;
      --depth;
    }
  }
  return none;
}

} // namespace

result<json_members> split_members(std::string_view object) {
  auto bad = fail(errc::internal, "no JSON object");
  json_members all;
  if (object == "{}")
    return all;
  if (!object.starts_with('{'))
    return bad;
  for (std::size_t at = 0; at < object.size() && object[at] != '}';) {
    auto name = at + 1; // behind the brace or the comma
    if (name >= object.size() || object[name] != '"')
      return bad;
    auto colon = end_of_string(object, name);
    if (colon == none || colon >= object.size() || object[colon] != ':')
      return bad;
    at = end_of_value(object, colon + 1);
    if (at == none || at == colon + 1)
      return bad;
    all.emplace_back(object.substr(name + 1, colon - name - 2),
                     object.substr(colon + 1, at - colon - 1));
    if (object[at] == '}' && at + 1 != object.size())
      return bad;
  }
  return all;
}

std::string_view find_member(const json_members& in, std::string_view name) {
  auto found = std::find_if(in.begin(), in.end(), [&](const auto& m) { return m.first == name; });
  return found == in.end() ? std::string_view{} : found->second;
}

std::string join_members(const json_members& kept,
                         std::span<const std::pair<std::string, std::string>> changes) {
  std::string text = "{";
  auto add = [&](std::string_view name, std::string_view value) {
    text += text.size() > 1 ? ",\"" : "\"";
    text.append(name).append("\":").append(value);
  };
  for (const auto& [name, value] : kept)
    if (std::none_of(changes.begin(), changes.end(),
                     [&, n = name](const auto& c) { return c.first == n; }))
      add(name, value);
  for (const auto& [name, value] : changes)
    add(name, value);
  return text += '}';
}

} // namespace behalf
