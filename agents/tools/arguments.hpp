// Arguments that a model made, checked against a tool's JSON Schema before they leave.
#pragma once

#include "behalf/json.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace behalf {

/// Do the arguments match the schema? Both may be hostile: what this costs is bound.
///
/// Read are type, enum, const, the bounds of numbers and lengths, properties, required,
/// additionalProperties, items, prefixItems, allOf, anyOf, oneOf, not, and $ref within the schema
/// (JSON Schema 2020-12; a list of `items` as in draft 7), and a `pattern` that is a text, with ^
/// before it, $ behind it or neither. Any other keyword or pattern refuses nothing, nor does
/// `format`: the service checks for itself.
/// Error: invalid_argument with a sentence for the model: where, what was expected, what came; or
/// that the schema takes too long to check.
result<void> check_arguments(const json::object& schema, const json::object& arguments);

/// What a call whose arguments do not match is told: nothing when they do.
std::optional<std::string> wrong_arguments(const json::object& schema, const json::object& call);

/// Unknown: the schema uses words that are not read here, or takes too long to check.
enum class arguments_fit : uint8_t { no, unknown, yes };
arguments_fit fit_of(const json::object& schema, const json::object& arguments);

/// A keyword of the schema, or a pattern, that is not read here, so that nothing would be decided
/// by it. For schemas of the operator's own.
std::optional<std::string> unread_keyword(const json::object& schema);

} // namespace behalf
