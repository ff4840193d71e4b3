// References within a JSON Schema.
#pragma once

#include "behalf/json.hpp"

#include <string_view>

namespace behalf {

/// The schema that a $ref ("#", "#/$defs/address") names within `root`; null when it is no place in
/// it, or none with an object. Costs what the reference is long; those above 512 bytes are not
/// followed.
const json::object* schema_at(const json::object& root, std::string_view reference);

} // namespace behalf
