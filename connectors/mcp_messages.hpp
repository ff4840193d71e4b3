// The JSON-RPC 2.0 messages of MCP, and the HTTP fields they travel with (MCP 2025-11-25).
#pragma once

#include "behalf/outbound.hpp"
#include "connectors/mcp_sessions.hpp"
#include "connectors/service_options.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// The supported protocol versions, newest first. `initialize` offers the first.
constexpr std::array<std::string_view, 3> mcp_versions{"2025-11-25", "2025-06-18", "2025-03-26"};

std::string mcp_request(int64_t id, std::string_view method, json::object params);
std::string mcp_notification(std::string_view method);

/// Nobody waits any more for the response to the request with that id.
std::string mcp_cancelled(int64_t id);

/// The answer to a request of the server: `ping` is answered, there are no roots, anything else is
/// declined with -32601, since no capability for it was declared.
std::string mcp_answer_to(const json::object& request);

/// `initialize`: no capabilities of ours, and who we are.
json::object mcp_initialize_params();

/// Sends a message. A version and a session id are named once the session has them. Like those
/// below it has no handle yet.
outbound_call mcp_post(const service_options& service, const mcp_session& session,
                       std::string message);

/// Listens: to the session's own stream, or, after `last_id`, to whichever had that event.
outbound_call mcp_get(const service_options& service, const mcp_session& session,
                      std::string_view last_id);

/// Ends the session.
outbound_call mcp_delete(const service_options& service, const mcp_session& session);

enum class mcp_message : uint8_t {
  response, // a response to the request with our id
  request,  // of the server; wants an answer
  other,    // a notification, or a response to another id
};
mcp_message classify(const json::object& message, int64_t id);

/// What a notification says about the request with that progress token, as {"progress":
/// {"progress", "total", "message"}} or {"log": {"level", "logger", "data"}}, in bounds; nullopt
/// when it is of another kind, or about another request.
std::optional<json::object> mcp_report(const json::object& message, int64_t token);

/// Whether a reply is a stream of events to be read.
bool is_event_stream(const outbound_reply& reply);

/// The result of a response. Error: upstream of kind "mcp_error" with the server's code and
/// message, or upstream when the response is malformed. `what` begins the sentence:
/// "service 'mail', tools/call".
result<json::object> mcp_result(const json::object& response, std::string_view what);

/// "error -32602: Unknown tool" of a body that is a JSON-RPC error; otherwise empty.
std::string mcp_error_text(std::string_view body);

} // namespace behalf
