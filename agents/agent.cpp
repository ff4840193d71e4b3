#include "agents/agent.hpp"

#include "agents/tools/approvals.hpp"
#include "agents/tools/arguments.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/tool_list.hpp"
#include "behalf/chat_model.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/task_facts.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace behalf {
namespace {

// As create_agent's middleware calls it: clients and drawings know the name.
constexpr std::string_view approval_node = "HumanInTheLoopMiddleware.after_model";

using options_ptr = std::shared_ptr<const agent_options>;

// --- channels of the agent's own -------------------------------------------------------------

// What stays the same for the length of a run, or is counted in it: {"run", …}. Of another run: {}.
const json::object& of_this_run(const state_view& state, const context& ctx,
                                std::string_view channel) {
  static const json::object none;
  const auto* kept = state.find(channel);
  if (!kept || !kept->is_object() || string_or(kept->get_object(), "run") != ctx.run_id())
    return none;
  return kept->get_object();
}

// The tools as the model was told of them when it made the calls that are read now.
result<std::vector<agent_tool>> told_tools(const state_view& state) {
  const auto* kept = state.find("tools");
  const auto* list = kept ? member(*kept, "list") : nullptr;
  if (!list)
    return std::vector<agent_tool>{};
  return tools_from_json(*list);
}

// What a task was sent: all that it sees. Of one that a client made, by a `goto`: {}.
const json::object& sent_to(const state_view& state) {
  static const json::object none;
  const auto* sent = state.sent();
  return sent && sent->is_object() ? sent->get_object() : none;
}

const agent_tool* find_tool(const std::vector<agent_tool>& tools, std::string_view told) {
  auto at = std::find_if(tools.begin(), tools.end(),
                         [&](const agent_tool& one) { return one.as_told.name == told; });
  return at == tools.end() ? nullptr : &*at;
}

// --- calls -----------------------------------------------------------------------------------

// Those of the last ai message that no tool message answers yet.
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

std::string names_of(const std::vector<agent_tool>& tools) {
  std::string all;
  for (const auto& one : tools)
    all += (all.empty() ? "" : ", ") + one.as_told.name;
  return all;
}

// The same of its arguments alone.
std::optional<std::string> wrong_arguments(const json::object& schema, const json::object& call) {
  if (auto ok = check_arguments(schema, object_or_empty(call, "args")); !ok)
    return "Error invoking tool '" + std::string(string_or(call, "name"))
           + "': " + ok.error().message + "\nPlease fix the error and try again.";
  return std::nullopt;
}

// What a call is told when it cannot be made; nothing when it can.
std::optional<std::string> wrong_with(const std::vector<agent_tool>& tools,
                                      const json::object& call) {
  const auto name = string_or(call, "name");
  const auto* tool = find_tool(tools, name);
  if (!tool)
    return "Error: " + std::string(name) + " is not a valid tool, try one of [" + names_of(tools)
           + "].";
  return wrong_arguments(tool->schema, call);
}

// A task of node `tools`: all that it sees. A call that cannot be made has `refused` instead of
// a service.
json::object task_of(const std::vector<agent_tool>& tools, const json::object& call) {
  json::object task{{"call", call}};
  if (auto wrong = wrong_with(tools, call)) {
    task["refused"] = *wrong;
  } else {
    const auto* tool = find_tool(tools, string_or(call, "name"));
    task["service"] = tool->service;
    task["tool"] = tool->name;
    task["read_only"] = tool->hints.read_only;
    task["repeatable"] = tool->hints.read_only || tool->hints.idempotent;
  }
  return task;
}

// --- node model ------------------------------------------------------------------------------

// Why a service's tools are missing, in words that come from nobody outside.
std::string_view reason_of(const error& why) {
  if (why.kind == "needs_auth")
    return "the user has not given access to it";
  return why.code == errc::timeout ? "it does not answer" : "it cannot be reached";
}

struct listing {
  std::vector<service_tools> found;
  std::string missing; // a sentence for the model about each service that could not be asked
};

coroutine<listing> list_tools(context ctx, options_ptr agent) {
  std::vector<awaiting<service_reply>> calls;
  for (const auto& source : agent->tools)
    calls.push_back(ctx.service(source.service).list_tools());
  auto replies = co_await when_all(std::move(calls));
  listing all;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto& service = agent->tools[i].service;
    if (replies[i]) {
      all.found.push_back({service, std::move(replies[i]->body)});
      continue;
    }
    const std::string why(reason_of(replies[i].error()));
    all.missing += "\nThe tools of '" + service + "' are not there now: " + why + ".";
    ctx.write({{"type", "tools_unavailable"},
               {"service", service},
               {"reason", replies[i].error().message}});
  }
  co_return all;
}

