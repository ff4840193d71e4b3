// JSON as graphs and the server use it: Boost.JSON, and the few helpers it lacks.
#pragma once

#include "behalf/error.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace behalf {

namespace json = boost::json;

/// Parses one JSON document. What it answers reads back the same from its own text: refused are
/// numbers beyond a finite double, integers of more than 64 bits, what is not UTF-8, lone
/// surrogates, NaN, trailing text and nesting above 128. Of a key that stands twice the last one
/// counts. Error: invalid_argument with `Invalid JSON in request body`, or what is wrong and where.
result<json::value> parse_json(std::string_view text);

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

/// Merges `over` into `base`, top level only; a null value is stored as null.
void merge(json::object& base, const json::object& over);

} // namespace behalf
