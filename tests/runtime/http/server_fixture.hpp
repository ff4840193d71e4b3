// A real server on port 0 and a client that speaks bytes, so that a test can misbehave exactly.
#pragma once

#include "runtime/http/server.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <future>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace behalf {

struct raw_reply {
  unsigned status = 0;
  header_list headers;
  std::string body;
  bool complete = false; // false: the connection ended before the answer did
  std::string header(std::string_view name) const {
    const auto* value = find_header(headers, name);
    return value ? *value : "";
  }
};

/// A blocking client. Every wait ends after 5 s. `Socket` has read_some and write_some.
template <class Socket>
class basic_raw_client {
public:
  template <class... Args>
  explicit basic_raw_client(Args&&... args) : socket_(std::forward<Args>(args)...) {}

  Socket& socket() { return socket_; }

  void send(std::string_view bytes) {
    boost::system::error_code ec;
    while (!bytes.empty() && !ec)
      bytes.remove_prefix(socket_.write_some(boost::asio::buffer(bytes), ec));
  }

  /// False at the end of the connection.
  bool read_some() {
    std::array<char, 65536> space;
    boost::system::error_code ec;
    const auto n = socket_.read_some(boost::asio::buffer(space), ec);
    buffer_.append(space.data(), n);
    return n > 0 && !ec;
  }

  /// Everything up to the end of the connection.
  std::string read_all() {
    while (read_some()) {
    }
    return std::exchange(buffer_, {});
  }

  /// The bytes up to and including `mark`; what there was when the connection ended before it.
  std::string read_until(std::string_view mark) {
    std::size_t at, from = 0;
    while ((at = buffer_.find(mark, from)) == std::string::npos) {
      from = buffer_.size() - std::min(buffer_.size(), mark.size());
      if (!read_some())
        return std::exchange(buffer_, {});
    }
    return take(at + mark.size());
  }

  /// One answer. `bodiless`: of a HEAD request.
  raw_reply read_reply(bool bodiless = false) {
    raw_reply reply = parse_head(read_until("\r\n\r\n"));
    if (reply.status == 0)
      return reply;
    if (bodiless || reply.status == 204 || reply.status < 200) {
      reply.complete = true;
    } else if (reply.header("transfer-encoding") == "chunked") {
      read_chunks(reply);
    } else if (const auto length = reply.header("content-length"); !length.empty()) {
      const auto size = std::stoul(length);
      while (buffer_.size() < size && read_some()) {
      }
      reply.complete = buffer_.size() >= size;
      reply.body = take(std::min(size, buffer_.size()));
    } else {
      reply.body = read_all();
      reply.complete = true;
    }
    return reply;
  }

private:
  std::string take(std::size_t n) {
    auto head = buffer_.substr(0, n);
    buffer_.erase(0, n);
    return head;
  }

  static raw_reply parse_head(const std::string& head) {
    raw_reply reply;
    if (!head.starts_with("HTTP/1.1 ") || !head.ends_with("\r\n\r\n"))
      return reply;
    reply.status = static_cast<unsigned>(std::stoul(head.substr(9, 3)));
    for (auto at = head.find("\r\n") + 2; at + 2 < head.size();) {
      const auto end = head.find("\r\n", at);
      const auto colon = head.find(": ", at);
      reply.headers.emplace_back(head.substr(at, colon - at),
                                 head.substr(colon + 2, end - colon - 2));
      at = end + 2;
    }
    return reply;
  }

  void read_chunks(raw_reply& reply) {
    while (true) {
      const auto line = read_until("\r\n");
      if (!line.ends_with("\r\n"))
        return;
      const auto size = std::stoul(line, nullptr, 16);
      while (buffer_.size() < size + 2 && read_some()) {
      }
      if (buffer_.size() < size + 2)
        return;
      reply.body += take(size + 2).substr(0, size);
      if (size == 0) {
        reply.complete = true;
        return;
      }
    }
  }

  Socket socket_;
  std::string buffer_;
};

inline void limit_waits(boost::asio::ip::tcp::socket& socket) {
  const timeval limit{5, 0};
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

class raw_client : public basic_raw_client<boost::asio::ip::tcp::socket> {
public:
  /// `from`: any address of 127.0.0.0/8, each a peer of its own.
  raw_client(boost::asio::io_context& io, uint16_t port, const char* from = "127.0.0.1")
    : basic_raw_client(io) {
    socket().open(boost::asio::ip::tcp::v4());
    socket().bind({boost::asio::ip::make_address(from), 0});
    socket().connect({boost::asio::ip::make_address("127.0.0.1"), port});
    limit_waits(socket());
  }
};

/// Limits and times short enough to be waited for.
inline server_options test_options() {
  server_options options;
  options.port = 0;
  return options;
}

class running_server {
public:
  explicit running_server(server::handler handler)
    : running_server(test_options(), std::move(handler)) {}
  running_server(server_options options, server::handler handler) {
    auto started = server_.start(io_, std::move(options), std::move(handler));
    port = started.value();
    for (auto& t : threads_)
      t = std::thread([this] { io_.run(); });
  }
  ~running_server() {
    server_.close_all();
    io_.stop();
    for (auto& t : threads_)
      t.join();
  }

  raw_client connect(const char* from = "127.0.0.1") { return {client_io_, port, from}; }
  /// One request on a fresh connection.
  raw_reply ask(std::string_view bytes) {
    auto client = connect();
    client.send(bytes);
    return client.read_reply();
  }
  server& get() { return server_; }
  boost::asio::io_context& client_io() { return client_io_; }

  uint16_t port = 0;

private:
  boost::asio::io_context io_, client_io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
    io_.get_executor()};
  server server_; // after io_: destroyed before it, with its threads joined
  std::array<std::thread, 2> threads_;
};

/// A value a callback sets and the test waits for, at most 5 s.
template <class T>
class awaited {
public:
  void set(T value) {
    if (!done_.exchange(true))
      promise_.set_value(std::move(value));
  }
  std::optional<T> get() {
    if (future_.wait_for(std::chrono::seconds{5}) != std::future_status::ready)
      return std::nullopt;
    return future_.get();
  }
  bool is_set() const { return done_; }

private:
  std::promise<T> promise_;
  std::future<T> future_ = promise_.get_future();
  std::atomic<bool> done_{false};
};

/// Goes on with the request's whole body; a fault of it is answered.
inline void with_body(const exchange_ptr& ex, std::function<void(std::string)> then,
                      fair_budget::share_ptr memory = nullptr, std::size_t limit = 100'000'000) {
  if (auto here = ex->take_body())
    return then(std::move(*here));
  ex->read_body(limit, std::move(memory), [ex, then](result<std::string> text) {
    if (!text)
      return respond_error(*ex, text.error());
    then(std::move(*text));
  });
}

inline std::string get_request(std::string_view target, std::string_view extra = {}) {
  return std::string{"GET "}.append(target).append(" HTTP/1.1\r\nHost: test\r\n").append(extra)
         + "\r\n";
}

inline std::string post_request(std::string_view target, std::string_view body,
                                std::string_view extra = {}) {
  return std::string{"POST "}.append(target).append(" HTTP/1.1\r\nHost: test\r\n").append(extra)
         + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string{body};
}

} // namespace behalf
