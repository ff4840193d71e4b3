// The metrics as JSON.
#pragma once

#include "runtime/base/metrics.hpp"

#include <string>

namespace behalf {

/// Every series by its name, and `queue`, `workers` and `api` for those who read these elsewhere.
std::string metrics_page(const metrics& of);

} // namespace behalf
