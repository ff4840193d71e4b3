#include "agents/nodes/agent_state.hpp"

#include "agents/models/wire.hpp"
#include "agents/safety/authorship.hpp"
#include "agents/tools/arguments.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>
#include <set>

namespace behalf {

const toolbox* declared_agent::find(std::string_view name) const {
  auto at = std::find_if(toolboxes.begin(), toolboxes.end(),
                         [&](const auto& one) { return one->name() == name; });
  return at == toolboxes.end() ? nullptr : at->get();
}

const tool_source* declared_agent::source(std::string_view name) const {
  auto at = std::find_if(sources.begin(), sources.end(),
                         [&](const tool_source& one) { return one.service == name; });
  return at == sources.end() ? nullptr : &*at;
}

const json::object& of_this_run(const state_view& state, const context& ctx,
                                std::string_view channel) {
  static const json::object none;
  const auto* kept = state.find(channel);
  if (!kept || !kept->is_object() || string_or(kept->get_object(), "run") != ctx.run_id())
    return none;
  return kept->get_object();
}

const std::shared_ptr<const declared_agent>& member_named(const agent_team& team,
                                                          std::string_view name) {
  for (const auto& one : team)
    if (one->options.name == name)
      return one;
  return team.front();
}

const json::object& kept_by(const state_view& state, std::string_view channel,
                            const declared_agent& agent) {
  static const json::object none;
  const auto* kept = state.find(channel);
  return kept && kept->is_object() ? object_or_empty(kept->get_object(), agent.options.name) : none;
}

const json::object& listed_tools(const state_view& state, const context& ctx,
                                 const declared_agent& agent) {
  static const json::object none;
  const auto& kept = kept_by(state, "tools", agent);
  return string_or(kept, "run") == ctx.run_id() ? kept : none;
}

result<std::vector<agent_tool>> told_tools(const state_view& state, const declared_agent& agent) {
  const auto* list = member(kept_by(state, "tools", agent), "list");
  if (!list)
    return std::vector<agent_tool>{};
  return tools_from_json(*list);
}

std::size_t tools_beside_own(const model_directory& all, std::string_view model) {
  return most_tools(all, model) - 2;
}

const agent_tool* find_tool(const std::vector<agent_tool>& tools, std::string_view told) {
  auto at = std::find_if(tools.begin(), tools.end(),
                         [&](const agent_tool& one) { return one.as_told.name == told; });
  return at == tools.end() ? nullptr : &*at;
}

const json::value* given_response(const state_view& state) {
  const auto* given = state.find("structured_response");
  return given && !given->is_null() ? given : nullptr;
}

std::vector<json::object> open_calls(const state_view& state) {
  const auto& messages = state.list("messages");
  std::set<std::string_view> answered;
  for (auto at = messages.rbegin(); at != messages.rend(); ++at) {
    if (!at->is_object())
      return {};
    const auto& message = at->get_object();
    const auto type = string_or(message, "type");
    if (type == "tool") {
      answered.insert(string_or(message, "tool_call_id"));
      continue;
    }
    if (type != "ai")
      return {};
    std::vector<json::object> open;
    for (const auto& call : tool_calls_of(*at))
      if (call.is_object() && !answered.contains(string_or(call.get_object(), "id")))
        open.push_back(call.get_object());
    return open;
  }
  return {};
}

std::vector<json::object> own_open_calls(const state_view& state) {
  const auto& messages = state.list("messages");
  auto asking = std::find_if(messages.rbegin(), messages.rend(), [](const json::value& one) {
    return !one.is_object() || string_or(one.get_object(), "type") != "tool";
  });
  if (asking == messages.rend() || !asking->is_object() || !is_written(state, asking->get_object()))
    return {};
  return open_calls(state);
}

bool answered_directly(const state_view& state, const declared_agent& agent) {
  const auto* last = state.last("messages");
  if (!last || !last->is_object() || string_or(last->get_object(), "type") != "tool")
    return false;
  const auto tools = told_tools(state, agent);
  const auto& messages = state.list("messages");
  for (auto at = messages.rbegin(); tools && at != messages.rend() && at->is_object(); ++at) {
    const auto& message = at->get_object();
    if (string_or(message, "type") != "tool")
      return string_or(message, "type") == "ai";
    const auto* tool = find_tool(*tools, string_or(message, "name"));
    if (!tool || !tool->return_direct || string_or(message, "status") != "success")
      return false;
  }
  return false;
}

namespace {

std::string names_of(const std::vector<agent_tool>& tools) {
  std::string all;
  for (const auto& one : tools)
    all += (all.empty() ? "" : ", ") + one.as_told.name;
  return all;
}

} // namespace

std::string refused_call(const json::object& call, std::string_view why) {
  return "Error: the tool '" + std::string(string_or(call, "name"))
         + "' was not called: " + std::string(why);
}

std::optional<std::string> wrong_with(const std::vector<agent_tool>& tools,
                                      const json::object& call) {
  const auto name = string_or(call, "name");
  const auto* tool = find_tool(tools, name);
  if (!tool)
    return "Error: " + std::string(name) + " is not a valid tool, try one of [" + names_of(tools)
           + "].";
  return wrong_arguments(tool->schema, call);
}

} // namespace behalf
