// What a client of the Model Context Protocol sends, read from the fields and the body of a
// request. Two wires are spoken: up to 2025-11-25 clients begin with `initialize`; since 2026-07-28
// every request says by itself which version it is of.
#pragma once

#include "behalf/outbound.hpp"
#include "runtime/base/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace behalf::endpoints {

struct mcp_message {
  enum class kind : uint8_t { request, notification, response };

  kind is = kind::request;
  bool self_contained = false; // of the newer wire
  json::value id;
  std::string method;
  json::object params;
};

/// A message that is not served: the JSON-RPC error, and the status it is sent with.
struct mcp_refusal {
  unsigned status = 400;
  json::object body;
};

std::variant<mcp_message, mcp_refusal> read_mcp_message(const header_list& headers,
                                                        json::value body);

/// The version that `initialize` agrees on: what the client asks for, or our newest of that wire.
std::string_view agreed_mcp_version(const json::object& params);

/// What a server can do and who it is, as `initialize` and `server/discover` answer.
json::object mcp_initialized(const json::object& params);
json::object mcp_discovered();

/// The result as the message's wire has it. `lasting`: the client may use it again for a while.
json::object mcp_result(const mcp_message& of, json::object result, bool lasting = false);

/// The status of an answer that is an error: the older wire says 200.
unsigned mcp_status(const mcp_message& of, int code);

/// Which forms of an answer an Accept field names.
struct mcp_accept {
  bool json = false, events = false;
};
mcp_accept read_mcp_accept(const header_list& headers);

/// Whether a value can name a request: the protocol takes texts and whole numbers.
bool is_mcp_id(const json::value& id);

/// The token under which the client wants to hear of progress. Error: one that is none.
result<std::optional<json::value>> progress_token_of(const json::object& params);

} // namespace behalf::endpoints
