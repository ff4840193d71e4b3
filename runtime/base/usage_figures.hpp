// What requests to chat models came to, in numbers.
#pragma once

#include "behalf/time.hpp"

#include <chrono>
#include <cstdint>

namespace behalf {

/// `input` counts what was cached, too; `cost` is in billionths of the currency of
/// the prices.
struct usage_figures {
  int64_t requests = 0, input = 0, cache_read = 0, cache_creation = 0, output = 0, reasoning = 0;
  int64_t cost = 0;

  usage_figures& operator+=(const usage_figures& more) {
    requests += more.requests;
    input += more.input;
    cache_read += more.cache_read;
    cache_creation += more.cache_creation;
    output += more.output;
    reasoning += more.reasoning;
    cost += more.cost;
    return *this;
  }
};

/// Billionths in the currency itself.
inline double shown_cost(int64_t billionths) {
  return static_cast<double>(billionths) / 1e9;
}

/// Whole days since 1970-01-01, UTC.
inline int64_t day_of(time_point at) {
  return std::chrono::floor<std::chrono::days>(at).time_since_epoch().count();
}

} // namespace behalf
