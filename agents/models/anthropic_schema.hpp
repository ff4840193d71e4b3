// Anthropic's structured outputs, which take a part of JSON Schema.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// Whether the API can hold an answer to the schema. It refuses recursion, references to elsewhere
/// and values of enums that are objects or lists; objects cannot have properties that are not
/// named. Each place that is referred to is looked through once.
bool fits_anthropic(const json::object& schema);

/// The schema with what the API insists on, without the bounds that it refuses.
json::value anthropic_schema(const json::value& schema);

} // namespace behalf
