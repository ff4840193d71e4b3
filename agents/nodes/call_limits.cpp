#include "agents/nodes/call_limits.hpp"

#include "agents/models/spending.hpp"
#include "agents/nodes/agent_state.hpp"
#include "agents/tools/kept_results.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/task_facts.hpp"

#include <algorithm>

namespace behalf {
namespace {

// By its service's name for it, or by the one that the model was told where two have the same.
bool is_named(const agent_tool& tool, std::string_view name) {
  return tool.name == name || tool.as_told.name == name;
}

} // namespace

call_counter::call_counter(const context& ctx, const agent_options& agent,
                           const agent_settings& settings, const json::object& counted)
  : ctx_(ctx), agent_(agent), settings_(settings), all_(int_or(counted, "tool_calls")),
    per_tool_(object_or_empty(counted, "per_tool")) {}

std::optional<std::string> call_counter::refused(const json::object& call,
                                                 const std::vector<agent_tool>& tools) {
  const auto told = string_or(call, "name");
  constexpr std::string_view exceeded = "Tool call limit exceeded. ";
  const auto& limits = settings_.limits;
  std::optional<std::string> why;
  if (++all_ > limits.tool_calls)
    why = std::string(exceeded) + "Do not make additional tool calls.";
  const auto* tool = find_tool(tools, told);
  for (const auto& [name, most] : limits.per_tool) {
    if (!tool || !is_named(*tool, name))
      continue;
    const auto made = int_or(per_tool_, name) + 1;
    per_tool_[name] = made;
    if (!why && made > most)
      why = std::string(exceeded) + "Do not call '" + std::string(told) + "' again.";
  }
  if (why)
    return why;
  const auto by_day = limits.tool_calls_per_user_per_day;
  const auto spending = wrong_with(tools, call) ? nullptr : spending_of(ctx_);
  if (spending && !spending->take_tool_call(settings_.model, agent_.name, by_day))
    return "Tool call limit exceeded: the user's " + std::to_string(by_day)
           + " calls for today are made. It starts anew at 00:00 UTC. Do not make additional tool "
             "calls.";
  return std::nullopt;
}

void call_counter::put_into(json::object& counted) const {
  counted["tool_calls"] = all_;
  if (!per_tool_.empty())
    counted["per_tool"] = per_tool_;
}

std::vector<std::string> limits_of_nothing(const agent_limits& limits,
                                           const std::vector<agent_tool>& tools) {
  std::vector<std::string> notes;
  for (const auto& [name, most] : limits.per_tool)
    if (name != kept_tool_name // comes later
        && std::none_of(tools.begin(), tools.end(),
                        [&](const agent_tool& one) { return is_named(one, name); }))
      notes.push_back("limits.per_tool: there is no tool " + name);
  return notes;
}

} // namespace behalf
