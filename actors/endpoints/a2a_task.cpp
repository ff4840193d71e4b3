#include "actors/endpoints/a2a_task.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace behalf::endpoints {
namespace {

constexpr std::array<std::pair<a2a_state, std::string_view>, 6> state_names{{
  {a2a_state::submitted, "submitted"},
  {a2a_state::working, "working"},
  {a2a_state::input_required, "input-required"},
  {a2a_state::completed, "completed"},
  {a2a_state::canceled, "canceled"},
  {a2a_state::failed, "failed"},
}};

constexpr std::string_view prefix_10 = "TASK_STATE_";

std::string name_10(std::string_view name) {
  std::string out{prefix_10};
  for (const char c : name)
    out += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  return out;
}

enum class speaker : uint8_t { user, agent, tool, nobody };

// Of a graph's message. What is said within the graph alone, such as a system prompt, is nobody's.
speaker speaker_of(const json::object& message) {
  auto name = string_or(message, "type");
  if (name.empty())
    name = string_or(message, "role");
  if (name == "human" || name == "user")
    return speaker::user;
  if (name == "ai" || name == "assistant" || name == "agent" || name == "AIMessageChunk")
    return speaker::agent;
  return name == "tool" ? speaker::tool : speaker::nobody;
}

const json::array& messages_of(const a2a_task& of) {
  static const json::array none;
  const auto* all = member(of.values, "messages");
  return all && all->is_array() ? all->get_array() : none;
}

void copy_text(const json::object& from, std::string_view key, json::object& to,
               std::string_view as) {
  if (const auto text = string_or(from, key); !text.empty())
    to[json::string_view{as.data(), as.size()}] = text;
}

} // namespace

bool is_over(a2a_state state) {
  return state == a2a_state::completed || state == a2a_state::canceled
         || state == a2a_state::failed;
}

a2a_state a2a_state_of(std::string_view run_status) {
  if (run_status == "pending")
    return a2a_state::submitted;
  if (run_status == "running")
    return a2a_state::working;
  if (run_status == "success")
    return a2a_state::completed;
  return run_status == "interrupted" ? a2a_state::canceled : a2a_state::failed;
}

std::optional<a2a_state> a2a_state_named(std::string_view name) {
  for (const auto& [state, known] : state_names)
    if (name == known || name == name_10(known))
      return state;
  return std::nullopt;
}

bool is_unused_a2a_state(std::string_view name) {
  constexpr std::array<std::string_view, 3> unused{"rejected", "auth-required", "unknown"};
  return std::any_of(unused.begin(), unused.end(),
                     [&](auto one) { return name == one || name == name_10(one); });
}

std::string a2a_words::state_name(a2a_state state) const {
  for (const auto& [one, name] : state_names)
    if (one == state)
      return is_10() ? name_10(name) : std::string(name);
  return {};
}

json::object a2a_words::text_part(std::string_view text) const {
  if (is_10())
    return {{"text", text}};
  return {{"kind", "text"}, {"text", text}};
}

json::object a2a_words::data_part(json::value data) const {
  if (is_10())
    return {{"data", std::move(data)}};
  if (!data.is_object()) // 0.3 has no other
    data = json::object{{"value", std::move(data)}};
  return {{"kind", "data"}, {"data", std::move(data)}};
}

// A block of a message's content that is a picture, say: {type, base64 or data or url, mime_type}.
std::optional<json::object> a2a_words::file_part(const json::object& block) const {
  auto bytes = string_or(block, "base64");
  if (bytes.empty())
    bytes = string_or(block, "data");
  const auto url = string_or(block, "url");
  if (bytes.empty() == url.empty() || (url.empty() && !base64_decode(bytes)))
    return std::nullopt;
  json::object file;
  const bool v10 = is_10();
  if (url.empty())
    file[v10 ? "raw" : "bytes"] = bytes;
  else
    file[v10 ? "url" : "uri"] = url;
  copy_text(block, "mime_type", file, v10 ? "mediaType" : "mimeType");
  copy_text(object_or_empty(block, "extras"), "filename", file, v10 ? "filename" : "name");
  copy_text(block, "filename", file, v10 ? "filename" : "name");
  if (v10)
    return file;
  return json::object{{"kind", "file"}, {"file", std::move(file)}};
}

