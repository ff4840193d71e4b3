// Brings what a model is shown of a conversation below what its agent's `memory` says.
#pragma once

#include "agents/context/shortened.hpp"
#include "agents/models/ask_model.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "behalf/coroutine.hpp"

#include <string>

namespace behalf {

/// Clears results, summarises, trims, in this order, where the tokens are above the limit of each.
/// Whether anything changed. A summary that fails is done without, and a `custom` event says so.
/// `model` makes the summaries, and `spender` pays. `memory` and `conversation` live as long as the
/// coroutine.
coroutine<bool> shorten(context ctx, const memory_options& memory,
                        std::shared_ptr<const spending_agent> spender, std::string model,
                        shortened& conversation);

} // namespace behalf
