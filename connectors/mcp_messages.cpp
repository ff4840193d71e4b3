#include "connectors/mcp_messages.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/json_rpc.hpp"
#include "runtime/net/media_type.hpp"

namespace behalf {
namespace {

constexpr std::size_t longest_message = 500;
constexpr std::size_t longest_report = 1'000, longest_log = 4'000;

// An error object's code and message as one text for people.
std::string error_text(const json::object& failure) {
  const auto text = cut_utf8(string_or(failure, "message"), longest_message);
  auto line = "error " + std::to_string(int_or(failure, "code"));
  if (!text.empty())
    line += ": " + std::string{text};
  return line;
}

void copy_text(json::object& to, const json::object& from, std::string_view key,
               std::size_t longest) {
  if (const auto text = cut_utf8(string_or(from, key), longest); !text.empty())
    to[key] = json::string_view{text.data(), text.size()};
}

// What is no progress is left out: it goes to people's programs.
json::object progress_of(const json::object& params) {
  json::object said;
  for (std::string_view key : {"progress", "total"})
    if (const auto* number = member(params, key); number && number->is_number())
      said[key] = *number;
  copy_text(said, params, "message", longest_report);
  return said;
}

json::object log_of(const json::object& params) {
  json::object said;
  copy_text(said, params, "level", longest_report);
  copy_text(said, params, "logger", longest_report);
  const auto* data = member(params, "data");
  if (data && data->is_string())
    copy_text(said, params, "data", longest_log);
  else if (data && text_bytes(*data, longest_log) <= longest_log)
    said["data"] = *data;
  return said;
}

outbound_call call(const service_options& service, const mcp_session& session, std::string method,
                   std::string accept) {
  outbound_call made;
  made.service = service.name;
  made.method = std::move(method);
  made.url = service.url;
  made.timeout = service.timeout;
  made.headers.emplace_back("Accept", std::move(accept));
  if (!session.protocol_version.empty())
    made.headers.emplace_back("MCP-Protocol-Version", session.protocol_version);
  if (!session.id.empty())
    made.headers.emplace_back("Mcp-Session-Id", session.id);
  return made;
}

} // namespace

std::string mcp_request(int64_t id, std::string_view method, json::object params) {
  return dump(rpc_request(id, method, std::move(params)));
}

std::string mcp_notification(std::string_view method) {
  return dump(rpc_notification(method));
}

std::string mcp_cancelled(int64_t id) {
  return dump(rpc_notification("notifications/cancelled",
                               {{"requestId", id}, {"reason", "nobody waits for it any more"}}));
}

std::string mcp_answer_to(const json::object& request) {
  const auto& id = request.at("id");
  const auto method = string_or(request, "method");
  if (method == "ping")
    return dump(rpc_result(id, json::object{}));
  if (method == "roots/list")
    return dump(rpc_result(id, json::object{{"roots", json::array{}}}));
  return dump(rpc_error(id, rpc::method_not_found, "Method not found"));
}

json::object mcp_initialize_params() {
  return {{"protocolVersion", mcp_versions.front()},
          {"capabilities", json::object{}},
          {"clientInfo", {{"name", "behalf"}, {"version", BEHALF_VERSION}}}};
}

outbound_call mcp_post(const service_options& service, const mcp_session& session,
                       std::string message) {
  auto post = call(service, session, "POST", "application/json, text/event-stream");
  post.headers.emplace_back("Content-Type", "application/json");
  post.body = std::move(message);
  return post;
}

outbound_call mcp_get(const service_options& service, const mcp_session& session,
                      std::string_view last_id) {
  auto get = call(service, session, "GET", "text/event-stream");
  if (!last_id.empty())
    get.headers.emplace_back("Last-Event-ID", last_id);
  get.stream = true;
  return get;
}

outbound_call mcp_delete(const service_options& service, const mcp_session& session) {
  return call(service, session, "DELETE", "application/json, text/event-stream");
}

mcp_message classify(const json::object& message, int64_t id) {
  const auto* given = member(message, "id");
  if (member(message, "method"))
    return given ? mcp_message::request : mcp_message::other;
  return given && *given == json::value(id) ? mcp_message::response : mcp_message::other;
}

std::optional<json::object> mcp_report(const json::object& message, int64_t token) {
  const auto method = string_or(message, "method");
  const auto& params = object_or_empty(message, "params");
  if (method == "notifications/message")
    return json::object{{"log", log_of(params)}};
  const auto* about = member(params, "progressToken");
  if (method != "notifications/progress" || !about || *about != json::value(token))
    return std::nullopt;
  return json::object{{"progress", progress_of(params)}};
}

bool is_event_stream(const outbound_reply& reply) {
  const auto* type = find_header(reply.headers, "content-type");
  return reply.status == 200 && type && media_type(*type) == "text/event-stream";
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
