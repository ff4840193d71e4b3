#include "runtime/net/schema_reference.hpp"

#include "runtime/net/codec.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace behalf {
namespace {

constexpr std::size_t longest_reference = 512;

// One step of a JSON pointer (RFC 6901): ~1 is a slash, ~0 a tilde.
std::string pointer_key(std::string_view escaped) {
  std::string key;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    const bool escape = escaped[i] == '~' && i + 1 < escaped.size();
    if (escape && (escaped[i + 1] == '0' || escaped[i + 1] == '1'))
      key += escaped[++i] == '0' ? '~' : '/';
    else
      key += escaped[i];
  }
  return key;
}

const json::value* element(const json::array& all, std::string_view index) {
  std::size_t at = 0;
  const auto* last = index.data() + index.size();
  const auto [end, failed] = std::from_chars(index.data(), last, at);
  return failed == std::errc{} && end == last && at < all.size() ? &all[at] : nullptr;
}

} // namespace

const json::object* schema_at(const json::object& root, std::string_view reference) {
  if (reference.empty() || reference.front() != '#' || reference.size() > longest_reference)
    return nullptr;
  const auto decoded = percent_decode(reference.substr(1));
  if (!decoded)
    return nullptr;
  std::string_view rest = *decoded;
  const json::value* value = nullptr;
  while (!rest.empty()) {
    if (rest.front() != '/')
      return nullptr;
    const auto end = std::min(rest.find('/', 1), rest.size());
    const auto key = pointer_key(rest.substr(1, end - 1));
    rest.remove_prefix(end);
    if (value && value->is_array())
      value = element(value->get_array(), key);
    else
      value = value ? member(*value, key) : member(root, key);
    if (!value)
      return nullptr;
  }
  return value ? value->if_object() : &root;
}

} // namespace behalf