json::array a2a_words::parts_of(const json::value& content) const {
  json::array parts;
  if (content.is_string()) {
    if (!content.get_string().empty())
      parts.push_back(text_part(content.get_string()));
    return parts;
  }
  if (!content.is_array())
    return parts;
  std::string text;
  const auto flush = [&] {
    if (!text.empty())
      parts.push_back(text_part(std::exchange(text, {})));
  };
  for (const auto& one : content.get_array()) {
    if (one.is_string())
      text += one.get_string();
    const auto* block = one.if_object();
    const auto type = block ? string_or(*block, "type") : std::string_view{};
    if (type == "text")
      text += string_or(*block, "text");
    else if (type == "image" || type == "audio" || type == "video" || type == "file")
      if (auto file = file_part(*block)) {
        flush();
        parts.push_back(std::move(*file));
      }
  }
  flush();
  return parts;
}

json::object a2a_words::agent_message(const a2a_task& of, std::string_view id,
                                      json::array parts) const {
  json::object message;
  if (!is_10())
    message["kind"] = "message";
  message["role"] = is_10() ? "ROLE_AGENT" : "agent";
  message["parts"] = std::move(parts);
  message["messageId"] = id.empty() ? uuid7() : std::string(id);
  message["taskId"] = of.id;
  message["contextId"] = of.context_id;
  return message;
}

// As clients may see it: what a tool answered is data of the agent's.
std::optional<json::object> a2a_words::message_of(const a2a_task& of,
                                                  const json::object& message) const {
  const auto who = speaker_of(message);
  const auto* content = member(message, "content");
  json::array parts;
  if (who == speaker::tool) {
    json::object answered;
    copy_text(message, "tool_call_id", answered, "toolCallId");
    if (answered.empty())
      return std::nullopt;
    if (content && !content->is_null() && *content != json::value(""))
      answered["content"] = *content;
    copy_text(message, "name", answered, "name");
    copy_text(message, "status", answered, "status");
    parts.push_back(data_part(json::object{{"tool_results", json::array{std::move(answered)}}}));
  } else if (who != speaker::nobody && content) {
    parts = parts_of(*content);
  }
  if (parts.empty())
    return std::nullopt;
  auto shown = agent_message(of, string_or(message, "id"), std::move(parts));
  if (who == speaker::user)
    shown["role"] = is_10() ? "ROLE_USER" : "user";
  return shown;
}

// The messages are of the whole context: `taskId` is left out, as they may be of an earlier task.
json::array a2a_words::history_of(const a2a_task& of, std::optional<int64_t> length) const {
  json::array newest;
  const auto& all = messages_of(of);
  for (auto at = all.rbegin(); at != all.rend(); ++at) {
    if (length && std::cmp_greater_equal(newest.size(), *length))
      break;
    const auto* message = at->if_object();
    if (auto shown = message ? message_of(of, *message) : std::nullopt) {
      shown->erase("taskId");
      newest.push_back(std::move(*shown));
    }
  }
  std::reverse(newest.begin(), newest.end());
  return newest;
}

// What the agent said last in answer to the newest message; of a graph without messages its values.
json::array a2a_words::response_of(const a2a_task& of) const {
  const auto* all = member(of.values, "messages");
  if (!all || !all->is_array())
    return {data_part(of.values)};
  for (auto at = all->get_array().rbegin(); at != all->get_array().rend(); ++at) {
    const auto* message = at->if_object();
    const auto who = message ? speaker_of(*message) : speaker::nobody;
    if (who == speaker::user)
      break;
    const auto* content = message ? member(*message, "content") : nullptr;
    if (who != speaker::agent || !content)
      continue;
    if (auto parts = parts_of(*content); !parts.empty())
      return parts;
  }
  return {text_part("")};
}