// The prompt with the user's names in it; what these hold is text, whatever it looks like.
std::string prompt_for(const agent_options& agent, const context& ctx) {
  constexpr std::string_view identity = "{identity}", display_name = "{display_name}";
  std::string made;
  for (std::string_view rest = agent.prompt; !rest.empty();) {
    if (rest.starts_with(identity)) {
      made += ctx.identity();
      rest.remove_prefix(identity.size());
    } else if (rest.starts_with(display_name)) {
      made += string_or(ctx.user(), "display_name", ctx.identity());
      rest.remove_prefix(display_name.size());
    } else {
      const auto plain = rest.substr(0, rest.find('{', 1));
      made += plain;
      rest.remove_prefix(plain.size());
    }
  }
  return made;
}

json::object count(const context& ctx, int64_t model_calls, int64_t tool_calls) {
  return {{"run", ctx.run_id()}, {"model_calls", model_calls}, {"tool_calls", tool_calls}};
}

// One turn of the model: the tools it may call, the limits of the run, the question, the answer.
coroutine<node_result> ask(state_view state, context ctx, options_ptr agent) {
  const auto& counted = of_this_run(state, ctx, "counted");
  const auto model_calls = int_or(counted, "model_calls");
  auto tool_calls = int_or(counted, "tool_calls");
  if (model_calls >= agent->limits.model_calls) {
    const auto most = std::to_string(agent->limits.model_calls);
    co_return flow::update{
      {"messages", ai("Model call limits exceeded: run limit (" + most + "/" + most + ")")}};
  }
  flow::update changes;
  const auto* known = member(of_this_run(state, ctx, "tools"), "list");
  std::vector<agent_tool> tools;
  std::string missing(string_or(of_this_run(state, ctx, "tools"), "missing"));
  if (known) {
    auto read = tools_from_json(*known);
    if (!read)
      co_return read.error();
    tools = std::move(*read);
  } else if (!agent->tools.empty()) {
    auto listed = list_tools(ctx, agent);
    auto all = co_await std::move(listed);
    auto made = make_tool_list(agent->tools, all.found);
    for (const auto& note : made.notes)
      ctx.write({{"type", "tools_note"}, {"note", note}});
    tools = std::move(made.tools);
    missing = std::move(all.missing);
    changes.set("tools", {{"run", ctx.run_id()}, {"list", to_json(tools)}, {"missing", missing}});
  }
  chat_request question{state.list("messages")};
  question.system = prompt_for(*agent, ctx) + missing;
  for (const auto& tool : tools)
    question.tools.push_back(tool.as_told);
  auto asked = ask_model(ctx, agent->model, std::move(question));
  auto said = co_await std::move(asked);
  if (!said)
    co_return said.error();
  auto& message = said->as_object();
  message["name"] = agent->name;
  json::array added{std::move(*said)};
  const auto calls = tool_calls_of(added.front());
  for (const auto& one : calls) {
    const auto& call = one.as_object();
    std::optional<std::string> refused;
    if (++tool_calls > agent->limits.tool_calls)
      refused = "Tool call limit exceeded. Do not make additional tool calls.";
    else if (agent->tools.empty()) // there is no node for it
      refused = wrong_with(tools, call);
    if (refused)
      added.push_back(tool_error(string_or(call, "id"), string_or(call, "name"), *refused));
  }
  changes.set("messages", std::move(added));
  changes.set("counted", count(ctx, model_calls + 1, tool_calls));
  co_return changes;
}

// --- where to go from there ------------------------------------------------------------------

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

result<flow::route> after_model(const state_view& state) {
  const auto calls = open_calls(state);
  if (calls.empty())
    return to_be_asked_again(state.last("messages")) ? flow::route{"model"}
                                                     : flow::route{flow::end};
  auto tools = told_tools(state);
  if (!tools)
    return tools.error();
  // Tasks as they are now: what the messages become while a person thinks changes nothing.
  json::array ask, others;
  for (const auto& call : calls) {
    auto task = task_of(*tools, call);
    const auto* tool = find_tool(*tools, string_or(call, "name"));
    if (task.contains("refused") || tool->approval == tool_approval::allow) {
      others.push_back(std::move(task));
      continue;
    }
    task["schema"] = tool->schema; // of arguments that the person may write
    ask.push_back(std::move(task));
  }
  if (!ask.empty())
    return flow::route{flow::send{std::string(approval_node),
                                  {{"ask", std::move(ask)}, {"others", std::move(others)}}}};
  flow::route all;
  for (auto& task : others)
    all.add(flow::send{"tools", std::move(task)});
  return all;
}

