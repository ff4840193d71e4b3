#pragma once

#include <chrono>
#include <cstdint>

namespace behalf {

/// What one search may take altogether. Beyond it: errc::invalid_argument, saying what to narrow.
struct search_bounds {
  int64_t rows = 2'000'000;               // looked at
  std::chrono::milliseconds time{20'000}; // of a reader
};

} // namespace behalf
