// Chat models, asked by a declared agent.
#pragma once

#include "agents/models/spending.hpp"
#include "behalf/chat_model.hpp"

#include <memory>
#include <string>

namespace behalf {

/// As `ask_model`; what the answer costs counts for the agent (null: for none), whose limits bound
/// it, too. Error: also too_many of kind budget_spent, with a sentence for the user.
coroutine<result<json::value>> ask_model_for(std::shared_ptr<const spending_agent> agent,
                                             context ctx, std::string model, chat_request what);

} // namespace behalf
