#include "agents/tools/other_agent.hpp"

#include "agents/tools/toolbox.hpp"
#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/tools.hpp"
#include "runtime/base/json.hpp"

#include <string>
#include <utility>
#include <vector>

namespace behalf {
namespace {

// Images, sounds and files of a message, of blocks that have their bytes, as tools/call gives them.
void add_files(json::array& to, const json::object& message) {
  const auto* content = member(message, "content");
  if (!content || !content->is_array())
    return;
  for (const auto& each : content->get_array()) {
    const auto* data = member(each, "base64");
    if (!data)
      continue;
    const auto& block = each.get_object();
    json::object blob{{"uri", string_or(object_or_empty(block, "extras"), "filename")},
                      {"mimeType", string_or(block, "mime_type")},
                      {"blob", *data}};
    json::object part{{"type", "resource"}, {"resource", std::move(blob)}};
    to.push_back(std::move(part));
  }
}

} // namespace

std::string ask_tool_name(const tool_source& source) {
  return "ask_" + source.service;
}

json::value ask_tool(const tool_source& source) {
  json::object message{{"type", "string"},
                       {"description", "all that it needs to know: it sees nothing else"}};
  json::object arguments{{"message", std::move(message)}};
  json::object schema{{"type", "object"},
                      {"properties", std::move(arguments)},
                      {"required", list("message")},
                      {"additionalProperties", false}};
  auto told = "Asks the agent '" + source.service + "' of another server.";
  if (!source.description.empty())
    told += ' ' + source.description;
  tool_hints hints;
  if (!source.assistant.empty()) // a call that runs again finds what it has begun; what the agent
    hints = {.idempotent = true, .open_world = false}; // reads, its operator judges
  const tool_definition tool{ask_tool_name(source), std::move(told), std::move(schema)};
  return json::object{{"tools", list(listed_tool(tool, hints))}};
}

service_reply answer_of_agent(const json::object& left) {
  std::vector<const json::value*> answer;
  if (const auto* said = member(left, "messages"); said && said->is_array())
    for (bool after_calls = false; const auto& message : said->get_array()) {
      const auto type = message.is_object() ? string_or(message.get_object(), "type") : "";
      const bool is_tool = type == "tool"; // those that end it are the answer: `return_direct`
      if (type == "ai" || (is_tool && !after_calls))
        answer.clear();
      if (type == "ai" || is_tool)
        answer.push_back(&message);
      after_calls = is_tool;
    }
  std::string text;
  json::array content(1);
  for (const auto* message : answer) {
    text.append(message == answer.front() ? "" : "\n").append(text_of(*message));
    add_files(content, message->get_object());
  }
  service_reply reply;
  json::object body;
  const auto* structured = member(left, "structured_response");
  if (structured && !structured->is_null())
    body["structuredContent"] = *structured;
  else if (text.empty() && content.size() == 1)
    text = "(The agent ended without an answer.)";
  content.front() = json::object{{"type", "text"}, {"text", std::move(text)}};
  body["content"] = std::move(content);
  reply.body = std::move(body);
  return reply;
}

} // namespace behalf
