#include "actors/endpoints/mcp_message.hpp"

#include "actors/endpoints/json_rpc.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/media_type.hpp"

#include <algorithm>
#include <array>

namespace behalf::endpoints {
namespace {

constexpr std::array<std::string_view, 4> of_older_wire{"2025-11-25", "2025-06-18", "2025-03-26",
                                                        "2024-11-05"};
constexpr std::string_view of_newer_wire = "2026-07-28";

constexpr int header_mismatch = -32020;
constexpr int unsupported_version = -32022;

constexpr std::size_t longest_shown = 64;
constexpr int64_t lasts_ms = 60'000;

bool is_older(std::string_view version) {
  return std::find(of_older_wire.begin(), of_older_wire.end(), version) != of_older_wire.end();
}

json::object server_info() {
  return {{"name", "behalf"}, {"title", "Behalf"}, {"version", BEHALF_VERSION}};
}

json::object capabilities() {
  return {{"tools", {{"listChanged", false}}}};
}

std::string_view field(const header_list& headers, std::string_view name) {
  const auto* value = find_header(headers, name);
  return value ? std::string_view{*value} : std::string_view{};
}

// A field's text, which may be wrapped: =?base64?…?=
std::optional<std::string> unwrapped(std::string_view text) {
  constexpr std::string_view begin = "=?base64?", end = "?=";
  if (!text.starts_with(begin) || !text.ends_with(end) || text.size() < begin.size() + end.size())
    return std::string(text);
  auto bytes = base64_decode(text.substr(begin.size(), text.size() - begin.size() - end.size()));
  return bytes ? std::optional{std::move(*bytes)} : std::nullopt;
}

mcp_refusal refusal(const json::value& id, int code, std::string_view why) {
  return {400, rpc_error(id, code, why)};
}

mcp_refusal wrong_version(const json::value& id, std::string_view asked) {
  json::array supported{of_newer_wire};
  for (auto version : of_older_wire)
    supported.emplace_back(version);
  auto error = rpc_error(id, unsupported_version, "Unsupported protocol version");
  error["error"].get_object()["data"] = {{"supported", std::move(supported)},
                                         {"requested", cut_utf8(asked, longest_shown)}};
  return {400, std::move(error)};
}

// What the newer wire asks of a request, in the order of its specification.
std::optional<mcp_refusal> fault_of_self_contained(const header_list& headers,
                                                   const mcp_message& m) {
  constexpr std::string_view version = "io.modelcontextprotocol/protocolVersion";
  constexpr std::string_view abilities = "io.modelcontextprotocol/clientCapabilities";
  const auto& about = object_or_empty(m.params, "_meta");
  for (auto key : {version, abilities})
    if (!member(about, key))
      return refusal(m.id, rpc::invalid_params, "params._meta needs " + std::string(key));
  if (string_or(about, version) != field(headers, "mcp-protocol-version"))
    return refusal(m.id, header_mismatch,
                   "MCP-Protocol-Version is not the version that params._meta names");
  if (field(headers, "mcp-method") != m.method)
    return refusal(m.id, header_mismatch, "Mcp-Method is not the message's method");
  if (m.method != "tools/call")
    return std::nullopt;
  if (unwrapped(field(headers, "mcp-name")) != string_or(m.params, "name"))
    return refusal(m.id, header_mismatch, "Mcp-Name is not the tool's name");
  return std::nullopt;
}

} // namespace

std::variant<mcp_message, mcp_refusal> read_mcp_message(const header_list& headers,
                                                        json::value body) {
  if (body.is_array())
    return refusal(nullptr, rpc::invalid_request, "send one message at a time, not a batch");
  auto* whole = body.if_object();
  if (!whole)
    return refusal(nullptr, rpc::invalid_request, "a message is an object");
  mcp_message m;
  const auto* id = member(*whole, "id");
  if (id && is_mcp_id(*id))
    m.id = *id;
  if (string_or(*whole, "jsonrpc") != "2.0")
    return refusal(m.id, rpc::invalid_request, "jsonrpc must be \"2.0\"");
  const auto* method = member(*whole, "method");
  if (!method && (member(*whole, "result") || member(*whole, "error"))) {
    m.is = mcp_message::kind::response;
    return m;
  }
  if (!method || !method->is_string())
    return refusal(m.id, rpc::invalid_request, "method must be a string");
  if (id && !is_mcp_id(*id))
    return refusal(nullptr, rpc::invalid_request,
                   "id must be a whole number, or a string of at most "
                     + std::to_string(longest_rpc_id) + " bytes");
  m.is = id ? mcp_message::kind::request : mcp_message::kind::notification;
  m.method = method->get_string();
  if (auto* params = whole->if_contains("params")) {
    if (!params->is_object())
      return refusal(m.id, rpc::invalid_params, "params must be an object");
    m.params = std::move(params->get_object());
  }
  const auto version = field(headers, "mcp-protocol-version");
  if (version.empty() || is_older(version))
    return m;
  m.self_contained = true;
  if (version != of_newer_wire)
    return wrong_version(m.id, version);
  if (m.is == mcp_message::kind::request)
    if (auto fault = fault_of_self_contained(headers, m))
      return std::move(*fault);
  return m;
}

std::string_view agreed_mcp_version(const json::object& params) {
  const auto asked = string_or(params, "protocolVersion");
  return is_older(asked) ? asked : of_older_wire.front();
}

json::object mcp_initialized(const json::object& params) {
  return {{"protocolVersion", agreed_mcp_version(params)},
          {"capabilities", capabilities()},
          {"serverInfo", server_info()}};
}

json::object mcp_discovered() {
  json::array versions{of_newer_wire};
  for (auto version : of_older_wire)
    versions.emplace_back(version);
  return {{"supportedVersions", std::move(versions)},
          {"capabilities", capabilities()},
          {"serverInfo", server_info()}};
}

json::object mcp_result(const mcp_message& of, json::object result, bool lasting) {
  if (of.self_contained) {
    result["resultType"] = "complete";
    result["_meta"] = json::object{{"io.modelcontextprotocol/serverInfo", server_info()}};
    if (lasting) {
      result["ttlMs"] = lasts_ms;
      result["cacheScope"] = "private"; // each caller has their own
    }
  }
  return rpc_result(of.id, std::move(result));
}

unsigned mcp_status(const mcp_message& of, int code) {
  if (!of.self_contained || code == rpc::internal_error)
    return 200;
  return code == rpc::method_not_found ? 404 : 400;
}

mcp_accept read_mcp_accept(const header_list& headers) {
  mcp_accept found;
  for (const auto& [name, value] : headers) {
    if (name != "accept")
      continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      const auto type = media_type(rest.substr(0, comma));
      found.json = found.json || type == "application/json";
      found.events = found.events || type == "text/event-stream";
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return found;
}

bool is_mcp_id(const json::value& id) {
  return id.is_int64() || id.is_uint64()
         || (id.is_string() && id.get_string().size() <= longest_rpc_id);
}

result<std::optional<json::value>> progress_token_of(const json::object& params) {
  const auto* token = member(object_or_empty(params, "_meta"), "progressToken");
  if (!token)
    return std::optional<json::value>{};
  if (!is_mcp_id(*token))
    return fail(errc::invalid_argument,
                "_meta.progressToken must be a whole number, or a string of at most "
                  + std::to_string(longest_rpc_id) + " bytes");
  return std::optional{*token};
}

} // namespace behalf::endpoints
