// The two clocks: wall time as the API shows it, and deadlines.
#pragma once

#include "behalf/error.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace behalf {

/// Wall time in microseconds since the epoch, UTC: what rows and tokens carry.
using time_point = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

/// When a wait ends. Steady: unmoved by clock changes.
using deadline = std::chrono::steady_clock::time_point;

time_point now();

inline int64_t to_micros(time_point t) {
  return t.time_since_epoch().count();
}

inline time_point from_micros(int64_t us) {
  return time_point{std::chrono::microseconds{us}};
}

/// `2026-11-21T05:21:22.310027+00:00`, as the API writes times.
std::string iso8601(time_point t);

/// Reads what `iso8601` writes, and `Z` or any numeric offset. Error: invalid_argument.
result<time_point> parse_iso8601(std::string_view text);

} // namespace behalf
