// Rules about tools that depend on the arguments of a call.
#pragma once

#include "agents/tools/tool_list.hpp"
#include "behalf/agent.hpp"

#include <optional>
#include <string_view>

namespace behalf {

/// What the source says of a call with these arguments: of a tool that it offers. Nothing: it is
/// denied. deny is stronger than ask, ask than allow; a condition that cannot be decided allows
/// nothing, and asks or denies.
std::optional<tool_approval> approval_of_call(const tool_source& source, std::string_view tool,
                                              const tool_hints& hints, const json::object& args);

} // namespace behalf
