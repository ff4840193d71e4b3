#include "agents/configured.hpp"
#include "agents/context/shorten.hpp"
#include "agents/models/ask_model.hpp"
#include "agents/nodes/call_limits.hpp"
#include "agents/nodes/nodes.hpp"
#include "agents/response.hpp"
#include "agents/safety/authorship.hpp"
#include "agents/safety/pins.hpp"
#include "agents/tools/kept_results.hpp"
#include "agents/tools/memories.hpp"
#include "agents/tools/results.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/log.hpp"
#include "runtime/graph/task_facts.hpp"

#include <map>
#include <memory>
#include <optional>
#include <variant>

namespace behalf {
namespace {

// Why a service's tools are missing, in words that come from nobody outside.
std::string_view reason_of(const error& why, std::string_view service) {
  if (refused_access(why, service))
    return "it refuses access: a credential that is stored may be wrong, expired or not enough";
  if (why.kind == "needs_auth")
    return "the user has not given access to it";
  if (why.kind == "credential_unusable")
    return "the credential that is stored for it cannot be sent as it is";
  if (why.code == errc::overloaded) // or the audit log has no room
    return "this server cannot make a call now";
  return why.code == errc::timeout ? "it does not answer" : "it cannot be reached";
}

bool lists_none(const json::value& listed) {
  const auto* tools = member(listed, "tools");
  return tools && tools->is_array() && tools->get_array().empty();
}

struct listing {
  std::vector<service_tools> found;
  std::string missing; // a sentence for the model about each service that could not be asked
};

coroutine<listing> list_tools(context ctx, agent_ptr agent) {
  std::vector<coroutine<result<json::value>>> calls;
  for (const auto& box : agent->toolboxes)
    calls.push_back(box->list(ctx));
  auto replies = co_await when_all(std::move(calls));
  listing all;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const auto& box = *agent->toolboxes[i];
    const auto& service = box.name();
    std::string why;
    if (!replies[i])
      why = reason_of(replies[i].error(), service);
    else if (!box.known() && lists_none(*replies[i])) {
      why = "it lists none";
      log::warning("tools_unavailable",
                   {{"agent", agent->options.name}, {"service", service}, {"reason", why}});
    }
    if (replies[i])
      all.found.push_back({service, std::move(*replies[i])});
    if (why.empty())
      continue;
    all.missing += "\nThe tools of '" + service + "' are not there now: " + why + ".";
    ctx.write({{"type", "tools_unavailable"}, {"service", service}, {"reason", why}});
  }
  co_return all;
}

// The prompt with the user's names in it; what these hold is text, whatever it looks like.
std::string prompt_for(std::string_view prompt, const context& ctx) {
  constexpr std::string_view identity = "{identity}", display_name = "{display_name}";
  std::string made;
  for (auto rest = prompt; !rest.empty();) {
    if (rest.starts_with(identity)) {
      made += ctx.identity();
      rest.remove_prefix(identity.size());
    } else if (rest.starts_with(display_name)) {
      const auto name = string_or(ctx.user(), "display_name", ctx.identity());
      made += name.empty() ? "the user" : name; // nobody has to log in
      rest.remove_prefix(display_name.size());
    } else {
      const auto plain = rest.substr(0, rest.find('{', 1));
      made += plain;
      rest.remove_prefix(plain.size());
    }
  }
  return made;
}

// Each in the place of the message that has its id.
json::array with_results(json::array messages, const json::array& results) {
  std::map<std::string_view, const json::value*> by_id;
  for (const auto& one : results)
    by_id.emplace(string_or(one.as_object(), "id"), &one);
  for (auto& one : messages)
    if (auto at = by_id.find(string_or(one.as_object(), "id")); at != by_id.end())
      one = *at->second;
  return messages;
}

constexpr int64_t most_wrong_answers = 3; // of a run: told what is wrong with them

error never_in_form(const std::string& wrong) {
  auto why =
    fail(errc::upstream, "the model's answers did not have the form that was asked for: " + wrong);
  why.kind = "model_answer_invalid";
  return why;
}

const json::object& object_in(const json::value* kept) {
  static const json::object none;
  return kept && kept->is_object() ? kept->get_object() : none;
}

// A turn while its model makes the answer.
struct asked_turn {
  asked_turn(chat_request what, const json::object& so_far)
    : question(std::move(what)), counted(so_far) {}

