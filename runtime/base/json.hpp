// JSON as the whole program uses it: Boost.JSON, and the few helpers it lacks.
#pragma once

#include "behalf/error.hpp"
#include "runtime/base/shape.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

namespace json = boost::json;

/// Parses one JSON document. What it answers reads back the same from its own text: refused are
/// numbers beyond a finite double, integers of more than 64 bits, what is not UTF-8, lone
/// surrogates, NaN, trailing text and nesting above 128. Of a key that stands twice the last one
/// counts. Error: invalid_argument with `Invalid JSON in request body`, or what is wrong and where.
result<json::value> parse_json(std::string_view text);

/// As parse_json, of what a client sent: within `bounds`, or invalid_argument naming the place.
result<json::value> parse_json(std::string_view text, const shape_limits& bounds);

/// As parse_json, but also refuses an object with the same key twice (RFC 8725 3.1 for tokens).
result<json::value> parse_json_strict(std::string_view text);

/// As parse_json, of what this server has written itself: only depth is bound, by 4096.
result<json::value> parse_stored_json(std::string_view text);

/// What a node, a handler or a plugin made of its own: can it be written down and read back?
/// Error: invalid_argument for NaN and infinity, what is not UTF-8, and nesting above 256.
result<void> check_storable(const json::value& v);
result<void> check_storable(const json::object& o);

/// The text with U+FFFD for every byte that is not UTF-8: of exceptions and upstreams, say.
std::string valid_utf8(std::string text);

/// Compact text, UTF-8 as is.
std::string dump(const json::value& v);
std::string dump(const json::object& o);

/// The value in an error message: its text if that is short, else what kind of value it is. Costs
/// the same whatever its size.
std::string excerpt(const json::value& v);

/// Where in a document something is, as messages end: "\n\nOn instance["input"][3]".
class json_place {
public:
  json_place& key(std::string_view name);
  json_place& index(std::size_t at);
  std::string text() const; // nothing at the top

private:
  std::string path_;
};

/// How many values `v` is made of, itself included; counting ends above `limit`.
std::size_t count_values(const json::value& v, std::size_t limit);

/// Bytes of the text `dump` makes of it; counting ends above `limit`.
std::size_t text_bytes(const json::value& v, std::size_t limit);
std::size_t text_bytes(const json::object& o, std::size_t limit);

/// Error: invalid_argument when a record's metadata is longer than `bounds` allow.
result<void> check_metadata(const json::object& metadata, const shape_limits& bounds);

/// The member, or null when `v` is no object or has no such member. This and the others that
/// answer a part of what they are given refuse temporaries, which the part would not outlive.
const json::value* member(const json::value& v, std::string_view key);
const json::value* member(const json::object& o, std::string_view key);
const json::value* member(const json::value&& v, std::string_view key) = delete;
const json::value* member(const json::object&& o, std::string_view key) = delete;

/// The member's text, or `otherwise` when it is absent or no string.
std::string_view string_or(const json::object& o, std::string_view key,
                           std::string_view otherwise = {});
std::string_view string_or(const json::object&& o, std::string_view key,
                           std::string_view otherwise = {}) = delete;
int64_t int_or(const json::object& o, std::string_view key, int64_t otherwise = 0);
bool bool_or(const json::object& o, std::string_view key, bool otherwise = false);

/// The member as an object; an empty one when absent or of another type.
const json::object& object_or_empty(const json::object& o, std::string_view key);
const json::object& object_or_empty(const json::object&& o, std::string_view key) = delete;

/// JSON containment: objects recurse, everything else compares by equality.
bool contains(const json::value& whole, const json::value& part);

/// Merges `over` into `base`, top level only; a null value is stored as null.
void merge(json::object& base, const json::object& over);

/// "null", "object", "list", "string", "number", "boolean": for error messages.
std::string_view kind_name(const json::value& v);

} // namespace behalf
