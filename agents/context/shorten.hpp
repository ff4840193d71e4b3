// Brings what a model is shown of a conversation below what its agent's `memory` says.
#pragma once

#include "agents/context/shortened.hpp"
#include "behalf/context.hpp"
#include "behalf/coroutine.hpp"

#include <string>

namespace behalf {

/// Clears results, summarises, trims, in this order, where the tokens are above the limit of each.
/// Whether anything changed. A summary that fails is done without, and a `custom` event says so.
/// `model` makes the summaries. `agent` and `conversation` live as long as the coroutine.
coroutine<bool> shorten(context ctx, const agent_options& agent, std::string model,
                        shortened& conversation);

} // namespace behalf
