// An MCP server for tests: sessions, tools and the ways a real one misbehaves.
#pragma once

#include "connectors/registry.hpp"
#include "tests/connectors/scripted_upstream.hpp"

#include <functional>
#include <map>
#include <set>

namespace behalf {

inline std::string sse_message(const json::value& message, std::string_view id = {}) {
  std::string text = "event: message\n";
  if (!id.empty())
    text += "id: " + std::string{id} + '\n';
  return text + "data: " + dump(message) + "\n\n";
}

inline json::object rpc_result(const json::value& id, json::value result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

inline json::object rpc_error(const json::value& id, int code, std::string_view text) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", text}}}};
}

inline json::object text_result(std::string_view text) {
  json::object part{{"type", "text"}, {"text", text}};
  return {{"content", json::array{std::move(part)}}};
}

class scripted_mcp {
public:
  bool as_events = false; // answer in event streams instead of JSON
  bool stateless = false; // give out no session ids
  unsigned lost_status = 404;
  std::string version = "2025-11-25";
  json::object capabilities{{"tools", json::object{}}};
  std::set<std::string> live;                // session ids
  std::map<std::string, std::string> opener; // session id → handle that opened it
  std::vector<std::string> methods;          // requests as they came
  /// Answers tools/…; unset: an echo of the tool's name.
  std::function<scripted_reply(const outbound_call&, const json::object& message)> on_tools;

  scripted_reply operator()(const outbound_call& call) {
    const auto parsed = parse_json(call.body);
    const auto message = parsed ? parsed->get_object() : json::object{};
    const std::string method{string_or(message, "method")};
    methods.push_back(method.empty() ? call.method : method);
    const auto* session = find_header(call.headers, "mcp-session-id");
    if (method == "initialize")
      return welcome(call, message);
    if (!stateless && !(session && live.contains(*session)))
      return {lost_status,
              {{"Content-Type", "application/json"}},
              dump(rpc_error(nullptr, -32001, "Session not found"))};
    if (!stateless && opener[*session] != call.handle.id)
      return {403, {}, "a foreign session"};
    if (method == "notifications/initialized" || method.empty())
      return {202};
    if (on_tools)
      return on_tools(call, message);
    return say(rpc_result(message.at("id"), text_result(method)));
  }

  scripted_reply say(const json::value& message) const {
    if (as_events)
      return {200, {{"Content-Type", "text/event-stream"}}, sse_message(message, "e1")};
    return {200, {{"Content-Type", "application/json"}}, dump(message)};
  }

private:
  scripted_reply welcome(const outbound_call& call, const json::object& message) {
    auto reply = say(rpc_result(message.at("id"), {{"protocolVersion", version},
                                                   {"capabilities", capabilities},
                                                   {"serverInfo", {{"name", "scripted"}}}}));
    if (!stateless) {
      auto id = "session-" + std::to_string(opener.size() + 1);
      live.insert(id);
      opener[id] = call.handle.id;
      reply.headers.emplace_back("Mcp-Session-Id", std::move(id));
    }
    return reply;
  }
};

/// A registry with one MCP service, and the ways tests call it.
struct mcp_bench {
  scripted_mcp server;
  service_registry services;
  std::size_t piece = 1u << 20;
  std::vector<outbound_call> calls; // of the last run
  std::vector<std::chrono::milliseconds> pauses;
  std::vector<std::string> sessions;
  std::vector<json::object> emitted;
  std::size_t closed = 0, left_open = 0;

  explicit mcp_bench(service_options service = scripted_service(service_type::mcp))
    : services(service_registry::create({std::move(service)}).value()) {}

  result<service_reply> run(service_call what, const caller& by = scripted_caller()) {
    scripted_upstream upstream{[this](const outbound_call& call) { return server(call); }, piece};
    auto answer = upstream.run(*services.open(std::move(what), by).value());
    calls = std::move(upstream.calls);
    pauses = std::move(upstream.pauses);
    sessions = std::move(upstream.sessions);
    emitted = std::move(upstream.emitted);
    closed = upstream.closed;
    left_open = upstream.open();
    return answer;
  }
  result<service_reply> call(std::string tool, const caller& by = scripted_caller()) {
    return run({"up", call_tool_operation{std::move(tool)}}, by);
  }
  result<service_reply> list(const caller& by = scripted_caller()) {
    return run({"up", list_tools_operation{}}, by);
  }
};

} // namespace behalf
