#include "agents/agent.hpp"

#include "agents/nodes/nodes.hpp"
#include "agents/safety/taint.hpp"
#include "agents/tools/openapi.hpp"
#include "runtime/graph/graph.hpp"

namespace behalf {
namespace {

bool has_messages(const graph& flow) {
  const auto at = flow.channels()->find("messages");
  return at != channel_table::none && (*flow.channels())[at].kind == reducer::messages
         && flow.takes_input(at) && flow.shows(at);
}

result<void> check(const std::vector<sub_agent>& agents) {
  for (const auto& one : agents)
    if (!one.flow || !has_messages(*one.flow))
      return fail(errc::invalid_argument,
                  "'" + one.name + "' takes and gives no messages: it cannot be given tasks");
  return {};
}

bool is_declared(const graph& flow) {
  return flow.closed() && flow.find("model");
}

// What drawings and states show inside node `tools`. Declared agents differ in nothing that these
// show but in whether they have tools; of graphs that differ none is shown.
std::shared_ptr<const graph> shown_inside(const std::vector<sub_agent>& agents) {
  if (agents.size() == 1)
    return agents.front().flow;
  std::shared_ptr<const graph> shown;
  for (const auto& one : agents) {
    if (!is_declared(*one.flow))
      return nullptr;
    if (!shown || one.flow->find("tools"))
      shown = one.flow;
  }
  return shown;
}

} // namespace

result<std::shared_ptr<const graph>> make_agent(agent_options options) {
  if (auto ok = check(options.agents); !ok)
    return ok.error();
  declared_agent made{std::move(options), {}, {}};
  for (const auto& source : made.options.tools) {
    made.sources.push_back(source);
    made.toolboxes.push_back(source.document ? openapi_toolbox(source)
                                             : mcp_toolbox(source.service));
  }
  if (!made.options.agents.empty()) {
    made.toolboxes.push_back(task_toolbox(made.options.agents));
    made.sources.push_back({made.toolboxes.back()->name(), {"*"}, {}, {}});
  }
  const auto agent = std::make_shared<const declared_agent>(std::move(made));
  graph_builder b{agent->options.name};
  b.closed(); // to the tools lead the model's calls alone, by way of the approval
  b.channel("messages", flow::messages());
  b.private_channel("tools", flow::last_value());
  b.private_channel("counted", flow::last_value());
  b.private_channel(std::string(taint_channel), keeps_taint());
  b.node("model", [agent](state_view state, context ctx) {
    return ask_turn(std::move(state), std::move(ctx), agent);
  });
  b.edge(flow::start, "model");
  std::vector<std::string> targets{"model", std::string(flow::end)};
  if (!agent->toolboxes.empty()) {
    node_options tools;
    tools.calls = shown_inside(agent->options.agents);
    b.node(
      "tools",
      [agent](state_view state, context ctx) {
        return make_call(std::move(state), std::move(ctx), agent);
      },
      std::move(tools));
    b.edge("tools", "model");
    node_options approval;
    approval.may_go_to = {"tools", "model"};
    b.node(std::string(approval_node), approve_calls, std::move(approval));
    targets.insert(targets.end(), {"tools", std::string(approval_node)});
  }
  b.conditional(
    "model", [](const state_view& state, const context&) { return after_model(state); }, targets);
  return b.build();
}

} // namespace behalf
