// The exchange of a connection: any thread writes the answer into it, and the connection's strand
// sends it.
#pragma once

#include "runtime/http/exchange.hpp"
#include "runtime/http/io.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace behalf::inbound {

/// A status line and fields; `body` too unless it is the begin of a stream.
struct answer_head {
  unsigned status = 200;
  header_list headers;
  std::string content_type, body;
  bool stream = false;
};

struct part {
  std::string bytes;
  std::function<void()> written;
};

/// Calls at fixed times, measured from its start, until it is stopped. Lives on a strand.
class ticker : public std::enable_shared_from_this<ticker> {
public:
  ticker(const strand& executor, std::chrono::milliseconds period, std::function<void()> call)
    : timer_(executor), period_(period), call_(std::move(call)) {}

  void start() {
    timer_.expires_after(period_);
    wait();
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
    call_ = nullptr; // destroys its captures
  }

private:
  void wait() {
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (ec || self->stopped_)
        return;
      self->call_();
      self->timer_.expires_at(self->timer_.expiry() + self->period_);
      self->wait();
    });
  }

  steady_timer timer_;
  std::chrono::milliseconds period_;
  std::function<void()> call_;
  bool stopped_ = false;
};

/// A call of exchange::read_body.
struct body_wish {
  std::size_t limit;
  fair_budget::share_ptr memory;
  body_handler got;
};

/// A call of exchange::open_socket.
struct socket_wish {
  std::size_t limit;
  std::function<void(std::string)> got;
};

/// What a connection has to do next.
struct outgoing {
  std::optional<body_wish> body; // alone, unless the answer is whole: then nobody reads it
  std::optional<answer_head> head;
  std::vector<part> parts;
  std::optional<socket_wish> socket; // instead of a head
  bool read_on = false;              // of the socket
  uint16_t close_code = 1000;        // its `last` says why
  bool last = false;                 // the answer ends here
  bool cut = false;                  // the connection must end without a proper end of the answer
  bool notice_close = false;         // `on_gone` waits for the client to close
  bool nothing() const {
    return !body && !head && !socket && parts.empty() && !read_on && !last && !cut && !notice_close;
  }
};

/// An exchange, and its connection's interface to it. Handlers get it from `hand_out`.
class outbox final : public exchange {
public:
  outbox(http_request req, secret_headers secrets, incoming_body body, strand executor,
         std::shared_ptr<late_calls> calls, std::chrono::milliseconds grace)
    : exchange(std::move(req), std::move(secrets), std::move(body)), executor_(std::move(executor)),
      calls_(std::move(calls)), due_(this->req().by), grace_(grace) {}

  /// What the handler holds. When the last reference is destroyed before the answer is whole, the
  /// client gets 500 or a cut stream.
  static exchange_ptr hand_out(const std::shared_ptr<outbox>& box) {
    return {box.get(), [box](exchange*) { box->abandon(); }};
  }

  void read_body(std::size_t limit, fair_budget::share_ptr memory, body_handler got) override;
  void respond(unsigned status, header_list headers, std::string body,
               std::string content_type = "application/json") override;
  void begin_stream(unsigned status, header_list headers) override;
  void write(std::string bytes, std::function<void()> written) override;
  void finish() override;
  void open_socket(std::size_t limit, std::function<void(std::string)> got) override;
  void read_on() override;
  void close_socket(uint16_t code) override;
  bool gone() const override { return gone_.load(std::memory_order_acquire); }
  void on_gone(std::function<void()> call) override;
  void on_drain(std::function<void()> call) override;
  void every(std::chrono::milliseconds period, std::function<void()> call) override;
  void on_deadline(std::function<void()> call) override;
  void clear_deadline() override;
  void extend_deadline(std::chrono::milliseconds more) override;

  // For the connection, on its strand.
  awaitable<void> changed() { return wake_.wait(); }
  outgoing take();
  /// When to look at the deadline next.
  deadline due() const;
  /// Does what a passed deadline asks for; returns when to look next.
  deadline check_deadline(deadline now);
  /// The server begins to stop.
  void drain();
  /// The client is gone. Calls `on_gone`, and the callbacks of parts not written.
  void lost();
  /// The answer is sent, or cannot be: destroys all callbacks.
  void close();
  /// Closes, and destroys the waiting coroutine, as the strand does not run any more.
  void shut();

private:
  enum class stage : uint8_t { unanswered, streaming, answered };
  using callbacks = std::vector<std::function<void()>>;

  void abandon();
  void expire(std::unique_lock<std::mutex>& lock);
  callbacks drop_client(); // guard_ held

  mutable std::mutex guard_;
  std::optional<strand> executor_; // until closed: an exchange may outlive the io_context
  const std::shared_ptr<late_calls> calls_;
  stage stage_ = stage::unanswered;
  outgoing pending_;
  std::function<void()> on_gone_, on_deadline_, on_drain_;
  std::shared_ptr<ticker> ticker_;
  deadline due_;
  std::chrono::milliseconds grace_;
  bool closed_ = false, draining_ = false;
  std::atomic<bool> gone_{false};
  wake_signal wake_;
};

} // namespace behalf::inbound
