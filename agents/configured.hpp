// What assistants set of a declared agent, within what its declaration lets them.
#pragma once

#include "agents/tools/tool_list.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "runtime/base/json.hpp"

#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// An agent as the assistant of one run has it.
struct agent_settings {
  std::string model, prompt;
  agent_limits limits;
  json::object parameters; // of the model, over those of the configuration
  std::optional<std::vector<std::string>>
    tools; // none: all; else tools, or services for all theirs
};

/// Error: invalid_argument with the setting that the declaration does not allow, or not so far.
/// Members of `configurable` that no agent has are nobody's here, and fine.
result<agent_settings> settings_of(const agent_options& agent, const json::object& configurable);

/// The same for the run of a context; of a run that is another graph's, the declaration's own.
/// Limits that the assistant of `first` sets hold for all whom it hands the conversation to.
result<agent_settings> configured(const agent_options& agent, const agent_options& first,
                                  const context& ctx);

/// Leaves the tools that the settings name.
void keep_chosen(std::vector<agent_tool>& tools, const agent_settings& settings);

/// "no tool 'x'; there are: …" of a name that no tool of the agent can have; empty where the
/// services alone know.
std::string no_such_tool(const agent_options& agent, std::string_view name);

/// JSON Schema of what assistants may set, with what editors of assistants look for; {} where that
/// is nothing.
json::object settings_schema(const agent_options& agent);

} // namespace behalf
