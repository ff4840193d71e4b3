// Store items as records. Used by the API and by nodes.
#pragma once

#include "runtime/storage/records.hpp"

#include <string>
#include <vector>

namespace behalf::storage {

/// What a client may ask for: a hundred years.
inline constexpr double max_ttl_minutes = 100.0 * 365 * 24 * 60;

/// The encoded namespace. Errors, as the reference server has them: bad_request for an empty one or
/// one below `langgraph`; invalid_argument for an empty label or one with a period.
result<std::string> checked_namespace(const std::vector<std::string>& labels, bool may_be_empty);

/// Error: invalid_argument for a time to live below 0 or above the most there is.
result<void> check_ttl(double minutes);
expiry expiry_in(double minutes, time_point from);

} // namespace behalf::storage
