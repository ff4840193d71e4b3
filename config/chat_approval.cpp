#include "config/chat_approval.hpp"

#include "config/chat_stream.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t most_actions = 1000;

const json::array* list_of(const json::object& o, std::string_view key) {
  const auto* found = member(o, key);
  return found ? found->if_array() : nullptr;
}

asked_action read_action(const json::object& from) {
  return {std::string(string_or(from, "name")),
          object_or_empty(from, "args"),
          std::string(string_or(from, "description")),
          {"approve", "edit", "reject", "respond"}};
}

// What review_configs say of the action at this place; older servers have one per tool.
const json::object* config_of(const json::array& configs, std::size_t at, std::string_view name,
                              std::string_view key) {
  auto is_its = [&](const json::value& one) {
    return one.is_object() && string_or(one.get_object(), key) == name;
  };
  if (at < configs.size() && is_its(configs[at]))
    return configs[at].if_object();
  auto found = std::find_if(configs.begin(), configs.end(), is_its);
  return found == configs.end() ? nullptr : found->if_object();
}

void read_batch(chat_question& to, const json::object& value, const json::array& requests) {
  const bool camel = to.answer_form == chat_question::form::camel_batch;
  static const json::array none;
  const auto* found = list_of(value, camel ? "reviewConfigs" : "review_configs");
  const auto& configs = found ? *found : none;
  for (std::size_t i = 0; i < requests.size() && i < most_actions; ++i) {
    const auto* request = requests[i].if_object();
    auto action = read_action(request ? *request : json::object{});
    const auto* config = config_of(configs, i, action.name, camel ? "actionName" : "action_name");
    if (const auto* words =
          config ? list_of(*config, camel ? "allowedDecisions" : "allowed_decisions") : nullptr)
      std::erase_if(action.allowed, [words](const std::string& one) {
        return std::find(words->begin(), words->end(), json::value(one)) == words->end();
      });
    to.actions.push_back(std::move(action));
  }
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == text.npos)
    return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::string_view decision_word(std::string_view said) {
  const auto is = [said](std::string_view a, std::string_view b) {
    return same_ignoring_case(said, a) || same_ignoring_case(said, b);
  };
  return is("a", "approve")         ? "approve"
         : is("e", "edit")          ? "edit"
         : is("r", "reject")        ? "reject"
         : is("respond", "respond") ? "respond"
                                    : "";
}

bool is_allowed(const asked_action& action, std::string_view word) {
  return std::find(action.allowed.begin(), action.allowed.end(), word) != action.allowed.end();
}

// A question in words, as ask_user has it: there is nothing to approve.
bool takes_words(const asked_action& action) {
  return is_allowed(action, "respond") && !is_allowed(action, "approve");
}

// Whether a line that answers such a question names a decision, in full, and is not the answer
// itself.
bool names_decision(std::string_view said, std::string_view rest, const asked_action& action) {
  if (same_ignoring_case(said, "edit"))
    return is_allowed(action, "edit") && rest.starts_with('{');
  return same_ignoring_case(said, "respond")
         || (same_ignoring_case(said, "reject") && is_allowed(action, "reject"));
}

// Each line is marked, so that none can pass for one of ours.
std::string marked(std::string_view description) {
  std::string text;
  const auto rest = printable(description);
  for (std::string_view left = rest; !left.empty();) {
    const auto line = left.substr(0, left.find('\n'));
    text.append("  | ").append(line).append("\n");
    left.remove_prefix(std::min(left.size(), line.size() + 1));
  }
  return text;
}

error refused(std::string why) {
  return fail(errc::invalid_argument, std::move(why));
}

} // namespace

