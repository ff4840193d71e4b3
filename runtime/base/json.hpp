// JSON that comes from outside or goes to a disk: bounded, checked, measured.
#pragma once

#include "behalf/json.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace behalf {

struct shape_limits; // runtime/base/shape.hpp

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

/// JSON containment: objects recurse, everything else compares by equality.
bool contains(const json::value& whole, const json::value& part);

/// "null", "object", "list", "string", "number", "boolean": for error messages.
std::string_view kind_name(const json::value& v);

} // namespace behalf
