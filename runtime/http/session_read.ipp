// The reading half of a session.
#include "runtime/http/session.hpp"

namespace behalf::inbound {

// Slow senders and readers are measured by this much: less in one timeout is too slow.
inline constexpr std::size_t progress = 16 * 1024;
inline constexpr std::size_t largest_read = 64 * 1024;
// Of a connection that ends: how much more it may send before it has read our last answer.
inline constexpr std::size_t max_linger_bytes = 1024 * 1024;
inline constexpr std::chrono::milliseconds linger_timeout{1'000};

inline constexpr std::string_view memory_of_requests = "requests in memory";

// A refusal as whoever asked for the body answers it.
inline error as_error(const refusal& why) {
  switch (why.status) {
  case 408:
    return fail(errc::slow_request, why.detail);
  case 413:
    return fail(errc::too_large, why.detail);
  case 429:
    return fail(errc::too_many, why.detail, "Retry-After", "1");
  case 503:
    return fail(errc::overloaded, why.detail, "Retry-After", "1");
  default:
    return fail(errc::bad_request, why.detail);
  }
}

// Nothing when the share of whoever asked for the body has room for it.
inline std::optional<refusal> memory_fault(const body_wish& wish, std::size_t bytes) {
  auto ok = wish.memory ? claim(*wish.memory, bytes, memory_of_requests) : result<void>{};
  return ok ? std::nullopt
            : std::optional{refusal{http_status(ok.error().code), ok.error().message}};
}

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
    if (in_.size() > read_buffer::small && !hold(in_.size()))
      co_return false;
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

// Counts what this connection keeps in memory against the share of its peer.
template <class Stream>
bool session<Stream>::hold(std::size_t bytes) {
  if (!memory_)
    memory_ = core_->peer_memory.open(peer_, {});
  auto ok = claim(*memory_, bytes, memory_of_requests);
  if (!ok)
    refusal_.emplace(refusal{http_status(ok.error().code), ok.error().message});
  return ok.has_value();
}

// The body somebody asked for. After a failure the connection goes on to its answer, and no
// further.
template <class Stream>
task<void> session<Stream>::read_body(request_parser& parser, body_wish wish) {
  const auto box = box_;
  const bool whole = co_await receive(parser, wish);
  box->extend_deadline(core_->options.request_deadline);
  memory_.reset();
  if (!watching_)
    in_.shrink();
  const auto why = std::exchange(refusal_, std::nullopt);
  if (whole)
    wish.got(std::move(parser.body));
  else if (why)
    wish.got(as_error(*why));
  else
    box->lost();
}

template <class Stream>
task<bool> session<Stream>::receive(request_parser& parser, const body_wish& wish) {
  const auto& options = core_->options;
  if (parser.expects_continue() && in_.empty() && parser.body.empty()
      && parser.announced() <= wish.limit) {
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    const bool sent = co_await send({});
    if (!sent)
      co_return false;
  }
  const auto end = std::chrono::steady_clock::now() + options.body_deadline;
  const auto enter_body = [&] {
    const auto left = end - std::chrono::steady_clock::now();
    enter(phase::body, std::min(options.body_timeout, std::chrono::ceil<milliseconds>(left)));
  };
  enter_body();
  for (std::size_t measured = 0; true;) {
    std::size_t used = 0;
    refusal_ = parser.put_body(in_.view(), used);
    in_.consume(used);
    const auto size = parser.body.size();
    if (!refusal_ && std::max(parser.announced(), size) > wish.limit)
      refusal_.emplace(refusal{413, "Request body too large"});
    if (!refusal_)
      refusal_ = memory_fault(wish, size + in_.capacity());
    if (refusal_ || !hold(size + in_.capacity()) || parser.done())
      co_return !refusal_;
    if (used > 0)
      continue;
    if (in_.size() > progress) { // framing that never comes to its end
      refusal_.emplace(refusal{400, "Malformed chunked body"});
      co_return false;
    }
    if (size >= measured + progress) {
      measured = size;
      enter_body();
    }
    if (measured == 0) // pages nobody has written to cost nothing: no need to believe the head
      parser.body.reserve(parser.announced());
    const auto missing = parser.announced() > size ? parser.announced() - size : 0;
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
  else if (box && size > 0 && phase_ != phase::body)
    start_watch();
  watched_.notify(); // who waits for bytes looks again, whether or not a read is under way
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
