// What an answer cost.
#pragma once

#include "agents/models/answer.hpp"
#include "agents/models/model_options.hpp"

namespace behalf {

/// In the currency of the prices. Tokens that a cache held, or that were written to it, cost as
/// other input where they have no price of their own (0).
double cost_of(const token_usage& tokens, const token_prices& prices);

} // namespace behalf
