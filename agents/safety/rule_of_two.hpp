// Which results a conversation is tainted by, and which calls need a person from then on.
#pragma once

#include "agents/agent.hpp"
#include "agents/safety/taint.hpp"
#include "agents/tools/tool_list.hpp"

#include <string_view>

namespace behalf {

/// What the model learns by a call of the source's tool, whatever the answer says of itself. Words
/// are an attacker's unless a trusted service says that its tool's world is closed; data is private
/// where the service is called in the user's name.
taint taint_by(const tool_source& source, const tool_hints& hints, std::string_view call_id);

} // namespace behalf
