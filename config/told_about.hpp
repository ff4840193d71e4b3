// What `behalf validate --online` says of a tool: whether people are asked before it is called.
#pragma once

#include "agents/tools/tool_list.hpp"
#include "behalf/agent.hpp"

#include <string>

namespace behalf {

/// "called at once, but asked about when …; …". `tool` is one that the source offers.
std::string told_about(const agent_options& agent, const tool_source& source,
                       const agent_tool& tool);

} // namespace behalf
