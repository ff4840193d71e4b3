#include "agents/safety/pins.hpp"
#include "agents/tools/other_agent.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/toolbox.hpp"
#include "behalf/agent.hpp"
#include "behalf/context.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/graph.hpp"

#include <algorithm>

namespace behalf {
namespace {

json::object task_tool(const std::vector<sub_agent>& agents) {
  std::string description = "Gives a task to another agent, which works on it by itself and "
                            "answers once. It sees nothing but the description: say all that it "
                            "needs to know. Independent tasks may be given at once. Agents:";
  json::array names;
  for (const auto& one : agents) {
    description += "\n- " + one.name;
    if (!one.description.empty())
      description += ": " + one.description;
    names.emplace_back(one.name);
  }
  json::object task{{"type", "string"}, {"description", "what to do, and what to answer with"}};
  json::object type{{"type", "string"}, {"enum", std::move(names)}};
  json::object arguments{{"description", std::move(task)}, {"subagent_type", std::move(type)}};
  json::object schema{{"type", "object"},
                      {"properties", std::move(arguments)},
                      {"required", {"description", "subagent_type"}},
                      {"additionalProperties", false}};
  // What it does outside is asked for, and told apart after a crash, where it does it.
  const tool_hints hints{.idempotent = true, .open_world = false};
  const tool_definition tool{std::string(task_tool_name), std::move(description),
                             std::move(schema)};
  return {{"tools", list(listed_tool(tool, hints))}};
}

class other_agents final : public known_toolbox {
public:
  // Agents that hand a conversation to each other have one each, which differ.
  other_agents(std::string_view of_agent, std::vector<sub_agent> agents)
    : known_toolbox("@agents of " + std::string(of_agent), task_tool(agents)),
      agents_(std::move(agents)) {}

  coroutine<tool_outcome> call(context ctx, requested_call what) const override {
    const auto name = string_or(what.args, "subagent_type");
    const auto found = std::find_if(agents_.begin(), agents_.end(),
                                    [&](const auto& one) { return one.name == name; });
    if (found == agents_.end())
      co_return tool_error(what.id, what.name, "Error: there is no such agent.");
    json::object input{{"messages", behalf::list(human(string_or(what.args, "description")))}};
    const bool ours = knows_taint(*found->flow); // to others these names may mean something else
    if (ours) {
      input[taint_channel] = to_json(what.known);
      input[pins_channel] = what.pins;
    }
    auto under_way = ctx.run(found->flow, std::move(input));
    const auto left = co_await std::move(under_way);
    tool_outcome became = left ? outcome_of(answer_of_agent(*left), what)
                               : tool_error(what.id, what.name,
                                            "Error: the agent '" + found->name
                                              + "' could not do it: " + left.error().message);
    if (const auto* pins = left && ours ? member(*left, pins_channel) : nullptr)
      became.changes.set(std::string(pins_channel), changed_pins(what.pins, *pins));
    const auto* seen = left && ours ? member(*left, taint_channel) : nullptr;
    if (seen) {
      became.seen = taint_from_json(seen);
    } else { // it failed, or is a graph that does not tell
      add_source(became.seen.untrusted, found->name, what.id);
      add_source(became.seen.personal, found->name, what.id);
    }
    co_return became;
  }

  bool runs_agents() const override { return true; }

private:
  std::vector<sub_agent> agents_;
};

} // namespace

bool knows_taint(const graph& flow) {
  const auto at = flow.channels()->find(taint_channel);
  return at != channel_table::none && flow.takes_input(at);
}

std::shared_ptr<const toolbox> task_toolbox(std::string_view of_agent,
                                            std::vector<sub_agent> agents) {
  return std::make_shared<other_agents>(of_agent, std::move(agents));
}

} // namespace behalf
