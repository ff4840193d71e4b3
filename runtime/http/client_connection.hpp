// One outbound connection, plain or TLS, and the pool of those that wait for another call.
#pragma once

#include "behalf/wiped.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace behalf {

/// How an operation on a connection ended, and how many bytes it moved.
struct io_end {
  boost::system::error_code ec;
  std::size_t bytes = 0;
};

/// Not thread-safe: every call on its strand, or while nothing is under way.
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
  /// The same, for who keeps no coroutine: `done(io_end)` is called later, on the strand.
  template <class Done>
  void read(wiped_string& in, Done done) {
    auto taken = [this, &in, done = std::move(done)](error_code ec, std::size_t moved) {
      done(take(in, ec, moved));
    };
    const auto room = boost::asio::buffer(first_);
    if (after_rest_)
      boost::asio::post(executor_, [taken = std::move(taken), ec = std::exchange(after_rest_, {})] {
        taken(ec, 0);
      });
    else if (tls_)
      tls_->async_read_some(room, std::move(taken));
    else
      socket_.async_read_some(room, std::move(taken));
  }

  /// Ends whatever is under way with an error.
  void close() noexcept;

  /// Whether nothing has arrived on an idle connection: bytes or an end mean that it is unusable.
  bool silent();

  const boost::asio::any_io_executor& executor() const { return executor_; }

  std::chrono::steady_clock::time_point idle_since; // kept by the pool

private:
  error_code prepare_tls(const std::string& host);
  io_end take(wiped_string& in, error_code ec, std::size_t moved);
  std::size_t read_rest(wiped_string& in);

  boost::asio::any_io_executor executor_;
  tcp::socket socket_;
  std::unique_ptr<boost::asio::ssl::stream<tcp::socket&>> tls_;
  std::array<char, 512> first_; // wiped as soon as they are read
  error_code after_rest_;       // what the next read ends with
};

/// Idle connections, by user and host: users do not share connections. Thread-safe.
class client_pool {
public:
  using clock = std::chrono::steady_clock;
  using connection_pointer = std::unique_ptr<client_connection>;

  client_pool(std::size_t per_key, std::size_t total, std::chrono::milliseconds idle_timeout);

  /// The most recently used connection of that key that is still good, or null.
  connection_pointer take(const std::string& key);

  /// Keeps it if there is room, in place of the key's oldest if need be; else it ends here.
  void give(const std::string& key, connection_pointer connection);

  /// Closes what has been idle too long. Answers whether any is left.
  bool sweep(clock::time_point now);

  /// Closes all; from now on nothing is kept.
  void close();

  std::size_t idle() const;

private:
  mutable std::mutex mutex_;
  std::size_t per_key_, total_, idle_ = 0;
  std::chrono::milliseconds idle_timeout_;
  bool closed_ = false;
  std::unordered_map<std::string, std::vector<connection_pointer>> kept_; // oldest first
};

} // namespace behalf
