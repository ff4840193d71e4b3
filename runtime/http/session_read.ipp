// The reading half of a session.
#include "runtime/http/session.hpp"

namespace behalf::inbound {

// Slow senders and readers are measured by this much: less in one timeout is too slow.
inline constexpr std::size_t progress = 16 * 1024;
inline constexpr std::size_t largest_read = 64 * 1024;
// Of a connection that ends: how much more it may send before it has read our last answer.
inline constexpr std::size_t max_linger_bytes = 1024 * 1024;
inline constexpr std::chrono::milliseconds linger_timeout{1'000};

template <class Stream>
task<bool> session<Stream>::read_more(std::size_t room) {
  if (watching_) {
    co_await watched_.wait(); // that read is ours now; waking for nothing is allowed
    co_return !ended_;
  }
  const auto space = in_.prepare(room);
  auto [ec, size] = co_await stream_.async_read_some(space, use_result);
  in_.commit(size);
  ended_ = ended_ || ec.failed();
  co_return !ec.failed();
}

// After a failed read: says 408 if it was the time that ran out. The socket itself still works.
template <class Stream>
bool session<Stream>::timed_out(unsigned status, const char* detail) {
  if (timed_out_ && socket().is_open()) {
    ended_ = false;
    refusal_.emplace(refusal{status, detail});
  }
  return false;
}

template <class Stream>
task<bool> session<Stream>::read_head(request_parser& parser) {
  const auto& options = core_->options;
  forget_request();
  enter(phase::idle, first_ ? options.header_timeout : options.keep_alive_timeout);
  std::size_t searched = 0, length = 0;
  while (true) {
    while (in_.view().starts_with("\r\n")) { // tolerated before a request (RFC 9112 2.2)
      in_.consume(2);
      searched = 0;
    }
    if (!in_.empty() && phase_ == phase::idle)
      enter(phase::head, options.header_timeout);
    length = head_length(in_.view(), searched);
    if (length > 0 || in_.size() > options.max_header_bytes)
      break;
    if (in_.empty() && core_->draining()) {
      linger_ = false; // nothing is on its way in either direction
      co_return false;
    }
    const bool more = co_await read_more(1);
    if (!more)
      co_return phase_ == phase::head&& timed_out(408, "Request header timeout");
  }
  if (length == 0 || length > options.max_header_bytes) {
    refusal_.emplace(refusal{431, "Request header fields too large"});
    co_return false;
  }
  refusal_ = parser.put_head(in_.view().substr(0, length));
  in_.consume(length);
  remember(parser);
  co_return !refusal_;
}

template <class Stream>
task<bool> session<Stream>::read_body(request_parser& parser, body_share& share) {
  const auto& options = core_->options;
  const auto& body = parser.request.body;
  if (parser.expects_continue() && in_.empty()) {
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    const bool sent = co_await send({});
    if (!sent)
      co_return false;
  }
  enter(phase::body, options.body_timeout);
  for (std::size_t measured = 0; true;) {
    if (!share.cover(std::max(parser.announced(), body.size()), options.max_body_memory)) {
      refusal_.emplace(refusal{503, "Too many requests in memory"});
      co_return false;
    }
    std::size_t used = 0;
    refusal_ = parser.put_body(in_.view(), used);
    in_.consume(used);
    if (refusal_ || parser.done())
      co_return !refusal_;
    if (used > 0)
      continue;
    if (in_.size() > progress) { // framing that never comes to its end
      refusal_.emplace(refusal{400, "Malformed chunked body"});
      co_return false;
    }
    if (body.size() >= measured + progress) {
      measured = body.size();
      enter(phase::body, options.body_timeout);
    }
    const auto missing = parser.announced() > body.size() ? parser.announced() - body.size() : 0;
    const bool more = co_await read_more(std::clamp(missing, read_buffer::small, largest_read));
    if (!more)
      co_return timed_out(408, "Request body timeout");
  }
}

// Reads on while the answer is made: the only portable way to learn that the client left. What
// arrives is kept for the next request, up to a bound.
template <class Stream>
void session<Stream>::start_watch() {
  if (watching_ || ended_ || in_.size() > progress)
    return;
  watching_ = true;
  stream_.async_read_some(in_.prepare(1),
                          [self = this->shared_from_this()](const error_code& ec, std::size_t n) {
                            self->on_watched(ec, n);
                          });
}

template <class Stream>
void session<Stream>::on_watched(const error_code& ec, std::size_t size) {
  watching_ = false;
  in_.commit(size);
  ended_ = ended_ || ec.failed();
  if (const auto box = box_; box && ec)
    box->lost();
  else if (box && size > 0)
    start_watch();
  if (!watching_)
    watched_.notify();
}

template <class Stream>
task<void> session<Stream>::say_goodbye() {
  enter(phase::closing, linger_timeout);
  error_code ec;
  if constexpr (is_tls<Stream>) {
    if (!watching_)
      co_await stream_.async_shutdown(use_result);
  }
  socket().shutdown(tcp_socket::shutdown_send, ec);
  // Closing with unread bytes would reset the connection, and the client could lose our answer.
  for (std::size_t total = in_.size(); !ended_ && total <= max_linger_bytes;) {
    in_.consume(in_.size());
    if (watching_) {
      co_await watched_.wait();
    } else {
      const auto space = in_.prepare(read_buffer::small);
      auto [failed, size] = co_await socket().async_read_some(space, use_result);
      in_.commit(size);
      total += size;
      ended_ = failed.failed();
    }
  }
}

} // namespace behalf::inbound
