// One HTTP request as everything above the socket sees it.
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/time.hpp"
#include "runtime/net/request_target.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// The methods routes are written for. `other` is everything else.
enum class verb : uint8_t { get, head, post, put, patch, del, options, other };

/// "GET", "DELETE", …; "OTHER" for `other`.
std::string_view to_string(verb v);
verb to_verb(std::string_view method);

/// The head of what a client sent; the body is the exchange's. Credentials are not in here: the
/// fields that carry them are kept apart and handed out once, by exchange::take_header.
struct http_request {
  verb method = verb::get;       // HEAD stays HEAD; the router treats it as GET
  std::string method_name;       // as sent
  std::string target;            // as sent, still percent-encoded, with its query
  std::vector<std::string> path; // decoded segments: "/a/b" is {a, b}, "/" is {}, "/a/" is {a, ""}
  query_params query;
  header_list headers;        // names in lower case; read with find_header
  std::string request_id;     // X-Request-Id as sent if it is fit to log, else a new UUID
  std::string remote_address; // "192.0.2.7"; the peer of the socket, never a header
  std::string peer;    // the key for shares of unauthenticated callers: see inbound::peer_name
  bool secure = false; // arrived over TLS
  deadline by{};       // when the answer is due
};

/// A page cannot give a WebSocket an Authorization field. It offers this subprotocol and its token
/// as another (`new WebSocket(url, ["bearer", token])`): read as "Authorization: Bearer <token>".
/// Of `sec-websocket-protocol` this alone is left, which the handshake agrees to.
inline constexpr std::string_view bearer_protocol = "bearer";

/// Overwrites target, query and header values: people put tokens there too.
void wipe(http_request& req) noexcept;

/// `public_url` without its trailing slash, or, when that is empty, scheme and host as the client
/// addressed us ("http://127.0.0.1:2024"): what an absolute Location begins with.
std::string base_url(const http_request& req, std::string_view public_url);

} // namespace behalf
