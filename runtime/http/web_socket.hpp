// A connection that has become a WebSocket (RFC 6455). Messages are not compressed, which bounds
// what one takes in memory.
#pragma once

#include "runtime/http/outbox.hpp"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <string>
#include <utility>

namespace behalf::inbound {

namespace beast = boost::beast;

/// The client is asked for a sign of life after half of this, and cut off after all of it.
inline constexpr std::chrono::seconds socket_silence{60};

template <class Stream>
struct web_socket {
  web_socket(Stream& over, socket_wish what, const http_request& asked)
    : stream(over), wish(std::move(what)) {
    // Beast would reset the connection under a message that is too big before its sender has read
    // why. The session counts, closes, and reads the rest away.
    stream.read_message_max(0);
    beast::websocket::stream_base::timeout limits{};
    limits.handshake_timeout = socket_silence;
    limits.idle_timeout = socket_silence;
    limits.keep_alive_pings = true;
    stream.set_option(limits);
    const auto* offered = find_header(asked.headers, "sec-websocket-protocol");
    const bool bearer = offered && *offered == bearer_protocol;
    stream.set_option(beast::websocket::stream_base::decorator(
      [bearer, id = asked.request_id](beast::websocket::response_type& answer) {
        answer.set(beast::http::field::server, "behalf"); // Beast would tell its version
        answer.set("X-Request-Id", id);
        if (bearer)
          answer.set("Sec-WebSocket-Protocol", std::string(bearer_protocol));
      }));
  }

  beast::websocket::stream<Stream&, false> stream; // false: without compression
  socket_wish wish;
  beast::flat_buffer in; // of the message that is arriving
  bool reading = false;
};

/// The request as Beast's handshake reads it.
inline beast::http::request<beast::http::empty_body> upgrade_request(const http_request& from) {
  beast::http::request<beast::http::empty_body> made{beast::http::verb::get, from.target, 11};
  for (const auto& [name, value] : from.headers)
    made.insert(name, value);
  return made;
}

} // namespace behalf::inbound
