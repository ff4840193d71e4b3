#include "runtime/base/json.hpp"

#include "runtime/base/json_reader.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/base/text.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
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

json_place& json_place::key(std::string_view name) {
  const auto shown = cut_utf8(name, 64);
  path_ += "[\"";
  path_.append(shown).append(shown.size() < name.size() ? "…\"]" : "\"]");
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

result<void> check_metadata(const json::object& metadata, const shape_limits& bounds) {
  if (text_bytes(metadata, bounds.metadata_bytes) <= bounds.metadata_bytes)
    return {};
  return fail(errc::invalid_argument, "metadata would have more than "
                                        + std::to_string(bounds.metadata_bytes) + " bytes of JSON");
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

namespace {

bool same(const json::value& a, const json::value& b);

// Do `test(have, wanted)` and a member of that name hold for every member of `part`? What stands in
// the same order is found without the hash table, in which keys may have been chosen to collide.
template <class Test>
bool each_in(const json::object& whole, const json::object& part, Test test) {
  auto next = whole.begin();
  for (const auto& [key, wanted] : part) {
    if (next == whole.end() || next->key() != key)
      next = whole.find(key);
    if (next == whole.end() || !test(next->value(), wanted))
      return false;
    ++next;
  }
  return true;
}

bool same(const json::value& a, const json::value& b) {
  if (a.is_object() && b.is_object())
    return a.get_object().size() == b.get_object().size()
           && each_in(a.get_object(), b.get_object(), same);
  if (a.is_array() && b.is_array())
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(),
                      b.get_array().end(), same);
  return a == b;
}

} // namespace

bool contains(const json::value& whole, const json::value& part) {
  if (whole.is_object() && part.is_object())
    return each_in(whole.get_object(), part.get_object(), contains);
  return same(whole, part);
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