json::array a2a_words::questions_of(const a2a_task& of) const {
  json::array parts;
  for (const auto& one : of.interrupts) {
    const auto* question = one.if_object();
    const auto* value = question ? member(*question, "value") : nullptr;
    if (value && value->is_string())
      parts.push_back(text_part(value->get_string()));
    else if (value)
      parts.push_back(data_part(*value));
  }
  return parts;
}

std::optional<json::object> a2a_words::artifact_of(const a2a_task& of) const {
  if (of.state == a2a_state::completed)
    return json::object{{"artifactId", of.run_id},
                        {"name", "Assistant Response"},
                        {"description", "What the assistant answered"},
                        {"parts", response_of(of)}};
  if (of.state != a2a_state::input_required || of.interrupts.empty())
    return std::nullopt;
  json::array parts;
  for (const auto& one : of.interrupts)
    parts.push_back(data_part(one));
  return json::object{{"artifactId", of.run_id + "-interrupt"},
                      {"name", "Interrupt"},
                      {"description", "What the assistant asks, to go on"},
                      {"parts", std::move(parts)}};
}

json::object a2a_words::status_of(const a2a_task& of) const {
  json::object status{{"state", state_name(of.state)}};
  json::array parts;
  if (of.state == a2a_state::input_required)
    parts = questions_of(of);
  else if (of.state == a2a_state::failed)
    parts.push_back(text_part(of.problem.empty() ? "The task failed" : of.problem));
  else if (of.state == a2a_state::canceled)
    parts.push_back(text_part("The task was canceled"));
  if (!parts.empty())
    status["message"] = agent_message(of, {}, std::move(parts));
  if (!of.at.empty())
    status["timestamp"] = of.at;
  return status;
}

json::object a2a_words::task(const a2a_task& of, std::optional<int64_t> history_length) const {
  json::object task;
  if (!is_10())
    task["kind"] = "task";
  task["id"] = of.id;
  task["contextId"] = of.context_id;
  task["status"] = status_of(of);
  if (history_length != 0)
    task["history"] = history_of(of, history_length);
  if (auto artifact = artifact_of(of))
    task["artifacts"] = json::array{std::move(*artifact)};
  return task;
}

json::object a2a_words::begun(const a2a_task& of, json::object said) const {
  auto shown = task(of, 0);
  if (!said.empty())
    shown["history"] = json::array{std::move(said)};
  return shown;
}

json::object a2a_words::sent(const a2a_task& of, std::string_view id, bool of_user,
                             json::array parts) const {
  auto message = agent_message(of, id, std::move(parts));
  if (of_user)
    message["role"] = is_10() ? "ROLE_USER" : "user";
  return message;
}

json::object a2a_words::as_event(json::object task) const {
  if (!is_10())
    return task;
  return {{"task", std::move(task)}};
}

json::object a2a_words::update_of(const a2a_task& of, std::string_view kind,
                                  json::object what) const {
  what["taskId"] = of.id;
  what["contextId"] = of.context_id;
  if (is_10())
    return {{kind == "status-update" ? "statusUpdate" : "artifactUpdate", std::move(what)}};
  what["kind"] = kind;
  return what;
}

json::object a2a_words::status_update(const a2a_task& of, bool last) const {
  json::object update{{"status", status_of(of)}};
  if (!is_10())
    update["final"] = last;
  return update_of(of, "status-update", std::move(update));
}

std::optional<json::object> a2a_words::said_update(const a2a_task& of,
                                                   const json::object& message) const {
  if (speaker_of(message) == speaker::user)
    return std::nullopt;
  auto said = message_of(of, message);
  if (!said)
    return std::nullopt;
  json::object update{
    {"status", {{"state", state_name(a2a_state::working)}, {"message", std::move(*said)}}}};
  if (!is_10())
    update["final"] = false;
  return update_of(of, "status-update", std::move(update));
}

std::optional<json::object> a2a_words::artifact_update(const a2a_task& of) const {
  auto artifact = artifact_of(of);
  if (!artifact)
    return std::nullopt;
  return update_of(of, "artifact-update",
                   {{"artifact", std::move(*artifact)}, {"append", false}, {"lastChunk", true}});
}

} // namespace behalf::endpoints
