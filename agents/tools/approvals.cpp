#include "agents/tools/approvals.hpp"

#include "runtime/base/json.hpp"
#include "runtime/graph/run_spec.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace behalf {
namespace {

struct spelling {
  std::string_view word;
  decision_type type;
};
// The names of today first, each type once in its order; then those of HumanInterrupt.
constexpr std::array<spelling, 7> spellings{{{"approve", decision_type::approve},
                                             {"edit", decision_type::edit},
                                             {"reject", decision_type::reject},
                                             {"respond", decision_type::respond},
                                             {"accept", decision_type::approve},
                                             {"ignore", decision_type::reject},
                                             {"response", decision_type::respond}}};

json::string_view word_for(decision_type type) {
  const auto word = spellings[static_cast<std::size_t>(type)].word;
  return {word.data(), word.size()};
}

std::string all_words(const std::vector<decision_type>& types) {
  std::string all;
  for (auto each : types)
    all.append(all.empty() ? "" : ", ").append(std::string_view(word_for(each)));
  return all;
}

error refused(std::string why) {
  return fail(errc::invalid_argument, std::move(why));
}

bool allows(const gated_call& call, decision_type type) {
  return std::find(call.allowed.begin(), call.allowed.end(), type) != call.allowed.end();
}

// A text in the person's words: absent and null are none. nullptr: it is no text.
const json::string* text_in(const json::object& from, std::string_view key) {
  static const json::string none;
  const auto* given = member(from, key);
  return !given || given->is_null() ? &none : given->if_string();
}

// The edit's action, however it is spelt. Error: there is none, or two that differ: the person saw
// one of them.
result<const json::object*> edited_action(const json::object& answer) {
  const json::value* found = nullptr;
  for (std::string_view key : {"edited_action", "editedAction", "args"}) {
    const auto* given = member(answer, key);
    if (!given || given->is_null())
      continue;
    if (found && *found != *given)
      return refused("has two edited actions that differ");
    found = given;
  }
  if (!found || !found->is_object())
    return refused("needs edited_action: {\"name\": …, \"args\": {…}}");
  return &found->get_object();
}

result<call_decision> edit_of(const json::object& answer, const gated_call& call) {
  auto action = edited_action(answer);
  if (!action)
    return action.error();
  for (std::string_view key : {"name", "action"})
    if (const auto* name = member(**action, key); name && *name != json::value(call.name))
      return refused("must keep the tool " + call.name);
  const auto* args = member(**action, "args");
  if (!args || !args->is_object())
    return refused("needs args that are an object");
  return call_decision{decision_type::edit, args->get_object(), {}};
}

result<call_decision> decision_of(const json::value& v, const gated_call& call) {
  const auto* answer = v.if_object();
  if (!answer)
    return refused("is a " + std::string(kind_name(v)) + ", not an object with a type");
  const auto word = string_or(*answer, "type");
  const auto* known = std::find_if(spellings.begin(), spellings.end(),
                                   [&](const auto& each) { return each.word == word; });
  if (known == spellings.end())
    return refused("needs a type, one of: " + all_words(call.allowed));
  auto type = known->type;
  // Agent Inbox has no other word for a person's objection.
  if (word == "response" && !allows(call, type))
    type = decision_type::reject;
  if (!allows(call, type))
    return refused("may not be " + std::string(word) + ", only one of: " + all_words(call.allowed));
  if (type == decision_type::edit)
    return edit_of(*answer, call);
  if (type == decision_type::approve)
    return call_decision{type, {}, {}};
  const auto* message = text_in(*answer, word == "response" ? "args" : "message");
  if (!message)
    return refused("needs a message that is a text");
  if (type == decision_type::respond && message->empty())
    return refused("needs a message: it is what the model gets as the tool's result");
  return call_decision{type, {}, std::string(message->data(), message->size())};
}

using decisions = std::vector<call_decision>;

// With the call's place and name before the sentence.
result<void> add_decision(decisions& to, const json::value& v,
                          const std::vector<gated_call>& calls) {
  const auto at = to.size();
  auto one = decision_of(v, calls[at]);
  if (!one)
    return refused("The decision on call " + std::to_string(at + 1) + " of "
                   + std::to_string(calls.size()) + " (" + calls[at].name + ") "
                   + one.error().message);
  to.push_back(std::move(*one));
  return {};
}

result<decisions> by_position(const json::array& answers, const std::vector<gated_call>& calls) {
  if (answers.size() != calls.size())
    return refused("The answer is to hold one decision for each call: "
                   + std::to_string(calls.size()) + ", not " + std::to_string(answers.size()));
  decisions all;
  for (const auto& each : answers)
    if (auto added = add_decision(all, each, calls); !added)
      return added.error();
  return all;
}

result<decisions> by_call(const json::object& answers, const std::vector<gated_call>& calls) {
  decisions all;
  for (const auto& call : calls) {
    const auto* answer = member(answers, call.id);
    if (!answer)
      return refused("The answer has no decision on call " + call.id + " (" + call.name
                     + "). It is {\"decisions\": […]}, or a decision for each call's id");
    if (auto added = add_decision(all, *answer, calls); !added)
      return added.error();
  }
  // Also when two calls had one id: nobody can tell which of them was meant.
  if (answers.size() != calls.size())
    return refused("The answer holds decisions on calls that do not wait for one");
  return all;
}

// How many forms of an answer it has at once. Who sent two meant one, and nobody knows which.
int forms_of(const json::object& answer, const std::vector<gated_call>& calls) {
  const auto *list = member(answer, "decisions"), *type = member(answer, "type");
  const bool has_list = list && !list->is_null();
  const bool has_type = type && type->is_string();
  const bool has_calls = std::any_of(calls.begin(), calls.end(), [&](const gated_call& call) {
    const auto* one = member(answer, call.id);
    return one && one->is_object();
  });
  return int{has_list} + int{has_type} + int{has_calls};
}

// Whatever else it says: what a person turned down is not to be called.
bool turned_down(const json::object& answer) {
  const auto* said = member(answer, cancelled_answer);
  return said && !said->is_null() && *said != false;
}

} // namespace

