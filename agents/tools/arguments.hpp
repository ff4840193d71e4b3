// Arguments that a model made, checked against a tool's JSON Schema before they leave.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// Do the arguments match the schema? Both may be hostile: what this costs is bound.
///
/// Keywords of JSON Schema 2020-12 (and draft 7's ways of writing them) that it does not know,
/// `format`, `pattern` and `patternProperties` among them, and references that leave the document,
/// refuse nothing: the service checks for itself.
/// Error: invalid_argument with a sentence for the model: where, what was expected, what came; or
/// that the schema takes too long to check.
result<void> check_arguments(const json::object& schema, const json::object& arguments);

} // namespace behalf
