// JSON as the whole program uses it: Boost.JSON, and the few helpers it lacks.
#pragma once

#include "runtime/base/error.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

namespace json = boost::json;

/// Parses one JSON document. Refuses NaN, lone surrogates, trailing text and nesting above 128.
/// Error: invalid_argument with `Invalid JSON in request body`.
result<json::value> parse_json(std::string_view text);

/// As parse_json, but also refuses an object with the same key twice (RFC 8725 3.1 for tokens).
result<json::value> parse_json_strict(std::string_view text);

/// Compact text, UTF-8 as is.
std::string dump(const json::value& v);
std::string dump(const json::object& o);

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
