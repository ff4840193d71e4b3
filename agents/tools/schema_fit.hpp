// Schemas of tools' arguments, as every model's provider takes them.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// The schema with what providers take in common, of any JSON Schema a tool's server gave, trusted
/// or not. The root is an object schema with `properties` and without alternatives; local
/// references stand where they were used, a recursive one as {}, as do references to elsewhere and
/// booleans; `allOf` is merged; keywords outside the common ones are left out, or become words of
/// the description (`pattern`). Deep parts and what is beyond 10,000 values or 64 KiB are {}.
///
/// It is never narrower than the original but for details no model needs: arguments are checked
/// against the original. The same schema gives the same result. Linear in the schema's size at
/// most, and bounded.
json::object fitted_schema(const json::object& schema);

} // namespace behalf
