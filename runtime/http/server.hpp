// The HTTP server: accepts connections, reads requests, hands them on as exchanges.
#pragma once

#include "behalf/error.hpp"
#include "runtime/http/cors.hpp"
#include "runtime/http/exchange.hpp"
#include "runtime/http/page_rules.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace behalf {

/// The defaults and comments are the manual.
struct server_options {
  std::string address = "127.0.0.1"; // IPv4 or IPv6 to listen on; "0.0.0.0" or "::" for all
  uint16_t port = 2024;              // 0: any free one
  std::string public_url{};          // how clients reach us, for absolute links; empty: as asked
  std::string tls_certificate{};     // PEM file, leaf first; TLS is on when both are given
  std::string tls_key{};             // PEM file
  cors_options cors{};
  page_options pages{};

  bool access_log = false; // a line per answer, at info; ours are those without an exchange
  std::size_t max_connections = 10'000;            // one more: see `connection_slots`, else 503
  std::size_t max_header_bytes = 32 * 1024;        // request line and fields; more: 431
  std::size_t max_body_bytes = 20 * 1024 * 1024;   // one request's; more: 413
  std::size_t max_body_memory = 512 * 1024 * 1024; // of all requests together; more: 429, 503

  std::chrono::milliseconds handshake_timeout{10'000};  // TLS
  std::chrono::milliseconds header_timeout{15'000};     // first byte to end of head; then 408
  std::chrono::milliseconds body_timeout{30'000};       // per 16 KiB of body, or the rest; then 408
  std::chrono::milliseconds body_deadline{120'000};     // of a whole body; then 408
  std::chrono::milliseconds write_timeout{30'000};      // per 16 KiB of answer; then the end
  std::chrono::milliseconds keep_alive_timeout{75'000}; // between two requests
  std::chrono::milliseconds request_deadline{60'000};   // head, or body, to answer; then 504
  std::chrono::milliseconds deadline_grace{5'000};      // more time when `on_deadline` was set
};

/// An HTTP/1.1 server. Every connection has its own strand, so any number of threads may run the
/// io_context. All functions may be called from any thread, except the destructor: destroy the
/// server after the io_context has stopped running and before it is destroyed. Exchanges may
/// outlive both.
class server {
public:
  /// Runs on an I/O thread; must not block. What it throws is logged and answered 500.
  using handler = std::function<void(exchange_ptr)>;

  server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server();

  /// Listens; the handler is called while `io` runs. Returns the port. Once only.
  /// Error: invalid_argument for a bad address, certificate or key; conflict when the port is
  /// taken. The sentence names what is wrong.
  result<uint16_t> start(boost::asio::io_context& io, server_options options, handler on_exchange);

  /// Reads the certificate and key again, for connections from now on. Error: invalid_argument
  /// naming the file; then everything stays as it was.
  result<void> reload_certificate();

  /// Stops accepting, closes idle connections, and the others after the answer they are at.
  /// `drained` runs once, on an I/O thread, when no connection is left.
  void drain(std::function<void()> drained);
  /// Closes every connection at once.
  void close_all();

  /// Connections open now.
  std::size_t connections() const;

private:
  std::shared_ptr<class server_core> core_;
};

} // namespace behalf
