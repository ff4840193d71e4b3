// How many tokens an answer took.
#pragma once

#include <cstdint>

namespace behalf {

/// Tokens of one answer. `input` counts what was cached, too.
struct token_usage {
  int64_t input = 0, output = 0;
  int64_t cache_read = 0, cache_creation = 0, reasoning = 0;

  bool operator==(const token_usage&) const = default;
};

} // namespace behalf