result<decisions> read_decisions(const json::value& resume, const std::vector<gated_call>& calls) {
  if (const auto* list = resume.if_array())
    return by_position(*list, calls);
  const auto* answer = resume.if_object();
  if (!answer)
    return refused("The answer is a " + std::string(kind_name(resume))
                   + ". It is {\"decisions\": […]}, with one decision per call");
  if (turned_down(*answer)) {
    const json::value reject = json::object{{"type", "reject"}};
    return by_position(json::array(calls.size(), reject), calls);
  }
  if (forms_of(*answer, calls) > 1)
    return refused("The answer says more than one thing: it is {\"decisions\": […]}, or one "
                   "decision with a type, or a decision for each call's id");
  if (const auto* list = member(*answer, "decisions"); list && list->is_array())
    return by_position(list->get_array(), calls);
  if (const auto* type = member(*answer, "type"); type && type->is_string())
    return by_position(json::array{resume}, calls);
  return by_call(*answer, calls);
}

json::object hitl_request(const std::vector<gated_call>& calls) {
  json::array requests, configs;
  for (const auto& call : calls) {
    auto description = call.description.empty() ? "Tool execution requires approval\n\nTool: "
                                                    + call.name + "\nArgs: " + dump(call.args)
                                                : call.description;
    if (!call.notes.empty())
      description += "\n\n" + call.notes;
    json::object request{
      {"name", call.name}, {"args", call.args}, {"description", std::move(description)}};
    if (!call.tainted_by.empty())
      request["tainted_by"] = call.tainted_by;
    requests.push_back(std::move(request));
    json::array words;
    for (auto each : call.allowed)
      words.emplace_back(word_for(each));
    configs.push_back({{"action_name", call.name}, {"allowed_decisions", std::move(words)}});
  }
  return {{"action_requests", std::move(requests)}, {"review_configs", std::move(configs)}};
}

} // namespace behalf
