// limits of models and agents: what may be spent.
#include "config/sections.hpp"

namespace behalf {

void read_spending(yaml_section& in, spending_limits& o) {
  constexpr int64_t most_tokens = 1'000'000'000'000;
  constexpr double most_cost = 1'000'000'000;
  in.integer("tokens_per_run", o.tokens_per_run, 1, most_tokens);
  in.integer("tokens_per_user_per_day", o.tokens_per_user_per_day, 1, most_tokens);
  auto cost = [&](std::string_view key, double& most) {
    in.decimal(key, most, most_cost);
    if (in.has(key) && most == 0)
      in.fault(key, "must be above 0; a model that nobody may ask is not offered");
  };
  cost("cost_per_run", o.cost_per_run);
  cost("cost_per_user_per_day", o.cost_per_user_per_day);
  cost("cost_per_tenant_per_day", o.cost_per_tenant_per_day);
  cost("cost_per_day", o.cost_per_day);
}

std::string_view limit_of_cost(const spending_limits& limits) {
  return limits.cost_per_run > 0              ? "cost_per_run"
         : limits.cost_per_user_per_day > 0   ? "cost_per_user_per_day"
         : limits.cost_per_tenant_per_day > 0 ? "cost_per_tenant_per_day"
         : limits.cost_per_day > 0            ? "cost_per_day"
                                              : "";
}

std::string never_holds(const std::string& model) {
  return "would hold nothing back: models." + model
         + " has no `prices`, so what its answers cost is not known; prices of 0 say that it is "
           "free";
}

} // namespace behalf
