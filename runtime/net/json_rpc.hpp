// The envelopes of JSON-RPC 2.0, and the standard's errors.
#pragma once

#include "runtime/base/json.hpp"

#include <cstddef>
#include <string_view>
#include <utility>

namespace behalf {

/// The standard's own; protocols have more, from -32000 down.
namespace rpc {
constexpr int parse_error = -32700;
constexpr int invalid_request = -32600;
constexpr int method_not_found = -32601;
constexpr int invalid_params = -32602;
constexpr int internal_error = -32603;
} // namespace rpc

inline constexpr std::size_t longest_rpc_id = 1024; // each event of an answer repeats it

/// An id that may be repeated in an answer: a text, a number or null.
inline bool is_rpc_id(const json::value& id) {
  return (id.is_string() && id.get_string().size() <= longest_rpc_id) || id.is_number()
         || id.is_null();
}

inline json::object rpc_notification(std::string_view method) {
  return {{"jsonrpc", "2.0"}, {"method", method}};
}
inline json::object rpc_notification(std::string_view method, json::object params) {
  return {{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}};
}

inline json::object rpc_request(const json::value& id, std::string_view method,
                                json::object params) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
}

inline json::object rpc_result(const json::value& id, json::value result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

inline json::object rpc_error(const json::value& id, int code, std::string_view message) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}};
}

} // namespace behalf
