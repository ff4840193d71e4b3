// What requests to chat models came to, in numbers.
#pragma once

#include "behalf/time.hpp"

#include <chrono>
#include <cstdint>
#include <limits>

namespace behalf {

/// Up to what can be counted: figures are what providers say.
inline void add_figure(int64_t& to, int64_t more) {
  if (__builtin_add_overflow(to, more, &to))
    to = std::numeric_limits<int64_t>::max();
}

/// `input` counts what was cached, too; `cost` is in billionths of the currency of
/// the prices; `tool_calls` are those that agents were let make.
struct usage_figures {
  int64_t requests = 0, input = 0, cache_read = 0, cache_creation = 0, output = 0, reasoning = 0;
  int64_t cost = 0, tool_calls = 0;

  usage_figures& operator+=(const usage_figures& more) {
    add_figure(requests, more.requests);
    add_figure(input, more.input);
    add_figure(cache_read, more.cache_read);
    add_figure(cache_creation, more.cache_creation);
    add_figure(output, more.output);
    add_figure(reasoning, more.reasoning);
    add_figure(cost, more.cost);
    add_figure(tool_calls, more.tool_calls);
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
