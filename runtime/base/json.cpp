#include "runtime/base/json.hpp"

#include "runtime/base/json_reader.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace behalf {
namespace {

constexpr std::size_t unbounded = static_cast<std::size_t>(-1);
constexpr shape_limits any_shape{.depth = 128,
                                 .nodes = unbounded,
                                 .members = unbounded,
                                 .elements = unbounded,
                                 .name_bytes = unbounded};
constexpr std::size_t max_stored_depth = 4096;
constexpr std::size_t max_made_depth = 256; // leaves room for what it is stored inside of

result<json::value> parse_within(std::string_view text, const shape_limits& bounds,
                                 bool unique_keys = false) {
  json::parse_options options;
  options.max_depth = bounds.depth;
  json::basic_parser<document_builder> parser{options, bounds, unique_keys};
  boost::system::error_code ec;
  auto used = parser.write_some(false, text.data(), text.size(), ec);
  if (parser.handler().fault())
    return *parser.handler().fault();
  if (ec == json::error::too_deep)
    return fail(errc::invalid_argument,
                "lists and objects are nested deeper than " + std::to_string(bounds.depth));
  if (ec || used != text.size())
    return fail(errc::invalid_argument, "Invalid JSON in request body");
  return parser.handler().take();
}

// The length of the UTF-8 sequence at the front, 0 when there is none (RFC 3629).
std::size_t utf8_length(std::string_view s) {
  auto byte = [&](std::size_t i) { return i < s.size() ? static_cast<unsigned char>(s[i]) : 0U; };
  auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const auto first = byte(0), second = byte(1);
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first <= 0xDF)
    return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF)
    return follows(1) && follows(2) && (first != 0xE0 || second >= 0xA0)
               && (first != 0xED || second < 0xA0)
             ? 3
             : 0;
  if (first >= 0xF0 && first <= 0xF4)
    return follows(1) && follows(2) && follows(3) && (first != 0xF0 || second >= 0x90)
               && (first != 0xF4 || second < 0x90)
             ? 4
             : 0;
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    auto n = utf8_length(text);
    if (n == 0)
      return false;
    text.remove_prefix(n);
  }
  return true;
}

bool storable(const json::object& o, std::size_t depth);

bool storable(const json::value& v, std::size_t depth) {
  if (v.is_double())
    return std::isfinite(v.get_double());
  if (v.is_string())
    return is_utf8({v.get_string().data(), v.get_string().size()});
  if (!v.is_structured())
    return true;
  if (depth == 0)
    return false;
  if (v.is_array())
    return std::all_of(v.get_array().begin(), v.get_array().end(),
                       [&](const json::value& one) { return storable(one, depth - 1); });
  return storable(v.get_object(), depth);
}

bool storable(const json::object& o, std::size_t depth) {
  return std::all_of(o.begin(), o.end(), [&](const auto& m) {
    return is_utf8({m.key().data(), m.key().size()}) && storable(m.value(), depth - 1);
  });
}

result<void> unless_storable(bool is) {
  if (is)
    return {};
  return fail(errc::invalid_argument,
              "a value cannot be stored: it holds NaN or infinity, text that is not UTF-8, or is "
              "nested deeper than "
                + std::to_string(max_made_depth));
}

void count_into(std::size_t& n, const json::value& v, std::size_t limit) {
  if (++n > limit)
    return;
  if (const auto* list = v.if_array())
    for (auto at = list->begin(); at != list->end() && n <= limit; ++at)
      count_into(n, *at, limit);
  if (const auto* o = v.if_object())
    for (auto at = o->begin(); at != o->end() && n <= limit; ++at)
      count_into(n, at->value(), limit);
}

const json::object& empty_object() {
  static const json::object none;
  return none;
}

} // namespace

result<json::value> parse_json(std::string_view text) {
  return parse_within(text, any_shape);
}

result<json::value> parse_json(std::string_view text, const shape_limits& bounds) {
  return parse_within(text, bounds);
}

