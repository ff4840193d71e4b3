#include "behalf/agent.hpp"

#include "agents/configured.hpp"
#include "agents/declaration.hpp"
#include "agents/nodes/nodes.hpp"
#include "agents/safety/authorship.hpp"
#include "agents/safety/pins.hpp"
#include "agents/safety/taint.hpp"
#include "agents/tools/builtin.hpp"
#include "agents/tools/kept_results.hpp"
#include "agents/tools/openapi.hpp"
#include "runtime/base/among.hpp"
#include "runtime/graph/graph.hpp"

#include <algorithm>
#include <utility>

namespace behalf {
namespace {

bool has_messages(const graph& flow) {
  const auto at = flow.channels()->find("messages");
  return at != channel_table::none && (*flow.channels())[at].kind == reducer::messages
         && flow.takes_input(at) && flow.shows(at);
}

const agent_options* named(const std::vector<agent_options>& all, std::string_view name) {
  const auto at =
    std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  return at == all.end() ? nullptr : &*at;
}

result<void> check(const agent_options& options, const std::vector<agent_options>& all) {
  if (auto ok = check_declaration(options); !ok)
    return ok;
  if (named(all, options.name) != &options)
    return fail(errc::invalid_argument, "'" + options.name + "' stands twice in the team");
  for (const auto& name : options.hand_offs)
    if (!named(all, name))
      return fail(errc::invalid_argument,
                  "'" + name + "' is not in the team: it cannot be handed a conversation");
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
std::shared_ptr<const graph> shown_inside(const std::vector<agent_options>& team) {
  std::vector<std::shared_ptr<const graph>> inside;
  for (const auto& member : team)
    for (const auto& one : member.agents)
      inside.push_back(one.flow);
  if (inside.size() == 1)
    return inside.front();
  std::shared_ptr<const graph> shown;
  for (const auto& one : inside) {
    if (!is_declared(*one))
      return nullptr;
    if (!shown || one->find("tools"))
      shown = one;
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
    source.timeouts[one.what.what.name] = one.timeout;
    tools.push_back(one.what);
  }
  made.toolboxes.push_back(function_toolbox(std::move(tools)));
  source.service = made.toolboxes.back()->name();
  made.sources.push_back(std::move(source));
}

// Nobody is asked about its calls, and they bring nothing but what they say that they do.
void add_harmless(declared_agent& made, std::shared_ptr<const toolbox> box) {
  tool_source source;
  source.service = box->name();
  source.reads = {"*"}; // what an agent does with a task is judged where it does it
  source.trusted = true;
  source.personal = false;
  made.sources.push_back(std::move(source));
  made.toolboxes.push_back(std::move(box));
}

void add_builtin_tools(declared_agent& to) {
  const auto names = builtin_of(to.options);
  if (names.empty())
    return;
  tool_source source{std::string(builtin_service), {"*"}};
  if (among(names, "todo"))
    source.reads = {std::string(todo_tool_name)}; // it changes this conversation alone
  source.trusted = true;
  source.personal = false;
  to.sources.push_back(std::move(source));
  to.toolboxes.push_back(builtin_toolbox(names, to.options.name));
}

void add_other_agents(declared_agent& made) {
  const auto& agents = made.options.agents;
  if (agents.empty())
    return;
  add_harmless(made, task_toolbox(made.options.name, agents));
  if (!std::all_of(agents.begin(), agents.end(),
                   [](const sub_agent& one) { return one.flow && knows_taint(*one.flow); })) {
    made.sources.back().reads.clear(); // nobody judges what a graph of one's own does with a task
    made.sources.back().allow = {"*"};
  }
}

void add_hand_offs(declared_agent& made, const std::vector<agent_options>& all) {
  if (made.options.hand_offs.empty())
    return;
  std::vector<hand_off_target> to;
  for (const auto& name : made.options.hand_offs) {
    const auto* one = named(all, name);
    to.push_back({name, one ? one->description : std::string{}});
  }
  add_harmless(made, hand_off_toolbox(std::move(to)));
}

bool has_tools(const declared_agent& one) {
  return !one.toolboxes.empty();
}

json::value keep_last(const json::value&, const json::value& next) {
  return next;
}

// What each agent keeps for itself, by its name.
json::value keep_of_each(const json::value& old, const json::value& next) {
  json::object all;
  for (const auto* one : {&old, &next})
    if (const auto* of_agents = one->if_object())
      for (const auto& [name, kept] : *of_agents)
        if (kept.is_object()) // a thread of long ago has one agent's, without its name
          all[name] = kept;
  return all;
}

// Channels of what they answer beside messages.
void add_answers(graph_builder& b, const std::vector<agent_options>& all) {
  std::vector<json::object> forms;
  for (const auto& one : all)
    if (!one.response.schema.empty())
      forms.push_back(one.response.schema);
  if (!forms.empty())
    b.channel("structured_response",
              flow::last_value(forms.size() == 1 ? forms.front() : json::object{}));
  if (std::any_of(all.begin(), all.end(),
                  [](const auto& one) { return among(one.builtin, "todo"); }))
    b.channel("todos", flow::reduced(keep_last, json::array{})); // of two in one step the last one
}

} // namespace

std::shared_ptr<const declared_agent> declared(const agent_options& options,
                                               const std::vector<agent_options>& all) {
  declared_agent made{options, all.front(), {}, {}};
  for (const auto& source : made.options.tools) {
    made.sources.push_back(source);
    made.toolboxes.push_back(source.a2a                  ? a2a_toolbox(source)
                             : !source.assistant.empty() ? agent_server_toolbox(source)
                             : source.document           ? openapi_toolbox(source)
                                                         : mcp_toolbox(source.service));
  }
  add_functions(made);
  if (!made.toolboxes.empty())
    add_harmless(made, kept_toolbox());
  add_other_agents(made);
  add_hand_offs(made, all);
  add_builtin_tools(made);
  return std::make_shared<const declared_agent>(std::move(made));
}

result<std::shared_ptr<const graph>> make_agent(agent_options options, agent_place place) {
  auto all = std::exchange(options.team, {});
  all.insert(all.begin(), std::move(options));
  agent_team team;
  for (const auto& one : all) {
    if (auto ok = check(one, all); !ok)
      return ok.error();
    team.push_back(declared(one, all));
  }
  graph_builder b{team.front()->options.name};
  b.closed(); // to the tools lead the model's calls alone, by way of the approval
  if (auto schema = settings_schema(team.front()->options); !schema.empty())
    b.config_schema(std::move(schema));
  b.channel("messages", flow::messages());
  add_answers(b, all);
  b.private_channel("tools", flow::reduced(keep_of_each, json::object{}));
  b.private_channel("counted", flow::last_value());
  b.private_channel("shortened", flow::last_value());
  b.private_channel("remembered", flow::reduced(keep_of_each, json::object{}));
  b.private_channel(std::string(kept_channel), flow::reduced(keep_last)); // of several in one step
  std::vector<std::string> given{"messages"}; // all else is the agent's to write
  if (place == agent_place::inside) { // its node gives it what was seen, and takes what it has seen
    b.channel(given.emplace_back(taint_channel), keeps_taint());
    b.channel(given.emplace_back(pins_channel), keeps_pins());
  } else {
    b.private_channel(std::string(taint_channel), keeps_taint());
    b.private_channel(std::string(pins_channel), keeps_pins());
  }
  b.input(std::move(given));
  b.private_channel(std::string(written_channel), flow::append());
  if (team.size() > 1)
    b.channel(std::string(active_agent_channel),
              flow::reduced(keep_last)); // of two hand-overs in one step the last one
  b.node("model", [team](state_view state, context ctx) {
    const auto& speaker = member_named(team, state.text(active_agent_channel));
    return ask_turn(std::move(state), std::move(ctx), speaker);
  });
  b.edge(flow::start, "model");
  std::vector<std::string> targets{"model", std::string(flow::end)};
  if (std::any_of(team.begin(), team.end(), [](const auto& one) { return has_tools(*one); })) {
    node_options tools;
    tools.calls = shown_inside(all);
    b.node(
      "tools",
      [team](state_view state, context ctx) {
        const auto& caller = member_named(team, state.text("agent")); // of the task
        return signing(make_call(std::move(state), std::move(ctx), caller));
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
    [team](const state_view& state, const context& ctx) {
      return after_model(state, ctx, *member_named(team, state.text(active_agent_channel)));
    },
    targets);
  return b.build();
}

} // namespace behalf
