// OpenAI's strict mode, in which a model's output cannot but match a schema.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// Whether strict mode takes the schema: every object in it requires all its properties and allows
/// no others. n log n.
bool fits_strict(const json::object& schema);

} // namespace behalf
