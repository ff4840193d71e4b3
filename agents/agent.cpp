#include "agents/agent.hpp"

#include "agents/nodes/nodes.hpp"
#include "agents/safety/taint.hpp"

namespace behalf {

result<std::shared_ptr<const graph>> make_agent(agent_options options) {
  declared_agent made{std::move(options), {}, {}};
  for (const auto& source : made.options.tools) {
    made.sources.push_back(source);
    made.toolboxes.push_back(mcp_toolbox(source.service));
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
    b.node("tools", [agent](state_view state, context ctx) {
      return make_call(std::move(state), std::move(ctx), agent);
    });
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
