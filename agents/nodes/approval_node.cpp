#include "agents/nodes/nodes.hpp"
#include "agents/safety/taint.hpp"
#include "agents/tools/approvals.hpp"
#include "agents/tools/results.hpp"
#include "runtime/base/json.hpp"

namespace behalf {
namespace {

// The model is to go on: it paused, or made calls that nobody can read.
bool to_be_asked_again(const json::value* message) {
  if (!message || !message->is_object())
    return false;
  const auto& m = message->get_object();
  if (string_or(m, "type") == "tool") // all of its calls were answered at once
    return true;
  const auto* invalid = member(m, "invalid_tool_calls");
  return string_or(object_or_empty(m, "response_metadata"), "stop_reason") == "pause_turn"
         || (invalid && invalid->is_array() && !invalid->get_array().empty());
}

// A task of node `tools`: all that it sees. A call that cannot be made has `refused` instead of
// a service.
json::object task_of(const std::vector<agent_tool>& tools, const json::object& call,
                     const taint& seen) {
  json::object task{{"call", call}, {"taint", to_json(seen)}};
  if (auto wrong = wrong_with(tools, call)) {
    task["refused"] = *wrong;
  } else {
    const auto* tool = find_tool(tools, string_or(call, "name"));
    task["service"] = tool->service;
    task["tool"] = tool->name;
    task["read_only"] = tool->hints.read_only;
    task["destructive"] = tool->hints.destructive;
    task["open_world"] = tool->hints.open_world;
    task["repeatable"] = tool->hints.read_only || tool->hints.idempotent;
  }
  return task;
}

struct decided {
  flow::route go_to;
  json::array answers; // of calls that are not made
};

// `task`: one that waited, with the schema of its tool.
void decide(decided& all, json::object task, const call_decision& word) {
  auto& call = task["call"].as_object();
  const std::string id(string_or(call, "id")), name(string_or(call, "name"));
  const auto schema = object_or_empty(task, "schema");
  task.erase("schema");
  switch (word.type) {
  case decision_type::approve:
    task["approved"] = true;
    all.go_to.add(flow::send{"tools", std::move(task)});
    break;
  case decision_type::edit:
    call["args"] = word.args;
    if (auto wrong = wrong_arguments(schema, call)) {
      all.answers.push_back(tool_error(id, name, *wrong));
      break;
    }
    task["approved"] = true;
    task["edited"] = word.args;
    all.go_to.add(flow::send{"tools", std::move(task)});
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

result<flow::route> after_model(const state_view& state) {
  const auto calls = open_calls(state);
  if (calls.empty())
    return to_be_asked_again(state.last("messages")) ? flow::route{"model"}
                                                     : flow::route{flow::end};
  auto tools = told_tools(state);
  if (!tools)
    return tools.error();
  // Tasks as they are now: what the messages become while a person thinks changes nothing.
  const auto seen = taint_of(state);
  json::array tasks;
  bool asks = false;
  for (const auto& call : calls) {
    auto task = task_of(*tools, call, seen);
    const auto* tool = find_tool(*tools, string_or(call, "name"));
    if (!task.contains("refused") && tool->approval == tool_approval::ask) {
      task["schema"] = tool->schema; // of arguments that the person may write
      asks = true;
    }
    tasks.push_back(std::move(task));
  }
  if (asks)
    return flow::route{flow::send{std::string(approval_node), {{"tasks", std::move(tasks)}}}};
  flow::route all;
  for (auto& task : tasks)
    all.add(flow::send{"tools", std::move(task)});
  return all;
}

coroutine<node_result> approve_calls(state_view state, context ctx) {
  const auto tasks = state.list("tasks"); // those with a `schema` are asked about
  std::vector<gated_call> gated;
  for (const auto& task : tasks) {
    if (!member(task, "schema"))
      continue;
    const auto& call = object_or_empty(task.as_object(), "call");
    gated.push_back({std::string(string_or(call, "id")), std::string(string_or(call, "name")),
                     object_or_empty(call, "args")});
  }
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
      decide(all, task.as_object(), *word++);
    else
      all.go_to.add(flow::send{"tools", task});
  if (all.go_to.targets().empty())
    all.go_to = flow::route{"model"};
  co_return flow::command{flow::update{{"messages", std::move(all.answers)}}, std::move(all.go_to)};
}

} // namespace behalf