chat_question read_question(const json::object& interrupt) {
  using form = chat_question::form;
  chat_question q;
  q.id = string_or(interrupt, "id");
  if (const auto* value = member(interrupt, "value"))
    q.value = *value;
  const auto* o = q.value.if_object();
  if (!o)
    return q;
  if (const auto* requests = list_of(*o, "action_requests")) {
    read_batch(q, *o, *requests);
  } else if (const auto* others = list_of(*o, "actionRequests")) {
    q.answer_form = form::camel_batch;
    read_batch(q, *o, *others);
  } else if (string_or(*o, "type") == "tool_approval") {
    q.answer_form = form::single;
    q.actions.push_back(read_action(*o));
  }
  return q;
}

std::string in_short(const chat_question& question) {
  if (question.actions.empty())
    return "an answer to " + glance(dump(question.value));
  const auto& first = question.actions.front();
  const auto others = question.actions.size() - 1;
  return (takes_words(first) && first.name == "ask_user"
            ? "an answer to " + glance(dump(json::value(first.description)))
            : "an approval of " + glance(first.name) + " " + glance(printable_json(first.args)))
         + (others > 0 ? " and " + std::to_string(others) + " more" : "");
}

std::string show_action(const asked_action& action) {
  if (takes_words(action) && action.name == "ask_user")
    return "The assistant asks:\n" + marked(action.description);
  auto text = "The assistant asks to call " + glance(action.name)
              + (action.args.empty() ? " without arguments\n" : " with\n");
  for (const auto& [key, value] : action.args)
    text += "  " + printable_json(json::value(key)) + ": " + printable_json(value) + "\n";
  return text + marked(action.description);
}

std::string choices(const asked_action& action) {
  if (takes_words(action))
    return is_allowed(action, "reject") ? "your answer, or reject [why]" : "your answer";
  std::string text;
  for (const auto& one : action.allowed) {
    const bool last = &one == &action.allowed.back();
    text += text.empty() ? "" : last ? " or " : ", ";
    text += one == "edit"      ? "edit {JSON}"
            : one == "reject"  ? "reject [why]"
            : one == "respond" ? "respond TEXT"
                               : one;
  }
  return text.empty() ? "nothing that this program knows" : text;
}

result<json::object> read_decision(std::string_view line, const asked_action& action,
                                   chat_question::form form) {
  line = trimmed(line);
  const auto said = line.substr(0, line.find_first_of(" \t"));
  const auto rest = trimmed(line.substr(said.size()));
  if (takes_words(action) && !names_decision(said, rest, action))
    return line.empty() ? result<json::object>{refused("An answer is needed")}
                        : json::object{{"type", "respond"}, {"message", line}};
  const auto word = decision_word(said);
  if (!is_allowed(action, word))
    return refused("The answer is one of: " + choices(action));
  json::object decision{{"type", word}};
  if (word == "approve" && !rest.empty())
    return refused("To approve, say approve alone");
  if (word == "respond" && rest.empty())
    return refused("respond needs a text: what the tool is to have answered");
  if (word == "respond" || (word == "reject" && !rest.empty()))
    decision["message"] = rest;
  if (word == "edit") {
    auto args = parse_json(rest);
    if (!args || !args->is_object())
      return refused("edit needs all the arguments, as a JSON object: edit "
                     + printable_json(action.args));
    json::object edited{{"name", action.name}, {"args", std::move(*args)}};
    const bool camel = form == chat_question::form::camel_batch;
    decision[camel ? "editedAction" : "edited_action"] = std::move(edited);
  }
  return decision;
}

json::value read_answer(std::string_view line) {
  line = trimmed(line);
  auto parsed = parse_json(line);
  return parsed ? std::move(*parsed) : json::value(line);
}

json::value resume_of(const chat_question& question, json::array decisions) {
  if (question.answer_form == chat_question::form::single)
    return decisions.empty() ? json::value(nullptr) : decisions.front();
  return json::object{{"decisions", std::move(decisions)}};
}

json::value resume_all(const std::vector<chat_question>& questions, json::array values) {
  if (questions.size() == 1)
    return values.front();
  json::object by_id;
  for (std::size_t i = 0; i < questions.size(); ++i)
    by_id[questions[i].id] = std::move(values[i]);
  return by_id;
}

} // namespace behalf
