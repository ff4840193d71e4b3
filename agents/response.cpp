#include "agents/response.hpp"

#include "agents/models/content.hpp"
#include "agents/models/wire.hpp"
#include "agents/tools/arguments.hpp"
#include "agents/tools/results.hpp"
#include "agents/tools/schema_fit.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/json.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t longest_tool_name = 64;
constexpr std::string_view fix_it = " Please fix your mistakes.";

// As the model itself and all that stand in for it can.
bool provider_sees_to_it(std::string_view model, const model_directory* models,
                         const json::object& schema, bool with_tools) {
  const auto* first = models ? models->find(model) : nullptr;
  if (!first)
    return false;
  auto can = [&](const model_options& one) {
    return wire_of(one.type).takes_schema(one, schema, with_tools);
  };
  return can(*first)
         && std::all_of(first->fallback.begin(), first->fallback.end(), [&](const auto& name) {
              const auto* other = models->find(name);
              return !other || can(*other);
            });
}

// The schema's title, as all providers take names; one that no tool has.
std::string tool_name_for(const json::object& schema, const std::vector<agent_tool>& tools) {
  std::string name;
  for (char c : string_or(schema, "title")) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (letter || (!name.empty() && ((c >= '0' && c <= '9') || c == '-')))
      name += c;
    else if (!name.empty())
      name += '_';
  }
  name.resize(std::min(name.size(), longest_tool_name));
  if (name.empty())
    name = "response";
  auto taken = [&] {
    return std::any_of(tools.begin(), tools.end(),
                       [&](const agent_tool& one) { return one.as_told.name == name; });
  };
  const auto plain = name.substr(0, longest_tool_name - 4); // for three digits
  for (int i = 2; taken(); ++i)
    name = plain + "_" + std::to_string(i);
  return name;
}

// Text that the model is to read next, and Agent Chat UI not to show.
json::object correction(std::string_view text) {
  return {{"type", "human"}, {"content", text}, {"id", "do-not-render-" + uuid7()}};
}

// The model is not done, or will not answer: there is nothing to hold against the form.
bool no_answer(const json::object& message) {
  const auto* invalid = member(message, "invalid_tool_calls");
  if (invalid && invalid->is_array() && !invalid->get_array().empty())
    return true;
  if (string_or(object_or_empty(message, "response_metadata"), "stop_reason") == "pause_turn")
    return true;
  const auto blocks = content_blocks(message);
  return std::any_of(blocks.begin(), blocks.end(),
                     [](const json::value& one) { return one.at("type") == "refusal"; });
}

// Some models put their JSON into a fence of Markdown.
std::string_view without_fence(std::string_view text) {
  constexpr std::string_view fence = "```", blank = " \t\r\n";
  auto trim = [&] {
    text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
    text = text.substr(0, text.find_last_not_of(blank) + 1);
  };
  trim();
  if (text.starts_with(fence) && text.ends_with(fence) && text.find('\n') != text.npos) {
    text.remove_prefix(text.find('\n'));
    text.remove_suffix(std::min(fence.size(), text.size()));
    trim();
  }
  return text;
}

} // namespace

response_form::response_form(const response_options& form, std::string_view model,
                             const model_directory* models, const std::vector<agent_tool>& tools)
  : form_(form) {
  const bool native = form.strategy == response_strategy::provider
                      || (form.strategy == response_strategy::automatic
                          && provider_sees_to_it(model, models, form.schema, !tools.empty()));
  if (!native)
    tool_ = tool_name_for(form.schema, tools);
}

void response_form::ask_for_it(chat_request& question) const {
  if (tool_.empty()) {
    question.response_schema = form_.schema;
    return;
  }
  std::string what(string_or(form_.schema, "description"));
  what += what.empty() ? "" : "\n";
  what += "Call this to give your answer, once, when you have all of it.";
  question.tools.push_back({tool_, std::move(what), fitted_schema(form_.schema)});
  question.tool_choice = "any";
}

response_verdict response_form::judge(const json::value& answer) const {
  return tool_.empty() ? judge_text(answer) : judge_calls(answer);
}

response_verdict response_form::judge_text(const json::value& answer) const {
  if (!tool_calls_of(answer).empty() || no_answer(answer.as_object()))
    return {};
  auto parsed = parse_json(without_fence(text_of(answer)));
  std::string wrong;
  if (!parsed)
    wrong = "The answer is no JSON.";
  else if (!parsed->is_object())
    wrong = "The answer is no JSON object.";
  else if (auto ok = check_arguments(form_.schema, parsed->get_object()); !ok)
    wrong = ok.error().message;
  else
    return {std::move(parsed->as_object())};
  auto told =
    correction("Error: the answer does not match its schema: " + wrong + std::string(fix_it));
  return {{}, json::array{json::value(std::move(told))}, std::move(wrong)};
}

response_verdict response_form::judge_calls(const json::value& answer) const {
  std::vector<const json::object*> mine;
  const auto& calls = tool_calls_of(answer);
  for (const auto& one : calls)
    if (is_tool(string_or(one.as_object(), "name")))
      mine.push_back(&one.get_object());
  response_verdict all;
  if (mine.empty()) {
    if (!calls.empty() || no_answer(answer.as_object()))
      return all;
    all.wrong = "The answer was not given by the tool '" + tool_ + "'.";
    all.told.push_back(correction("Give your answer by calling the tool '" + tool_ + "'."));
    return all;
  }
  if (mine.size() > 1)
    all.wrong = "There were " + std::to_string(mine.size()) + " answers, and one is expected.";
  else if (auto ok = check_arguments(form_.schema, object_or_empty(*mine.front(), "args")); !ok)
    all.wrong = ok.error().message;
  for (const auto* call : mine) {
    const auto id = string_or(*call, "id");
    if (!all.wrong.empty()) {
      all.told.push_back(tool_error(id, tool_, "Error: " + all.wrong + std::string(fix_it)));
      continue;
    }
    all.response = object_or_empty(*call, "args");
    auto done = tool_message("Returning structured response: " + dump(*all.response), id);
    done.as_object()["name"] = tool_;
    all.told.push_back(std::move(done));
  }
  return all;
}

} // namespace behalf
