// Schemas of tools' arguments, as every model's provider takes them.
#pragma once

#include "behalf/json.hpp"

namespace behalf {

/// The schema with what providers take in common, of any JSON Schema a tool's server gave, trusted
/// or not. The root is an object schema with `properties` and without alternatives: it has the
/// properties of all of them. Local references stand where they were used, a recursive one as {},
/// as do references to elsewhere and booleans; `allOf` is merged; keywords outside the common ones
/// are left out, or become words of the description (`pattern`, `format`, values of other types).
/// Deep parts and what is beyond 10,000 values or 64 KiB are {}.
///
/// It is not narrower than the original, save that `properties` or `items` without a type say it,
/// and a property that some alternatives of the root name is as these say. Arguments are checked
/// against the original. The same schema gives the same result. Linear at most, and bounded.
json::object fitted_schema(const json::object& schema);

} // namespace behalf
