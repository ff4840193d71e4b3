// What tools that are other agents have in common.
#pragma once

#include "behalf/json.hpp"
#include "behalf/outbound.hpp"

#include <chrono>
#include <string>

namespace behalf {

struct tool_source;

/// How long an agent of another server is waited for, in all.
inline constexpr std::chrono::minutes longest_task{10};

/// `ask_SERVICE`.
std::string ask_tool_name(const tool_source& source);

/// {"tools": […]} with the tool `ask_SERVICE` {message} of an agent of another server.
json::value ask_tool(const tool_source& source);

/// What an agent said last, as a tool's result: its text, and its structured answer. `left` are the
/// values of its state.
service_reply answer_of_agent(const json::object& left);

} // namespace behalf
