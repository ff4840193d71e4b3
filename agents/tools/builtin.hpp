// Tools that need no service: time, arithmetic, a question to the user, a list of things to do,
// memories. Off unless an agent's declaration names them.
#pragma once

#include "agents/tools/toolbox.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct agent_options;

/// The toolbox's name, which no service can have.
inline constexpr std::string_view builtin_service = ":builtin";

/// The tool of "todo".
inline constexpr std::string_view todo_tool_name = "write_todos";

/// What a declaration may name: "now", "calculate", "ask_user", "todo", "remember", "recall".
std::vector<std::string> builtin_names();

/// What the agent has of these: memory brings two along.
std::vector<std::string> builtin_of(const agent_options& agent);

/// What models call the tools of these names; other names have none.
std::vector<std::string> builtin_tools_of(const std::vector<std::string>& names);

/// The tools of these names, for the agent of that name: memories are its own.
std::shared_ptr<const toolbox> builtin_toolbox(const std::vector<std::string>& names,
                                               std::string agent);

// ---- a file each; `what` has arguments that match the tool's schema ----

coroutine<tool_outcome> ask_user(context ctx, requested_call what);
coroutine<tool_outcome> remember(context ctx, requested_call what, std::string agent);
coroutine<tool_outcome> forget(context ctx, requested_call what, std::string agent);
coroutine<tool_outcome> recall(context ctx, requested_call what, std::string agent);

/// The tool message of a call that was made: its text.
json::object builtin_answer(const requested_call& call, std::string_view text);

} // namespace behalf
