#include "agents/models/usage.hpp"

#include <algorithm>

namespace behalf {

double cost_of(const token_usage& tokens, const token_prices& prices) {
  const auto of = [&](int64_t count, double price) {
    return static_cast<double>(count) * (price == 0 ? prices.input : price);
  };
  // `input` counts them all; a provider whose numbers do not add up gives nothing back.
  const auto other = std::max<int64_t>(0, tokens.input - tokens.cache_read - tokens.cache_creation);
  return (of(other, prices.input) + of(tokens.cache_read, prices.cached_input)
          + of(tokens.cache_creation, prices.cache_write)
          + static_cast<double>(tokens.output) * prices.output)
         / 1e6;
}

} // namespace behalf
