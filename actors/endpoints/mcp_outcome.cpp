#include "actors/endpoints/mcp_outcome.hpp"

#include "runtime/base/text.hpp"

#include <cmath>

namespace behalf::endpoints {
namespace {

constexpr std::size_t longest_message = 1024;    // of a progress notification
constexpr std::size_t longest_read = 256 * 1024; // of an event for its progress
constexpr std::string_view questions_key = "__interrupt__";

std::string failure_text(const json::value& event) {
  if (!event.is_object())
    return "the run failed";
  const auto kind = string_or(event.get_object(), "error");
  const auto why = string_or(event.get_object(), "message");
  std::string text{kind};
  if (!kind.empty() && !why.empty())
    text += ": ";
  return text.append(why);
}

// What a run stopped to ask; null when it ended. It is the last member of its values, which may be
// long, so that only that is read.
json::value questions_of(std::string_view values) {
  const auto key = "\"" + std::string(questions_key) + "\":";
  const auto at = values.rfind(key);
  if (at == values.npos || !values.ends_with('}'))
    return nullptr;
  values.remove_prefix(at + key.size());
  values.remove_suffix(1);
  auto asked = parse_stored_json(values);
  return asked && asked->is_array() ? std::move(*asked) : json::value(nullptr);
}

std::string question_text(const json::array& questions) {
  std::string text = "The agent stopped and did not finish";
  if (questions.empty())
    return text + ".";
  text += ": it asks something that cannot be answered here. Call it again with what it needs. "
          "It asks:";
  for (const auto& one : questions) {
    const auto* value = member(one, "value");
    text += "\n- ";
    if (value && value->is_string())
      text.append(value->get_string());
    else
      text += dump(value ? *value : one);
  }
  return text;
}

} // namespace

std::optional<json::object> mcp_outcome::own_progress(const json::value& written) {
  const auto* at = member(written, "progress");
  if (!at || !at->is_number())
    return std::nullopt;
  told_by_graph_ = true;
  const auto value = at->to_number<double>();
  if (!(value > progress_))
    return std::nullopt;
  progress_ = value;
  json::object told{{"progress", *at}};
  if (const auto* total = member(written, "total"); total && total->is_number())
    told["total"] = *total;
  if (auto message = string_or(written.get_object(), "message"); !message.empty())
    told["message"] = cut_utf8(message, longest_message);
  return told;
}

std::optional<json::object> mcp_outcome::step_done(const json::value& update) {
  if (told_by_graph_ || !update.is_object() || update.get_object().empty()
      || update.get_object().contains(questions_key))
    return std::nullopt;
  progress_ = static_cast<double>(++steps_);
  const auto node = update.get_object().begin()->key();
  return json::object{{"progress", steps_}, {"message", cut_utf8(node, longest_message)}};
}

void mcp_outcome::take_result(std::string text) {
  failure_.clear(); // events that were lost
  if (text.starts_with(R"({"__error__":)"))
    if (auto said = parse_stored_json(text); said && said->as_object().size() == 1)
      failure_ = failure_text(said->as_object().begin()->value());
  values_ = std::move(text);
}

std::optional<json::object> mcp_outcome::take(stream_event& event) {
  if (event.name == "result") {
    take_result(std::move(event.data));
    return std::nullopt;
  }
  if (event.name != "updates" && event.name != "custom" && event.name != "error")
    return std::nullopt;
  if (event.data.size() > longest_read && event.name != "error")
    return std::nullopt; // what tells progress is short
  auto said = parse_stored_json(event.data);
  if (!said)
    return std::nullopt;
  if (event.name == "error") {
    failure_ = failure_text(*said);
    return std::nullopt;
  }
  return event.name == "custom" ? own_progress(*said) : step_done(*said);
}

// Spliced from texts: values may be as long as a thread's state, and are never a document here.
std::string mcp_outcome::answer_to(const mcp_message& call) const {
  auto text = failure_;
  if (text.empty())
    if (const auto asked = questions_of(values_); asked.is_array())
      text = question_text(asked.get_array());
  const bool failed = !text.empty();
  if (!failed)
    text = values_.empty() ? "{}" : values_;
  std::string body = R"({"content":[{"type":"text","text":)" + dump(json::value(text)) + "}]";
  if (values_.starts_with('{') && failure_.empty())
    body += R"(,"structuredContent":)" + values_;
  if (failed)
    body += R"(,"isError":true)";
  const auto rest = dump(mcp_result(call, {}));
  constexpr std::string_view result = "\"result\":{";
  const auto at = rest.rfind(result) + result.size();
  if (rest[at] != '}')
    body += ',';
  return rest.substr(0, at) + body.substr(1) + rest.substr(at);
}

} // namespace behalf::endpoints
