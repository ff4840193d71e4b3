// How much may be spent on chat models.
#pragma once

#include <cstdint>

namespace behalf {

/// What may be spent on a model, or by an agent. 0: no limit. Costs in the currency of the prices.
struct spending_limits {
  int64_t tokens_per_run = 0, tokens_per_user_per_day = 0;
  double cost_per_run = 0, cost_per_user_per_day = 0, cost_per_tenant_per_day = 0, cost_per_day = 0;

  bool by_day() const {
    return tokens_per_user_per_day > 0 || cost_per_user_per_day > 0 || cost_per_tenant_per_day > 0
           || cost_per_day > 0;
  }
};

} // namespace behalf
