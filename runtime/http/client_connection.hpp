// One outbound connection, plain or TLS. Not thread-safe: every call on its strand, or while
// nothing is under way.
#pragma once

#include "runtime/base/wiped.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// How an operation on a connection ended, and how many bytes it moved.
struct io_end {
  boost::system::error_code ec;
  std::size_t bytes = 0;
};

class client_connection {
public:
  using error_code = boost::system::error_code;
  using tcp = boost::asio::ip::tcp;

  explicit client_connection(boost::asio::any_io_executor strand);

  /// Connects to this very address.
  boost::asio::awaitable<error_code> connect(tcp::endpoint to);

  /// TLS on the connected socket: SNI and certificate for `host` (a name or an IP address).
  boost::asio::awaitable<error_code> secure(boost::asio::ssl::context& tls, std::string host);

  /// Why the certificate was refused, when that is why secure() failed; else empty.
  std::string certificate_problem() const;

  /// Writes all of it. The bytes go from here to the socket or the TLS engine, never to a buffer
  /// in between.
  boost::asio::awaitable<io_end> write(std::string_view bytes);

  /// Appends what comes next to `in`.
  boost::asio::awaitable<io_end> read(wiped_string& in);

  /// Ends whatever is under way with an error.
  void close() noexcept;

  /// An idle connection must be silent: bytes or an end there mean that it is of no more use.
  bool silent();

  const boost::asio::any_io_executor& executor() const { return executor_; }

  std::chrono::steady_clock::time_point idle_since; // kept by the pool

private:
  error_code prepare_tls(const std::string& host);

  boost::asio::any_io_executor executor_;
  tcp::socket socket_;
  std::unique_ptr<boost::asio::ssl::stream<tcp::socket&>> tls_;
};

} // namespace behalf
