// The nodes of a declared agent. What they do beyond one turn of a model and its calls stands in
// files of its own, which they call.
#pragma once

#include "agents/nodes/agent_state.hpp"
#include "behalf/graph.hpp"

#include <memory>
#include <string_view>

namespace behalf {

// As create_agent's middleware calls it: clients and drawings know the name.
inline constexpr std::string_view approval_node = "HumanInTheLoopMiddleware.after_model";

using agent_ptr = std::shared_ptr<const declared_agent>;

/// Node `model`. One turn: the tools it may call, the limits of the run, the question, the answer,
/// which is signed.
coroutine<node_result> ask_turn(state_view state, context ctx, agent_ptr agent);

/// Where the model's answer leads: to the tools, the approval, the model again, or the end.
result<flow::route> after_model(const state_view& state, const context& ctx,
                                const declared_agent& agent);

/// Asks the user about the calls that need it; no call of this turn is made before the answer. An
/// answer that cannot be read, which only an agent inside another graph is given, is asked for
/// again.
coroutine<node_result> approve_calls(state_view state, context ctx);

/// Whether an answer to that can be read. Error: invalid_argument, for whoever answered.
result<void> check_decisions(const state_view& sent, const json::value& answer);

/// Node `tools`: one call. Whatever becomes of it is told to the model: a failed tool ends no run.
coroutine<node_result> make_call(state_view state, context ctx, agent_ptr agent);

} // namespace behalf
