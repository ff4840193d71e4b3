#include "agents/nodes/nodes.hpp"
#include "agents/safety/pins.hpp"
#include "agents/safety/verdict.hpp"
#include "agents/tools/approvals.hpp"
#include "agents/tools/arguments.hpp"
#include "agents/tools/results.hpp"
#include "runtime/base/json.hpp"

namespace behalf {
namespace {

// The model is to go on: it paused, made calls that nobody can read, or was told what is wrong.
bool to_be_asked_again(const json::value* message) {
  if (!message || !message->is_object())
    return false;
  const auto& m = message->get_object();
  if (string_or(m, "type") != "ai") // all of its calls were answered at once, or its answer was
    return true;
  const auto* invalid = member(m, "invalid_tool_calls");
  return string_or(object_or_empty(m, "response_metadata"), "stop_reason") == "pause_turn"
         || (invalid && invalid->is_array() && !invalid->get_array().empty());
}

// A task of node `tools`: all that it sees. A call that cannot be made has `refused` instead of
// a service.
json::object task_of(const declared_agent& agent, const std::vector<agent_tool>& tools,
                     const json::object& call, const taint& seen) {
  json::object task{{"call", call}};
  if (auto wrong = wrong_with(tools, call)) {
    task["refused"] = *wrong;
    return task;
  }
  const auto* tool = find_tool(tools, string_or(call, "name"));
  const auto* source = agent.source(tool->service);
  if (!source) {
    task["refused"] = "Error: this tool is not the agent's any more.";
    return task;
  }
  const auto& args = object_or_empty(call, "args");
  const auto became = judge({agent.options, *source, tool->name, tool->hints, args, seen});
  if (became.fate == call_fate::refuse) {
    task["refused"] = refused_call(call, became.why);
    return task;
  }
  task["service"] = tool->service;
  task["tool"] = tool->name;
  task["hash"] = tool->hash;
  task["read_only"] = tool->hints.read_only;
  task["destructive"] = tool->hints.destructive;
  task["open_world"] = tool->hints.open_world;
  task["repeatable"] = tool->hints.read_only || tool->hints.idempotent;
  task["taint"] = to_json(seen);
  if (became.fate == call_fate::ask)
    task["schema"] = tool->schema; // of arguments that the person may write
  return task;
}

// Those that wait for the person: of the tasks that have a `schema`.
std::vector<gated_call> gated_calls(const state_view& sent) {
  std::vector<gated_call> all;
  for (const auto& task : sent.list("tasks")) {
    if (!member(task, "schema"))
      continue;
    const auto& call = object_or_empty(task.as_object(), "call");
    all.push_back({std::string(string_or(call, "id")), std::string(string_or(call, "name")),
                   object_or_empty(call, "args")});
    const auto seen = taint_from_json(member(task.as_object(), "taint"));
    all.back().notes = told_of(seen);
    if (!seen.untrusted.empty())
      all.back().tainted_by = to_json(seen);
    if (bool_or(task.as_object(), "changed"))
      all.back().notes +=
        "\nThe service has changed what this tool is since the conversation began.";
  }
  return all;
}

// A later run that finds the task finds a call that may have been made: an approval is used once.
flow::send to_tools(json::object task, const context& ctx) {
  task["run"] = ctx.run_id();
  return {"tools", std::move(task)};
}

struct decided {
  flow::route go_to;
  json::array answers; // of calls that are not made
  json::object pins;   // of tools as they are now
};

// `task`: one that waited, with the schema of its tool.
void decide(decided& all, json::object task, const call_decision& word, const context& ctx) {
  auto& call = task["call"].as_object();
  const std::string id(string_or(call, "id")), name(string_or(call, "name"));
  const auto schema = object_or_empty(task, "schema");
  task.erase("schema");
  const bool goes_on = word.type == decision_type::approve || word.type == decision_type::edit;
  if (goes_on && bool_or(task, "changed"))
    add_pin(all.pins, string_or(task, "service"), string_or(task, "tool"), string_or(task, "hash"));
  switch (word.type) {
  case decision_type::approve:
    task["approved"] = true;
    all.go_to.add(to_tools(std::move(task), ctx));
    break;
  case decision_type::edit:
    call["args"] = word.args;
    if (auto wrong = wrong_arguments(schema, call)) {
      all.answers.push_back(tool_error(id, name, *wrong));
      break;
    }
    task["approved"] = true;
    task["edited"] = word.args;
    all.go_to.add(to_tools(std::move(task), ctx));
    break;
  case decision_type::reject:
    all.answers.push_back(tool_error(
      id, name,
      "User rejected the tool call for `" + name + "`"
        + (word.message.empty() ? ". The tool was not executed. Do not call it again unless the "
                                  "user asks for it."
                                : " with reason: " + word.message)));
    break;
  case decision_type::respond: {
    auto answer = tool_message(word.message, id);
    answer.as_object()["name"] = name;
    all.answers.push_back(std::move(answer));
  }
  }
}

} // namespace

result<flow::route> after_model(const state_view& state, const context& ctx,
                                const declared_agent& agent) {
  const auto calls = own_open_calls(state);
  if (calls.empty() && !agent.options.response.schema.empty() && given_response(state))
    return flow::route{flow::end};
  if (calls.empty() && answered_directly(state, agent))
    return flow::route{flow::end};
  if (calls.empty())
    return to_be_asked_again(state.last("messages")) ? flow::route{"model"}
                                                     : flow::route{flow::end};
  auto tools = told_tools(state, agent);
  if (!tools)
    return tools.error();
  // Tasks as they are now: what the messages become while a person thinks changes nothing.
  const auto seen = taint_of(state);
  json::array tasks;
  bool asks = false;
  for (const auto& call : calls) {
    auto task = task_of(agent, *tools, call, seen);
    task["agent"] = agent.options.name;
    const auto* tool = find_tool(*tools, string_or(call, "name"));
    const auto* box = tool ? agent.find(tool->service) : nullptr;
    if (box && box->runs_agents())
      task["pins"] = pins_of(state);
    if (tool && !task.contains("refused")
        && is_changed(state, tool->service, tool->name, tool->hash)) {
      task["changed"] = true;
      task["schema"] = tool->schema;
    }
    asks = asks || task.contains("schema");
    tasks.push_back(std::move(task));
  }
  if (asks)
    return flow::route{flow::send{std::string(approval_node), {{"tasks", std::move(tasks)}}}};
  flow::route all;
  for (auto& task : tasks)
    all.add(to_tools(std::move(task).as_object(), ctx));
  return all;
}

result<void> check_decisions(const state_view& sent, const json::value& answer) {
  if (auto read = read_decisions(answer, gated_calls(sent)); !read)
    return read.error();
  return {};
}

coroutine<node_result> approve_calls(state_view state, context ctx) {
  const auto tasks = state.list("tasks");
  const auto gated = gated_calls(state);
  auto question = hitl_request(gated);
  std::vector<call_decision> words;
  while (words.size() < gated.size()) {
    auto stop = ctx.interrupt(question);
    const auto answer = co_await std::move(stop);
    if (auto read = read_decisions(answer, gated))
      words = std::move(*read);
    else
      question["error"] = read.error().message;
  }
  decided all;
  auto word = words.begin();
  for (const auto& task : tasks) // in the order of the model's calls
    if (member(task, "schema"))
      decide(all, task.as_object(), *word++, ctx);
    else
      all.go_to.add(to_tools(task.as_object(), ctx));
  if (all.go_to.targets().empty())
    all.go_to = flow::route{"model"};
  flow::update changes{{"messages", std::move(all.answers)}};
  if (!all.pins.empty())
    changes.set(std::string(pins_channel), std::move(all.pins));
  co_return flow::command{std::move(changes), std::move(all.go_to)};
}

} // namespace behalf
