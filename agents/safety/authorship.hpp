// Which of a conversation's messages the agent wrote itself. Clients may send messages of every
// kind: an answer or a result that they made up is no more to be trusted than a stranger's words.
#pragma once

#include "agents/safety/taint.hpp"
#include "behalf/coroutine.hpp"
#include "behalf/state.hpp"

#include <string_view>

namespace behalf {

/// A list of digests of messages.
inline constexpr std::string_view written_channel = "written";

/// What a node ends with, and digests of the answers and results that it writes.
node_result with_signature(node_result became);
/// The node, which ends so.
coroutine<node_result> signing(coroutine<node_result> node);

/// Whether a node of the agent wrote this message, as it is.
bool is_written(const state_view& state, const json::object& message);

/// Results of the agent's last calls that a client made up (Agent Chat UI does, for calls that wait
/// for a decision), as errors that say so, to be put in their places.
json::array results_of_clients(const state_view& state);

/// What the answers and results that no node wrote taint the conversation by: source "client".
taint taint_by_clients(const state_view& state);

} // namespace behalf
