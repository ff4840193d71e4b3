// What a declared agent consists of, and what its nodes read from the state.
#pragma once

#include "agents/tools/tool_list.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "behalf/state.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// An agent that is served.
struct declared_agent {
  agent_options options;
  agent_options first; // who the conversation began with: the run's assistant is one of its
  std::vector<tool_source> sources;                      // what may be called, one per toolbox
  std::vector<std::shared_ptr<const toolbox>> toolboxes; // in the order of `sources`

  /// Null when there is none of that name.
  const toolbox* find(std::string_view name) const;
  /// What is declared of it; null when there is none of that name.
  const tool_source* source(std::string_view name) const;
};

/// With the tools of all its sources. `all`: who may speak in the conversation, the first of them
/// first.
std::shared_ptr<const declared_agent> declared(const agent_options& options,
                                               const std::vector<agent_options>& all);

/// Who speaks in a conversation: the first, or whom it was handed over to.
using agent_team = std::vector<std::shared_ptr<const declared_agent>>;

/// The one of that name, or the first.
const std::shared_ptr<const declared_agent>& member_named(const agent_team& team,
                                                          std::string_view name);

/// What the channel has of this agent, by its name; else {}.
const json::object& kept_by(const state_view& state, std::string_view channel,
                            const declared_agent& agent);

/// {"run", "list", "missing"}: the tools that were listed for this agent in this run; else {}.
const json::object& listed_tools(const state_view& state, const context& ctx,
                                 const declared_agent& agent);

/// What is the same for the length of a run, or is counted in it: {"run", …}. Of another run: {}.
const json::object& of_this_run(const state_view& state, const context& ctx,
                                std::string_view channel);

/// The tools as this agent's model was told of them last.
result<std::vector<agent_tool>> told_tools(const state_view& state, const declared_agent& agent);

/// How many of its tools an agent of this model is told of. Two places are kept: for read_result,
/// and for the tool that it answers with.
std::size_t tools_beside_own(const model_directory& all, std::string_view model);

/// Null when the model was told of none of that name.
const agent_tool* find_tool(const std::vector<agent_tool>& tools, std::string_view told);

/// The answer in its form, once the agent has given it; else null.
const json::value* given_response(const state_view& state);

/// Calls of the last ai message that no tool message answers yet.
std::vector<json::object> open_calls(const state_view& state);
/// The same; none where a client sent that message.
std::vector<json::object> own_open_calls(const state_view& state);

/// All calls of the last ai message were made, and their tools say that a result ends the turn.
bool answered_directly(const state_view& state, const declared_agent& agent);

/// What a call is told when it cannot be made: its tool is none, or its arguments do not fit.
std::optional<std::string> wrong_with(const std::vector<agent_tool>& tools,
                                      const json::object& call);
/// What it is told when it may not be made.
std::string refused_call(const json::object& call, std::string_view why);

} // namespace behalf