  chat_request question;
  const json::object& counted; // of the state: calls of this run
  std::shared_ptr<const spending_agent> spender;
  agent_settings settings;
  std::vector<agent_tool> tools;
  std::optional<response_form> form;
  flow::update changes;
  json::array added; // to the messages
};
using asked_turn_ptr = std::unique_ptr<asked_turn>;

// The question, or what the node ends with instead. A coroutine of its own: thousands of turns wait
// for their models, and each then holds only what it needs for the rest.
coroutine<std::variant<node_result, asked_turn_ptr>>
prepare_turn(const state_view& state, const context& ctx, const agent_ptr& agent) {
  if (answered_directly(state, *agent))
    co_return flow::update{};
  const auto* last = state.last("messages");
  if (!last)
    co_return fail(errc::invalid_argument, "there is nothing to answer: an agent's input has "
                                           "messages: [{role: user, content: …}]");
  const bool new_turn = !last->is_object() || string_or(last->get_object(), "type") != "tool";
  const bool has_form = !agent->options.response.schema.empty();
  if (has_form && !new_turn && given_response(state)) // beside calls, which were made meanwhile
    co_return flow::update{};
  auto settings = configured(agent->options, agent->first, ctx);
  if (!settings)
    co_return settings.error();
  const auto& counted = of_this_run(state, ctx, "counted");
  const auto model_calls = int_or(counted, "model_calls");
  if (model_calls >= settings->limits.model_calls) {
    const auto most = std::to_string(settings->limits.model_calls);
    co_return flow::update{
      {"messages", ai("Model call limits exceeded: run limit (" + most + "/" + most + ")")}};
  }
  flow::update changes;
  if (given_response(state)) // of the turn before, or of an agent that has handed over
    changes.set("structured_response", nullptr);
  auto seen = model_calls == 0 ? taint_by_clients(state) : taint{};
  const auto* known = member(listed_tools(state, ctx, *agent), "list");
  std::vector<agent_tool> tools;
  std::string missing(string_or(listed_tools(state, ctx, *agent), "missing"));
  if (known) {
    auto read = tools_from_json(*known);
    if (!read)
      co_return read.error();
    tools = std::move(*read);
  } else if (!agent->toolboxes.empty()) {
    auto listed = list_tools(ctx, agent);
    auto all = co_await std::move(listed);
    tool_bounds bounds;
    if (const auto models = models_of(ctx))
      bounds.tools = tools_beside_own(*models, settings->model);
    auto made = make_tool_list(agent->sources, all.found, bounds);
    for (const auto& note : made.notes)
      ctx.write({{"type", "tools_note"}, {"note", note}});
    if (!made.notes.empty())
      log::warning("tools_note", {{"agent", agent->options.name},
                                  {"notes", std::to_string(made.notes.size())},
                                  {"first", made.notes.front()}});
    tools = std::move(made.tools);
    if (all.missing.empty()) // or the tool is one of those that are not there now
      for (const auto& note : limits_of_nothing(agent->options.limits, tools))
        ctx.write({{"type", "tools_note"}, {"note", note}});
    keep_chosen(tools, *settings);
    missing = std::move(all.missing);
    for (const auto& service : made.cut)
      missing += "\nSome tools of '" + service + "' are left out: there are too many.";
    changes.set(std::string(pins_channel), new_pins(state, tools));
    for (const auto& tool : tools)
      if (is_changed(state, tool.service, tool.name, tool.hash))
        add_source(seen.untrusted, tool.service);
  }
  const bool reads_on = agent->find(kept_service) && state[kept_channel] == json::value(true)
                        && !find_tool(tools, kept_tool_name);
  if (reads_on) // the last: what a provider has cached of the others holds
    tools.push_back(kept_tool());
  if (reads_on || (!known && !agent->toolboxes.empty())) {
    json::object listed_now{{"run", ctx.run_id()}, {"list", to_json(tools)}, {"missing", missing}};
    changes.set("tools", json::object{{agent->options.name, std::move(listed_now)}});
  }
  auto added = results_of_clients(state);
  json::array replaced; // mostly nothing is, and nothing is copied
  if (!added.empty())
    replaced = with_results(state.list("messages"), added);
  const auto& messages = added.empty() ? state.list("messages") : replaced;
  shortened conversation{messages, object_in(state.find("shortened"))};
  const auto& memory = agent->options.memory;
  const auto& notes_kept = kept_by(state, "remembered", *agent);
  const bool are_its_own = !notes_kept.empty() && string_or(notes_kept, "user") == ctx.identity();
  std::string remembered(are_its_own ? string_or(notes_kept, "text") : std::string_view{});
  if (memory.remember && !are_its_own) {
    auto reading = remembered_for(ctx, agent->options.name, text_of(last));
    auto notes = co_await std::move(reading);
    remembered = std::move(notes.text);
    json::object frozen{{"user", ctx.identity()}, {"text", remembered}};
    changes.set("remembered", json::object{{agent->options.name, std::move(frozen)}});
    seen.join(notes.seen);
  }
  if (!seen.none())
    changes.set(std::string(taint_channel), to_json(seen));
  const auto& limits = settings->limits.spending;
  auto spender =
    std::make_shared<const spending_agent>(spending_agent{agent->options.name, limits});
  auto shortening = shorten(ctx, agent->options.memory, spender, settings->model, conversation);
  if (co_await std::move(shortening))
    changes.set("shortened", conversation.kept());
  auto turn = std::make_unique<asked_turn>(chat_request{conversation.shown()}, counted);
  auto& question = turn->question;
  if (!remembered.empty())
    question.messages.insert(question.messages.begin(), human(remembered));
  question.system = prompt_for(settings->prompt, ctx) + missing;
  question.parameters = std::move(settings->parameters);
  for (const auto& tool : tools)
    question.tools.push_back(tool.as_told);
  if (const auto& wanted = agent->options.response; !wanted.schema.empty()) {
    turn->form.emplace(wanted, settings->model, models_of(ctx).get(), tools);
    turn->form->ask_for_it(question);
  }
  turn->spender = std::move(spender);
  turn->settings = std::move(*settings);
  turn->tools = std::move(tools);
  turn->changes = std::move(changes);
  turn->added = std::move(added);
  co_return turn;
}

node_result end_turn(asked_turn& turn, const context& ctx, const declared_agent& agent,
                     result<json::value> said) {
  const auto& counted = turn.counted;
  const auto& settings = turn.settings;
  const auto& tools = turn.tools;
  const auto& form = turn.form;
  auto& changes = turn.changes;
  auto& added = turn.added;
  if (!said && said.error().kind == budget_spent) {
    added.push_back(ai(said.error().message));
    changes.set("messages", std::move(added));
    return std::move(changes);
  }
  if (!said)
    return said.error();
  auto& message = said->as_object();
  message["name"] = agent.options.name;
  const auto calls = tool_calls_of(*said);
  auto verdict = form ? form->judge(*said) : response_verdict{};
  added.push_back(std::move(*said));
  const auto wrong = int_or(counted, "wrong_answers") + (verdict.wrong.empty() ? 0 : 1);
  if (wrong > most_wrong_answers)
    return never_in_form(verdict.wrong);
  if (verdict.response)
    changes.set("structured_response", std::move(*verdict.response));
  for (auto& one : verdict.told)
    added.push_back(std::move(one));
  call_counter counter{ctx, agent.options, settings, counted};
  for (const auto& one : calls) {
    const auto& call = one.as_object();
    if (form && form->is_tool(string_or(call, "name")))
      continue;
    auto refused = counter.refused(call, tools);
    if (!refused && agent.toolboxes.empty()) // there is no node for it
      refused = wrong_with(tools, call);
    if (refused)
      added.push_back(tool_error(string_or(call, "id"), string_or(call, "name"), *refused));
  }
  changes.set("messages", std::move(added));
  json::object counts{{"run", ctx.run_id()},
                      {"model_calls", int_or(counted, "model_calls") + 1},
                      {"wrong_answers", wrong}};
  counter.put_into(counts);
  changes.set("counted", std::move(counts));
  return std::move(changes);
}

} // namespace

coroutine<node_result> ask_turn(state_view state, context ctx, agent_ptr agent) {
  auto ready = co_await prepare_turn(state, ctx, agent);
  if (auto* ended = std::get_if<node_result>(&ready))
    co_return with_signature(std::move(*ended));
  auto& turn = *std::get<asked_turn_ptr>(ready);
  auto said =
    co_await ask_model_for(turn.spender, ctx, turn.settings.model, std::move(turn.question));
  co_return with_signature(end_turn(turn, ctx, *agent, std::move(said)));
}

} // namespace behalf
