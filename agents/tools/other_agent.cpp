#include "agents/tools/other_agent.hpp"

#include "agents/tools/toolbox.hpp"
#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/tools.hpp"
#include "runtime/base/json.hpp"

#include <string>
#include <utility>

namespace behalf {

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
  std::string text;
  if (const auto* said = member(left, "messages"); said && said->is_array())
    for (bool after_calls = false; const auto& message : said->get_array()) {
      const auto type = message.is_object() ? string_or(message.get_object(), "type") : "";
      if (type == "ai")
        text = text_of(message);
      else if (type == "tool") // those that end it are the answer: they were `return_direct`
        text = (std::exchange(after_calls, true) ? text + '\n' : "") + text_of(message);
      if (type != "tool")
        after_calls = false;
    }
  service_reply reply;
  json::object body;
  const auto* structured = member(left, "structured_response");
  if (structured && !structured->is_null())
    body["structuredContent"] = *structured;
  else if (text.empty())
    text = "(The agent ended without an answer.)";
  json::object part{{"type", "text"}, {"text", std::move(text)}};
  body["content"] = list(std::move(part));
  reply.body = std::move(body);
  return reply;
}

} // namespace behalf