// --- the approval ----------------------------------------------------------------------------

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
    all.answers.push_back(tool_error(id, name,
                                     word.message.empty() ? "User rejected the tool call for `"
                                                              + name + "` with id " + id
                                                          : word.message));
    break;
  case decision_type::respond: {
    auto answer = tool_message(word.message, id);
    answer.as_object()["name"] = name;
    all.answers.push_back(std::move(answer));
  }
  }
}

// Asks the user about the calls that need it; no call of this turn is made before the answer. An
// answer that cannot be read is asked for again.
coroutine<node_result> approve(state_view state, context ctx) {
  const auto asked = state.list("ask");
  std::vector<gated_call> gated;
  for (const auto& task : asked) {
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
  for (std::size_t i = 0; i < asked.size(); ++i)
    decide(all, asked[i].as_object(), words[i]);
  for (const auto& task : state.list("others"))
    all.go_to.add(flow::send{"tools", task});
  if (all.go_to.targets().empty())
    all.go_to = flow::route{"model"};
  co_return flow::command{flow::update{{"messages", std::move(all.answers)}}, std::move(all.go_to)};
}

// --- node tools ------------------------------------------------------------------------------

constexpr std::string_view unknown_outcome =
  "Error: the server stopped while this call was open. Whether it was made is unknown, and it was "
  "not made again. Find out before you call the tool once more.";

std::string sentence_of(const error& why, std::string_view service) {
  const std::string name(service);
  if (why.kind == "needs_auth")
    return "Error: the user has not given access to '" + name + "'.";
  return "Error: '" + name + "' could not do it: " + why.message;
}

// In front of what a tool answered.
void say_first(json::object& message, const std::string& sentence) {
  auto& content = message["content"];
  if (auto* text = content.if_string())
    text->insert(0, sentence + '\n');
  else if (auto* blocks = content.if_array())
    blocks->insert(blocks->begin(), text_block(sentence));
}

// One call of a tool. Whatever becomes of it is told to the model: a failed tool ends no run.
// The task may have been left by another agent on the thread, or be older than the declaration,
// which has the last word on what is called.
coroutine<node_result> call_tool(state_view state, context ctx, options_ptr agent) {
  const auto& task = sent_to(state);
  if (task.empty())
    co_return flow::update{};
  const auto& call = object_or_empty(task, "call");
  const std::string id(string_or(call, "id")), name(string_or(call, "name")),
    service(string_or(task, "service"));
  if (service.empty())
    co_return flow::update{{"messages", list(tool_error(id, name, string_or(task, "refused")))}};
  const auto tool = string_or(task, "tool");
  const tool_hints hints{bool_or(task, "read_only")};
  const auto approval = approval_of(agent->tools, service, tool, hints);
  if (!approval || (*approval == tool_approval::ask && !bool_or(task, "approved")))
    co_return fail(errc::denied, "the agent may not use the tool '" + std::string(tool) + "'");
  if (may_have_run(ctx) && !bool_or(task, "repeatable"))
    co_return flow::update{{"messages", list(tool_error(id, name, unknown_outcome))}};
  auto request = ctx.service(service).call_tool(tool, object_or_empty(call, "args"));
  auto reply = co_await std::move(request);
  if (!reply)
    co_return flow::update{
      {"messages", list(tool_error(id, name, sentence_of(reply.error(), service)))}};
  auto message = tool_message_of(*reply, id, name);
  if (const auto* args = member(task, "edited"))
    say_first(message, "The user changed the arguments of this call to " + dump(*args) + ".");
  co_return flow::update{{"messages", list(std::move(message))}};
}

} // namespace

result<std::shared_ptr<const graph>> make_agent(agent_options options) {
  const auto agent = std::make_shared<const agent_options>(std::move(options));
  graph_builder b{agent->name};
  b.closed(); // to the tools lead the model's calls alone, by way of the approval
  b.channel("messages", flow::messages());
  b.private_channel("tools", flow::last_value());
  b.private_channel("counted", flow::last_value());
  b.node("model", [agent](state_view state, context ctx) {
    return ask(std::move(state), std::move(ctx), agent);
  });
  b.edge(flow::start, "model");
  const bool has_tools = !agent->tools.empty();
  std::vector<std::string> targets{"model", std::string(flow::end)};
  if (has_tools) {
    b.node("tools", [agent](state_view state, context ctx) {
      return call_tool(std::move(state), std::move(ctx), agent);
    });
    b.edge("tools", "model");
    node_options approval;
    approval.may_go_to = {"tools", "model"};
    b.node(std::string(approval_node), approve, std::move(approval));
    targets.insert(targets.end(), {"tools", std::string(approval_node)});
  }
  b.conditional(
    "model", [](const state_view& state, const context&) { return after_model(state); }, targets);
  return b.build();
}

} // namespace behalf
