// An MCP server over Streamable HTTP as a connector: a session where needed, then the call.
#pragma once

#include "connectors/connector.hpp"
#include "connectors/mcp_sessions.hpp"
#include "connectors/service_options.hpp"

#include <memory>
#include <variant>

namespace behalf {

using mcp_operation = std::variant<list_tools_operation, call_tool_operation>;

/// `body` of the reply is the result as the server gave it; a tool that failed is a result too
/// (`isError`). tools/list gives {"tools": […]} of all pages, without what `service->tools`
/// leaves out. `receipt` is that of the last request.
///
/// Errors: `denied` of kind "needs_auth" when the server refuses the user (401, 403); `upstream`
/// of kind "mcp_error" with the server's code and message; `upstream` for anything that is no MCP
/// (or too much of it, or another version of it); and whatever a call failed with.
/// A session the server has lost is replaced once. A tool call is sent again only when the server
/// refused it unread.
std::unique_ptr<connector> open_mcp_service(std::shared_ptr<const service_options> service,
                                            mcp_operation operation, caller by,
                                            std::shared_ptr<mcp_sessions> sessions);

} // namespace behalf
