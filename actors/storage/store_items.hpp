// Store items as records. Used by the API and by nodes.
#pragma once

#include "runtime/storage/records.hpp"

#include <string>
#include <vector>

namespace behalf::storage {

/// The encoded namespace. Errors: of check_namespace.
result<std::string> checked_namespace(const std::vector<std::string>& labels, bool may_be_empty);

expiry expiry_in(double minutes, time_point from);

} // namespace behalf::storage
