// Where an exchange's answer waits for its connection: written to by any thread, emptied by the
// connection's strand.
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
    call_ = nullptr; // with what it holds
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

/// A body somebody asked for: see exchange::read_body.
struct body_wish {
  std::size_t limit;
  fair_budget::share_ptr memory;
  body_handler got;
};

/// What a connection has to do next.
struct outgoing {
  std::optional<body_wish> body; // before anything else
  std::optional<answer_head> head;
  std::vector<part> parts;
  bool last = false;  // the answer ends here
  bool cut = false;   // the connection must end without a proper end of the answer
  bool watch = false; // somebody wants to know when the client leaves
  bool nothing() const { return !body && !head && parts.empty() && !last && !cut && !watch; }
};

class outbox {
public:
  outbox(strand executor, std::shared_ptr<late_calls> calls, deadline due,
         std::chrono::milliseconds grace)
    : executor_(std::move(executor)), calls_(std::move(calls)), due_(due), grace_(grace) {}

  // For the exchange, from any thread; see exchange.hpp.
  void read_body(body_wish wish);
  void respond(answer_head head);
  void begin_stream(answer_head head);
  void write(std::string bytes, std::function<void()> written);
  void finish();
  void abandon(); // the exchange is no more: 500, or a cut stream, if it was not answered in full
  bool gone() const { return gone_.load(std::memory_order_acquire); }
  void on_gone(std::function<void()> call);
  void every(std::chrono::milliseconds period, std::function<void()> call);
  void on_deadline(std::function<void()> call);
  void clear_deadline();
  void extend_deadline(std::chrono::milliseconds more);

  // For the connection, on its strand.
  task<void> changed() { return wake_.wait(); }
  outgoing take();
  /// When to look at the deadline next.
  deadline due() const;
  /// Does what a passed deadline asks for; returns when to look next.
  deadline check_deadline(deadline now);
  /// The client is gone. Runs what waits for that, and the callbacks of parts not written.
  void lost();
  /// The answer is out, or never will be: lets go of all callbacks.
  void close();
  /// Closes, and lets go of the waiting coroutine: nobody runs the strand any more.
  void shut();

private:
  enum class stage : uint8_t { unanswered, streaming, answered };
  using callbacks = std::vector<std::function<void()>>;

  void expire(std::unique_lock<std::mutex>& lock);
  callbacks drop_client(); // guard_ held

  mutable std::mutex guard_;
  std::optional<strand> executor_; // until closed: an exchange may outlive the io_context
  const std::shared_ptr<late_calls> calls_;
  stage stage_ = stage::unanswered;
  outgoing pending_;
  std::function<void()> on_gone_, on_deadline_;
  std::shared_ptr<ticker> ticker_;
  deadline due_;
  std::chrono::milliseconds grace_;
  bool closed_ = false;
  std::atomic<bool> gone_{false};
  wake_signal wake_;
};

/// The exchange of a real connection.
class live_exchange final : public exchange {
public:
  live_exchange(http_request req, secret_headers secrets, incoming_body body,
                std::shared_ptr<outbox> box)
    : exchange(std::move(req), std::move(secrets), std::move(body)), box_(std::move(box)) {}
  ~live_exchange() override { box_->abandon(); }

  void read_body(std::size_t limit, fair_budget::share_ptr memory, body_handler got) override {
    box_->read_body({limit, std::move(memory), std::move(got)});
  }

  void respond(unsigned status, header_list headers, std::string body,
               std::string content_type) override {
    box_->respond({status, std::move(headers), std::move(content_type), std::move(body)});
  }
  void begin_stream(unsigned status, header_list headers) override {
    box_->begin_stream({status, std::move(headers), {}, {}, true});
  }
  void write(std::string chunk, std::function<void()> written) override {
    box_->write(std::move(chunk), std::move(written));
  }
  void finish() override { box_->finish(); }
  bool gone() const override { return box_->gone(); }
  void on_gone(std::function<void()> call) override { box_->on_gone(std::move(call)); }
  void every(std::chrono::milliseconds period, std::function<void()> call) override {
    box_->every(period, std::move(call));
  }
  void on_deadline(std::function<void()> call) override { box_->on_deadline(std::move(call)); }
  void clear_deadline() override { box_->clear_deadline(); }
  void extend_deadline(std::chrono::milliseconds more) override { box_->extend_deadline(more); }

private:
  std::shared_ptr<outbox> box_;
};

} // namespace behalf::inbound
