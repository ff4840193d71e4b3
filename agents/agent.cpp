#include "agents/agent.hpp"

#include "agents/configured.hpp"
#include "agents/nodes/nodes.hpp"
#include "agents/safety/authorship.hpp"
#include "agents/safety/pins.hpp"
#include "agents/safety/taint.hpp"
#include "agents/tools/builtin.hpp"
#include "agents/tools/openapi.hpp"
#include "runtime/graph/graph.hpp"

#include <algorithm>

namespace behalf {
namespace {

bool has_messages(const graph& flow) {
  const auto at = flow.channels()->find("messages");
  return at != channel_table::none && (*flow.channels())[at].kind == reducer::messages
         && flow.takes_input(at) && flow.shows(at);
}

result<void> check(const agent_options& options) {
  for (const auto& one : options.functions)
    if (!one.what.call)
      return fail(errc::invalid_argument,
                  "the function '" + one.what.what.name + "' is nowhere defined");
  for (const auto& one : options.agents)
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

// The operator's own code is believed; what it reads may be anybody's words, unless it says not.
void add_functions(declared_agent& made) {
  if (made.options.functions.empty())
    return;
  std::vector<function_tool> tools;
  tool_source source;
  source.trusted = true;
  for (const auto& one : made.options.functions) {
    using rule = function_use::rule;
    const auto free =
      one.approval == rule::by_hints ? one.what.hints.read_only : one.approval == rule::allow;
    (free ? source.allow : source.ask).push_back(one.what.what.name);
    tools.push_back(one.what);
  }
  made.toolboxes.push_back(function_toolbox(std::move(tools)));
  source.service = made.toolboxes.back()->name();
  made.sources.push_back(std::move(source));
}

// What other agents have seen each call tells.
void add_other_agents(declared_agent& made) {
  if (made.options.agents.empty())
    return;
  made.toolboxes.push_back(task_toolbox(made.options.agents));
  tool_source source;
  source.service = made.toolboxes.back()->name();
  source.reads = {"*"}; // what an agent does with a task is judged where it does it
  source.trusted = true;
  source.personal = false;
  made.sources.push_back(std::move(source));
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_builtin_tools(declared_agent& to) {
  auto& names = to.options.builtin;
  if (to.options.memory.remember)
    names.insert(names.end(), {"remember", "recall"});
  if (names.empty())
    return;
  tool_source source{std::string(builtin_service), {"*"}};
  source.reads = {"write_todos"}; // it changes this conversation alone
  source.trusted = true;
  source.personal = false;
  to.sources.push_back(std::move(source));
  to.toolboxes.push_back(builtin_toolbox(names, to.options.name));
}

} // namespace

result<std::shared_ptr<const graph>> make_agent(agent_options options, agent_place place) {
  if (auto ok = check(options); !ok)
    return ok.error();
  declared_agent made{std::move(options), {}, {}};
  for (const auto& source : made.options.tools) {
    made.sources.push_back(source);
    made.toolboxes.push_back(source.document ? openapi_toolbox(source)
                                             : mcp_toolbox(source.service));
  }
  add_functions(made);
  add_other_agents(made);
  add_builtin_tools(made);
  const auto agent = std::make_shared<const declared_agent>(std::move(made));
  graph_builder b{agent->options.name};
  b.closed(); // to the tools lead the model's calls alone, by way of the approval
  if (auto schema = settings_schema(agent->options); !schema.empty())
    b.config_schema(std::move(schema));
  b.channel("messages", flow::messages());
  if (const auto& form = agent->options.response.schema; !form.empty())
    b.channel("structured_response", flow::last_value(form));
  if (has(agent->options.builtin, "todo")) // of two lists in one step the last one counts
    b.channel("todos",
              flow::reduced([](const json::value&, const json::value& next) { return next; },
                            json::array{}));
  b.private_channel("tools", flow::last_value());
  b.private_channel("counted", flow::last_value());
  b.private_channel("shortened", flow::last_value());
  b.private_channel("remembered", flow::last_value());
  std::vector<std::string> given{"messages"}; // all else is the agent's to write
  if (place == agent_place::inside) { // its node gives it what was seen, and takes what it has seen
    b.channel(std::string(taint_channel), keeps_taint());
    given.emplace_back(taint_channel);
  } else {
    b.private_channel(std::string(taint_channel), keeps_taint());
  }
  b.input(std::move(given));
  b.private_channel(std::string(written_channel), flow::append());
  b.private_channel(std::string(pins_channel), keeps_pins());
  b.node("model", [agent](state_view state, context ctx) {
    return signing(ask_turn(std::move(state), std::move(ctx), agent));
  });
  b.edge(flow::start, "model");
  std::vector<std::string> targets{"model", std::string(flow::end)};
  if (!agent->toolboxes.empty()) {
    node_options tools;
    tools.calls = shown_inside(agent->options.agents);
    b.node(
      "tools",
      [agent](state_view state, context ctx) {
        return signing(make_call(std::move(state), std::move(ctx), agent));
      },
      std::move(tools));
    b.edge("tools", "model");
    node_options approval;
    approval.may_go_to = {"tools", "model"};
    approval.check_answer = check_decisions;
    b.node(
      std::string(approval_node),
      [](state_view state, context ctx) {
        return signing(approve_calls(std::move(state), std::move(ctx)));
      },
      std::move(approval));
    targets.insert(targets.end(), {"tools", std::string(approval_node)});
  }
  b.conditional(
    "model",
    [agent](const state_view& state, const context&) { return after_model(state, *agent); },
    targets);
  return b.build();
}

} // namespace behalf
