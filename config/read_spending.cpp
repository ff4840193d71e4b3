// limits of models and agents: what may be spent.
#include "config/sections.hpp"

namespace behalf {

void read_spending(yaml_section& in, spending_limits& o) {
  constexpr int64_t most_tokens = 1'000'000'000'000;
  constexpr double most_cost = 1'000'000'000;
  in.integer("tokens_per_run", o.tokens_per_run, 1, most_tokens);
  in.integer("tokens_per_user_per_day", o.tokens_per_user_per_day, 1, most_tokens);
  in.decimal("cost_per_run", o.cost_per_run, most_cost);
  in.decimal("cost_per_user_per_day", o.cost_per_user_per_day, most_cost);
  in.decimal("cost_per_tenant_per_day", o.cost_per_tenant_per_day, most_cost);
  in.decimal("cost_per_day", o.cost_per_day, most_cost);
}

} // namespace behalf
