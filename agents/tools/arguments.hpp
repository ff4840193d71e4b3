// Arguments that a model made, checked against a tool's JSON Schema before they leave.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// Do the arguments match the schema? Both may be hostile: what this costs is bound.
///
/// Read are type, enum, const, the bounds of numbers and lengths, properties, required,
/// additionalProperties, items, prefixItems, allOf, anyOf, oneOf, not, and $ref within the schema
/// (JSON Schema 2020-12; a list of `items` as in draft 7). Any other keyword, `pattern` among them,
/// refuses nothing, nor does `format`: the service checks for itself.
/// Error: invalid_argument with a sentence for the model: where, what was expected, what came; or
/// that the schema takes too long to check.
result<void> check_arguments(const json::object& schema, const json::object& arguments);

} // namespace behalf
