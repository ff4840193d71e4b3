// What an item of the store may be called: the same for the API, for nodes and for unit tests.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// What a client may ask for: a hundred years.
inline constexpr double max_ttl_minutes = 100.0 * 365 * 24 * 60;

/// Of a namespace, in labels: more than one can have.
inline constexpr int64_t most_depth = 1'000'000;

/// Error: invalid_argument for an empty label or one with a period.
result<void> check_labels(const std::vector<std::string>& labels);
/// Errors, as the reference server has them: bad_request for an empty namespace or one below
/// `langgraph`; those of check_labels.
result<void> check_namespace(const std::vector<std::string>& labels, bool may_be_empty);
/// Error: bad_request for an empty key, which the API has no way to read.
result<void> check_item_key(std::string_view key);
/// Error: invalid_argument for a time to live below 0 or above the most there is.
result<void> check_ttl(double minutes);

} // namespace behalf