result<json::value> parse_json_strict(std::string_view text) {
  return parse_within(text, any_shape, true);
}

result<json::value> parse_stored_json(std::string_view text) {
  auto bounds = any_shape;
  bounds.depth = max_stored_depth;
  return parse_within(text, bounds);
}

result<void> check_storable(const json::value& v) {
  return unless_storable(storable(v, max_made_depth));
}

result<void> check_storable(const json::object& o) {
  return unless_storable(storable(o, max_made_depth));
}

std::string valid_utf8(std::string text) {
  if (is_utf8(text))
    return text;
  std::string valid;
  for (std::string_view rest = text; !rest.empty();) {
    auto n = utf8_length(rest);
    valid += n == 0 ? std::string_view{"\uFFFD"} : rest.substr(0, n);
    rest.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return valid;
}

std::string dump(const json::value& v) {
  return json::serialize(v);
}

std::string dump(const json::object& o) {
  return json::serialize(o);
}

std::string excerpt(const json::value& v) {
  json::serializer from;
  from.reset(&v);
  std::array<char, 81> start;
  auto text = from.read(start.data(), start.size());
  return from.done() && text.size() < start.size() ? std::string(text) : std::string(kind_name(v));
}

json_place& json_place::key(std::string_view name) {
  constexpr std::size_t enough = 64;
  auto end = std::min(name.size(), enough);
  while (end < name.size() && end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U)
    --end; // not in the middle of a character
  path_ += "[\"";
  path_.append(name.substr(0, end)).append(end < name.size() ? "…\"]" : "\"]");
  return *this;
}

json_place& json_place::index(std::size_t at) {
  path_ += '[' + std::to_string(at) + ']';
  return *this;
}

std::string json_place::text() const {
  return path_.empty() ? std::string{} : "\n\nOn instance" + path_;
}

std::size_t count_values(const json::value& v, std::size_t limit) {
  std::size_t n = 0;
  count_into(n, v, limit);
  return n;
}

const json::value* member(const json::value& v, std::string_view key) {
  return v.is_object() ? member(v.get_object(), key) : nullptr;
}

const json::value* member(const json::object& o, std::string_view key) {
  return o.if_contains({key.data(), key.size()});
}

std::string_view string_or(const json::object& o, std::string_view key,
                           std::string_view otherwise) {
  const auto* v = member(o, key);
  if (!v || !v->is_string())
    return otherwise;
  return {v->get_string().data(), v->get_string().size()};
}

int64_t int_or(const json::object& o, std::string_view key, int64_t otherwise) {
  const auto* v = member(o, key);
  return v && v->is_int64() ? v->get_int64() : otherwise;
}

bool bool_or(const json::object& o, std::string_view key, bool otherwise) {
  const auto* v = member(o, key);
  return v && v->is_bool() ? v->get_bool() : otherwise;
}

const json::object& object_or_empty(const json::object& o, std::string_view key) {
  const auto* v = member(o, key);
  return v && v->is_object() ? v->get_object() : empty_object();
}

bool contains(const json::value& whole, const json::value& part) {
  if (!part.is_object())
    return whole == part;
  if (!whole.is_object())
    return false;
  for (const auto& [key, wanted] : part.get_object()) {
    const auto* have = whole.get_object().if_contains(key);
    if (!have || !contains(*have, wanted))
      return false;
  }
  return true;
}

void merge(json::object& base, const json::object& over) {
  for (const auto& [key, v] : over)
    base[key] = v;
}

std::string_view kind_name(const json::value& v) {
  switch (v.kind()) {
  case json::kind::null:
    return "null";
  case json::kind::bool_:
    return "boolean";
  case json::kind::int64:
  case json::kind::uint64:
  case json::kind::double_:
    return "number";
  case json::kind::string:
    return "string";
  case json::kind::array:
    return "list";
  case json::kind::object:
    return "object";
  }
  return "value";
}

} // namespace behalf
