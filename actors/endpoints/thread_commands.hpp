// The commands of the streaming protocol. Each stands for an ordinary request of the API and is
// made into that one, for the same caller: so it has the same rules, bounds and rights.
#pragma once

#include "actors/endpoints/request.hpp"

#include <functional>
#include <string>

namespace behalf::endpoints {

/// The endpoint POST /threads/{thread_id}/commands.
result<json::object> prepare_command(request_pointer self);
void answer_command(request_pointer self);

/// Executes {id, method, params} on the request's thread and calls `reply` with the answer: once,
/// before anything that the command causes is sent. One at a time.
using command_reply = std::function<void(unsigned status, json::object answer)>;
void run_command(request_pointer self, json::value command, command_reply reply);

} // namespace behalf::endpoints
