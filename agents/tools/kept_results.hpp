// Results of tools that are too long for a model: kept whole, for it to read on and for the user.
#pragma once

#include "agents/tools/tool_list.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/context.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace behalf {

/// The toolbox's name, which no service can have.
inline constexpr std::string_view kept_service = ":results";

/// What models call its one tool, and no other: the rest of a result that was cut is read by it.
inline constexpr std::string_view kept_tool_name = "read_result";

/// The channel that is there once a result of the conversation was kept.
inline constexpr std::string_view kept_channel = "kept_results";

/// Puts what is left out of the message into the store, at {"kept_results", USER, THREAD, NAME}
/// "text": {"text", "files"?, "tool", "tool_call_id", "taint"?}, for seven days, an hour where the
/// thread goes with the run, and says so in the message. The newest 20 of a thread and 100 of a
/// user stay. Where the store takes nothing or has no room the message stays as it is.
/// `seen`: by who reads it.
coroutine<void> keep_left(context ctx, tool_outcome& outcome, const taint& seen);

/// Has that tool, and lists nothing: it is offered once there is something to read.
std::shared_ptr<const toolbox> kept_toolbox();

agent_tool kept_tool();

} // namespace behalf
