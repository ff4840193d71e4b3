#include "connectors/mcp_messages.hpp"

#include "connectors/media_type.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t longest_message = 500;

// An error object's code and message as one text for people.
std::string error_text(const json::object& failure) {
  const auto text = cut_utf8(string_or(failure, "message"), longest_message);
  auto line = "error " + std::to_string(int_or(failure, "code"));
  if (!text.empty())
    line += ": " + std::string{text};
  return line;
}

} // namespace

std::string mcp_request(int64_t id, std::string_view method, json::object params) {
  return dump(json::object{
    {"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}});
}

std::string mcp_notification(std::string_view method) {
  return dump(json::object{{"jsonrpc", "2.0"}, {"method", method}});
}

std::string mcp_answer_to(const json::object& request) {
  json::object answer{{"jsonrpc", "2.0"}, {"id", request.at("id")}};
  const auto method = string_or(request, "method");
  if (method == "ping")
    answer["result"] = json::object{};
  else if (method == "roots/list")
    answer["result"] = json::object{{"roots", json::array{}}};
  else if (method == "elicitation/create")
    answer["result"] = json::object{{"action", "decline"}};
  else if (method == "sampling/createMessage")
    answer["error"] = json::object{{"code", -1}, {"message", "User rejected sampling request"}};
  else
    answer["error"] = json::object{{"code", -32601}, {"message", "Method not found"}};
  return dump(answer);
}

json::object mcp_initialize_params() {
  return {{"protocolVersion", mcp_versions.front()},
          {"capabilities", json::object{}},
          {"clientInfo", {{"name", "behalf"}, {"version", BEHALF_VERSION}}}};
}

header_list mcp_post_headers(const mcp_session& session) {
  header_list headers{{"Content-Type", "application/json"},
                      {"Accept", "application/json, text/event-stream"}};
  if (!session.protocol_version.empty())
    headers.emplace_back("MCP-Protocol-Version", session.protocol_version);
  if (!session.id.empty())
    headers.emplace_back("Mcp-Session-Id", session.id);
  return headers;
}

header_list mcp_end_headers(const mcp_session& session) {
  auto headers = mcp_post_headers(session);
  headers.erase(headers.begin());
  return headers;
}

header_list mcp_resume_headers(const mcp_session& session, std::string_view last_id) {
  auto headers = mcp_post_headers(session);
  headers.erase(headers.begin());
  headers.front().second = "text/event-stream";
  headers.emplace_back("Last-Event-ID", last_id);
  return headers;
}

bool is_session_id(std::string_view id) {
  return !id.empty() && id.size() <= 1024
         && std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

mcp_message classify(const json::object& message, int64_t id) {
  const auto* given = member(message, "id");
  if (member(message, "method"))
    return given ? mcp_message::request : mcp_message::other;
  return given && *given == json::value(id) ? mcp_message::answer : mcp_message::other;
}

result<json::object> mcp_result(const json::object& response, std::string_view what) {
  if (const auto* failure = member(response, "error"); failure && failure->is_object())
    return error{errc::upstream,
                 std::string{what} + ": " + error_text(failure->get_object()),
                 {},
                 "mcp_error"};
  const auto* value = member(response, "result");
  if (!value || !value->is_object())
    return fail(errc::upstream, std::string{what} + ": a response without result or error");
  return value->get_object();
}

std::string mcp_error_text(std::string_view body) {
  const auto parsed = parse_json(body);
  const auto* failure = parsed ? member(*parsed, "error") : nullptr;
  return failure && failure->is_object() ? error_text(failure->get_object()) : std::string{};
}

} // namespace behalf
