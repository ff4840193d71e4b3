#include "runtime/base/json_cost.hpp"

#include <algorithm>

namespace behalf {
namespace {

// A value is 16 bytes in its array or 32 with its key in an object. The parser keeps the values of
// an unfinished one on a stack that doubles when it is full: at worst two copies and the new one.
constexpr std::size_t per_value = 64;
constexpr std::size_t per_block = 40; // of the allocator, and the table before an array's values
constexpr std::size_t inline_text = 14;

std::size_t text_bytes(std::size_t size) {
  return size <= inline_text ? 0 : size + per_block;
}

} // namespace

std::size_t parse_cost(std::string_view text, std::size_t max_values) {
  std::size_t values = 1, blocks = 0;
  bool quoted = false; // what is inside a string does not count
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = text[at];
    if (c == '"')
      quoted = !quoted;
    else if (quoted)
      at += c == '\\';
    blocks += c == '"' ? quoted : !quoted && (c == '[' || c == '{');
    values += !quoted && (c == ',' || c == '[' || c == '{');
  }
  return text.size() + std::min(values, max_values) * per_value
         + std::min(blocks, 2 * max_values) * per_block; // a value has a name, too
}

std::size_t held_bytes(const json::value& v) {
  if (const auto* text = v.if_string())
    return text_bytes(text->size());
  if (const auto* list = v.if_array()) {
    auto sum = list->capacity() * sizeof(json::value) + (list->empty() ? 0 : per_block);
    for (const auto& one : *list)
      sum += held_bytes(one);
    return sum;
  }
  const auto* object = v.if_object();
  return object ? held_bytes(*object) : 0;
}

std::size_t held_bytes(const json::object& v) {
  auto sum = v.capacity() * (sizeof(json::key_value_pair) + 8) + (v.empty() ? 0 : per_block);
  for (const auto& [key, one] : v)
    sum += text_bytes(key.size()) + inline_text + held_bytes(one);
  return sum;
}

} // namespace behalf
