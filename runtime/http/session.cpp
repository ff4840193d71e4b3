#include "runtime/http/session.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <typeinfo>

namespace behalf::inbound {
namespace {

// A peer that sends or reads fewer bytes than this within a timeout is too slow.
constexpr std::size_t progress = 16 * 1024;
constexpr std::size_t largest_read = 64 * 1024;
// How much a client may still send on a connection that ends, before it has read the last answer.
constexpr std::size_t max_linger_bytes = 1024 * 1024;
constexpr std::chrono::milliseconds linger_timeout{1'000};
constexpr std::string_view memory_of_requests = "requests in memory";
// Answers up to this size leave in one piece with their head.
constexpr std::size_t joined_body = 16 * 1024;
constexpr std::size_t kept_output = 64 * 1024; // of a connection, between two writes
constexpr std::size_t first_bytes = 64;        // of a WebSocket's message
constexpr std::size_t framing_bytes = 32;      // around a part and behind the last, at most

// A refusal as the error of `read_body`.
error as_error(const refusal& why) {
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

// nullopt when the share given to `read_body` has room for the bytes.
std::optional<refusal> memory_fault(const body_wish& wish, std::size_t bytes) {
  auto ok = wish.memory ? claim(*wish.memory, bytes, memory_of_requests) : result<void>{};
  return ok ? std::nullopt
            : std::optional{refusal{http_status(ok.error().code), ok.error().message}};
}

} // namespace

template <class Stream>
session<Stream>::session(std::shared_ptr<server_core> core, Stream stream,
                         connection_slots::slot_ptr slot, fair_budget::share_ptr refusal)
  : core_(std::move(core)), stream_(std::move(stream)), slot_(std::move(slot)),
    refusal_share_(std::move(refusal)), watchdog_(stream_.get_executor()) {
  error_code ec;
  const auto remote = socket().remote_endpoint(ec).address();
  remote_ = unmapped(remote).to_string();
  peer_ = peer_name(remote);
  loopback_ = unmapped(socket().local_endpoint(ec).address()).is_loopback();
}

template <class Stream>
session<Stream>::~session() = default;

template <class Stream>
tcp_socket& session<Stream>::socket() {
  if constexpr (is_tls<Stream>)
    return stream_.next_layer();
  else
    return stream_;
}

template <class Stream>
void session<Stream>::enter(phase p, milliseconds limit) {
  phase_ = p;
  timed_out_ = false;
  watchdog_.set(std::chrono::steady_clock::now() + limit);
}

template <class Stream>
void session<Stream>::close_socket() {
  error_code ignored;
  socket().close(ignored);
  ended_ = true;
}

template <class Stream>
deadline session<Stream>::on_due(deadline now) {
  if (phase_ == phase::waiting)
    return box_ ? box_->check_deadline(now) : deadline::max();
  timed_out_ = true;
  if (phase_ == phase::writing || phase_ == phase::closing) {
    close_socket();
  } else {
    error_code ignored;
    socket().cancel(ignored); // the read under way ends, the answer 408 may follow
  }
  return deadline::max();
}

template <class Stream>
void session<Stream>::begin_drain() {
  asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
    if (self->phase_ == phase::idle && self->in_.empty())
      self->close_socket();
    else if (const auto box = self->box_)
      box->drain();
  });
}

template <class Stream>
void session<Stream>::cut() {
  asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
    self->close_socket();
    if (const auto box = self->box_)
      box->lost();
  });
}

template <class Stream>
bool session<Stream>::give_way() {
  auto found = activity::idle;
  if (!activity_.compare_exchange_strong(found, activity::closing))
    return false;
  cut();
  return true;
}

// False: its slot went to another connection.
template <class Stream>
bool session<Stream>::begin_work() {
  auto found = activity::idle;
  return activity_.compare_exchange_strong(found, activity::serving);
}

template <class Stream>
void session<Stream>::shut() {
  watchdog_.stop();
  if (const auto box = box_)
    box->shut();
  read_ahead_over_.abandon();
}

template <class Stream>
awaitable<bool> session<Stream>::read_more(std::size_t room) {
  if (reading_ahead_) {
    co_await read_ahead_over_.wait(); // takes over the read under way; may wake without bytes
    co_return !ended_;
  }
  const auto space = in_.prepare(room);
  auto [ec, size] = co_await stream_.async_read_some(space, use_result);
  in_.commit(size);
  ended_ = ended_ || ec.failed();
  co_return !ec.failed();
}

// After a failed read: sets 408 if the time ran out, as the socket can still be written.
template <class Stream>
bool session<Stream>::timed_out(unsigned status, const char* detail) {
  if (timed_out_ && socket().is_open()) {
    ended_ = false;
    refusal_.emplace(refusal{status, detail});
  }
  return false;
}

template <class Stream>
awaitable<bool> session<Stream>::read_head(request_parser& parser) {
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

// Reads the body for `read_body`. After a failure the connection ends with its answer.
template <class Stream>
awaitable<void> session<Stream>::read_body(request_parser& parser, body_wish wish) {
  const auto box = box_;
  const bool whole = co_await receive(parser, wish);
  box->extend_deadline(core_->options.request_deadline);
  memory_.reset();
  if (!reading_ahead_)
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
awaitable<bool> session<Stream>::receive(request_parser& parser, const body_wish& wish) {
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
    if (in_.size() > progress) { // chunk headers without end
      refusal_.emplace(refusal{400, "Malformed chunked body"});
      co_return false;
    }
    if (size >= measured + progress) {
      measured = size;
      enter_body();
    }
    if (measured == 0) // untouched pages use no memory, so a false Content-Length costs nothing
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
void session<Stream>::read_ahead() {
  if (reading_ahead_ || ended_ || in_.size() > progress)
    return;
  reading_ahead_ = true;
  if constexpr (is_tls<Stream>) {
    read_what_came();
  } else { // room is made when something came: thousands of streams wait for nothing
    in_.release();
    const auto came = [self = this->shared_from_this()](const error_code& ec) {
      if (ec)
        self->on_read_ahead(ec, 0);
      else
        self->read_what_came();
    };
    socket().async_wait(tcp_socket::wait_read, came);
  }
}

template <class Stream>
void session<Stream>::read_what_came() {
  stream_.async_read_some(in_.prepare(1),
                          [self = this->shared_from_this()](const error_code& ec, std::size_t n) {
                            self->on_read_ahead(ec, n);
                          });
}

template <class Stream>
void session<Stream>::on_read_ahead(const error_code& ec, std::size_t size) {
  reading_ahead_ = false;
  in_.commit(size);
  ended_ = ended_ || ec.failed();
  if (const auto box = box_; box && ec)
    box->lost();
  else if (box && size > 0 && phase_ != phase::body)
    read_ahead();
  read_ahead_over_.notify(); // a reader that waits for bytes checks again
}

template <class Stream>
awaitable<void> session<Stream>::say_goodbye() {
  enter(phase::closing, linger_timeout);
  error_code ec;
  if constexpr (is_tls<Stream>) {
    if (!reading_ahead_)
      co_await stream_.async_shutdown(use_result);
  }
  socket().shutdown(tcp_socket::shutdown_send, ec);
  // Closing with unread bytes would reset the connection, and the client could lose our answer.
  for (std::size_t total = in_.size(); !ended_ && total <= max_linger_bytes;) {
    in_.consume(in_.size());
    if (reading_ahead_) {
      co_await read_ahead_over_.wait();
    } else {
      const auto space = in_.prepare(read_buffer::small);
      auto [failed, size] = co_await socket().async_read_some(space, use_result);
      in_.commit(size);
      total += size;
      ended_ = failed.failed();
    }
  }
}

// Writes out_, then `tail`, in one system call when the socket takes it.
template <class Stream>
awaitable<bool> session<Stream>::send(std::string_view tail) {
  enter(phase::writing, core_->options.write_timeout);
  std::string_view head = out_;
  std::size_t measured = 0;
  while (!head.empty() || !tail.empty()) {
    const std::array<asio::const_buffer, 2> buffers{asio::const_buffer{head.data(), head.size()},
                                                    asio::const_buffer{tail.data(), tail.size()}};
    auto [ec, size] = co_await stream_.async_write_some(buffers, use_result);
    if (ec) {
      ended_ = true;
      out_.clear();
      co_return false;
    }
    const auto of_head = std::min(size, head.size());
    head.remove_prefix(of_head);
    tail.remove_prefix(size - of_head);
    measured += size;
    if (measured >= progress) {
      measured = 0;
      enter(phase::writing, core_->options.write_timeout);
    }
  }
  out_.clear();
  if (out_.capacity() > kept_output)
    std::string{}.swap(out_); // assigning an empty one would keep the room
  co_return true;
}

template <class Stream>
void session<Stream>::compose_head(answer_head& head, std::string& tail) {
  keep_ = keep_ && !core_->draining();
  framing_ = !head.stream ? framing::length : http10_ ? framing::until_close : framing::chunked;
  if (framing_ == framing::until_close)
    keep_ = false;
  const bool body = !head_only_ && !bodiless(head.status);
  append_head(out_,
              {.status = head.status,
               .body = bodiless(head.status) ? framing::length : framing_,
               .length = head.body.size(),
               .keep_alive = keep_,
               .name_connection = http10_ || head.stream,
               .content_type = head.content_type,
               .request_id = request_id_},
              head.headers);
  core_->cors.append_headers(out_, origin_ ? &*origin_ : nullptr);
  out_ += "\r\n";
  if (!body)
    head_only_ = true; // of a stream, the parts stay here too
  else if (head.body.size() <= joined_body)
    out_ += head.body;
  else
    tail = std::move(head.body);
}

template <class Stream>
void session<Stream>::compose(outgoing& next, std::string& tail) {
  if (next.head)
    compose_head(*next.head, tail);
  if (head_only_)
    return;
  auto size = out_.size();
  for (const auto& p : next.parts)
    size += p.bytes.size() + framing_bytes;
  out_.reserve(size); // else it would grow to twice as much
  for (auto& p : next.parts) {
    const auto bytes = std::exchange(p.bytes, {}); // a client that does not read holds it once
    if (framing_ == framing::chunked)
      append_chunk(out_, bytes);
    else
      out_ += bytes;
  }
  if (next.last && !next.cut && framing_ == framing::chunked)
    out_ += last_chunk;
}

// Sends what the exchange gives until the answer is complete. False: the connection must end.
// `parser` is null when all of the request has come.
template <class Stream>
awaitable<bool> session<Stream>::serve_request(std::unique_ptr<request_parser>& parser) {
  const auto box = box_;
  while (true) {
    auto next = box->take();
    if (next.body && !next.last) {
      auto wish = std::move(*next.body);
      if (!parser) {
        wish.got(std::string{});
        continue;
      }
      co_await read_body(*parser, std::move(wish));
      if (parser->done())
        parser.reset();
      continue;
    }
    if (next.nothing()) {
      phase_ = phase::waiting;
      watchdog_.set(box->due());
      std::string{}.swap(out_); // thousands of streams wait for their next event
      co_await box->changed();
      continue;
    }
    if (next.socket) {
      web_socket_ =
        std::make_unique<web_socket<Stream>>(stream_, std::move(*next.socket), box->req());
      co_return false;
    }
    keep_ = keep_ && !parser; // an unread rest of the body ends the connection
    std::string tail;
    compose(next, tail);
    const bool sent = out_.empty() || co_await send(tail);
    if (!sent)
      box->lost();
    for (const auto& p : next.parts)
      if (p.written)
        p.written();
    if (!sent || next.cut)
      co_return false;
    if (next.last)
      co_return true;
    if (next.notice_close && !parser)
      read_ahead();
  }
}

// --- WebSocket ---------------------------------------------------------------------------------

// Sends what the exchange gives, and reads on when it says so, until either side ends it.
template <class Stream>
awaitable<void> session<Stream>::serve_socket() {
  const auto box = box_;
  const bool agreed = co_await agree_on_socket();
  if (!agreed)
    co_return box->lost();
  in_.release(); // the stream has a buffer of its own
  read_message();
  while (true) {
    auto next = box->take();
    if (next.nothing()) {
      phase_ = phase::waiting;
      watchdog_.set(box->due());
      co_await box->changed();
      continue;
    }
    if (next.read_on)
      read_message();
    for (const auto& p : next.parts) {
      const bool sent = co_await send_message(p.bytes);
      if (!sent)
        box->lost();
      if (p.written)
        p.written();
    }
    if (next.cut || ended_)
      co_return;
    if (!next.last)
      continue;
    enter(phase::closing, linger_timeout);
    const beast::websocket::close_reason why{next.close_code};
    co_await web_socket_->stream.async_close(why, use_result);
    co_return;
  }
}

template <class Stream>
awaitable<bool> session<Stream>::agree_on_socket() {
  const auto asked = upgrade_request(box_->req());
  enter(phase::writing, core_->options.write_timeout);
  auto [refused] = co_await web_socket_->stream.async_accept(asked, use_result);
  co_return !refused && in_.empty(); // nothing is sent before we have agreed
}

template <class Stream>
awaitable<bool> session<Stream>::send_message(std::string_view text) {
  if (ended_)
    co_return false;
  enter(phase::writing, core_->options.write_timeout);
  const asio::const_buffer bytes{text.data(), text.size()};
  auto [ec, size] = co_await web_socket_->stream.async_write(bytes, use_result);
  ended_ = ended_ || ec.failed();
  co_return !ended_;
}

// At most one at a time. Also answers pings and notices that the client has left. Room for a
// message is made when its first bytes are there: most connections wait for one.
template <class Stream>
void session<Stream>::read_message() {
  auto& w = *web_socket_;
  if (std::exchange(w.reading, true))
    return;
  const auto most = w.wish.limit + 1 - w.in.size();
  w.stream.async_read_some(w.in, w.in.size() == 0 ? std::min(first_bytes, most) : most,
                           [self = this->shared_from_this()](const error_code& ec, std::size_t) {
                             self->on_message_part(ec);
                           });
}

template <class Stream>
void session<Stream>::on_message_part(const error_code& ec) {
  auto& w = *web_socket_;
  w.reading = false;
  if (ec) {
    ended_ = true;
    if (const auto box = box_)
      box->lost();
    return;
  }
  const bool too_big = w.in.size() > w.wish.limit;
  if (too_big || !hold(w.in.size())) {
    w.in = {};
    memory_.reset();
    if (const auto box = box_)
      box->close_socket(too_big ? beast::websocket::close_code::too_big
                                : beast::websocket::close_code::try_again_later);
    return;
  }
  if (!w.stream.is_message_done())
    return read_message();
  auto text = beast::buffers_to_string(w.in.data());
  w.in = {};
  memory_.reset();
  if (w.wish.got)
    w.wish.got(std::move(text));
}

// Answers a request that never became an exchange, and ends the connection.
template <class Stream>
awaitable<bool> session<Stream>::refuse_request(refusal why) {
  keep_ = false;
  if (request_id_.empty())
    request_id_ = uuid4();
  answer_head head{why.status, {}, "application/json", error_body(why.detail)};
  if (why.status == 503)
    head.headers.emplace_back("Retry-After", "1");
  if (core_->options.access_log)
    log::info("access", {{"method", ""},
                         {"route", "none"},
                         {"status", why.status},
                         {"identity", ""},
                         {"tenant", ""},
                         {"address", remote_},
                         {"request_id", request_id_},
                         {"ms", 0.0}});
  std::string tail;
  compose_head(head, tail);
  linger_ = co_await send(tail);
  co_return linger_;
}

template <class Stream>
awaitable<void> session<Stream>::run(std::shared_ptr<session> self) {
  self->watchdog_.attach(self);
  try {
    co_await self->serve();
  } catch (const std::exception& e) { // out of memory: other errors are values
    log::error("session_failed", {{"type", typeid(e).name()}});
  }
  if (const auto box = std::exchange(self->box_, nullptr)) {
    box->lost();
    box->close();
  }
  self->watchdog_.stop();
  self->close_socket();
  if (self->web_socket_)
    self->web_socket_->wish.got = nullptr; // it holds the exchange
  self->slot_.reset();
  self->refusal_share_.reset();
  self->memory_.reset();
  self->core_->remove(self.get());
}

template <class Stream>
awaitable<void> session<Stream>::serve() {
  if constexpr (is_tls<Stream>) {
    enter(phase::handshake, core_->options.handshake_timeout);
    auto [ec] = co_await stream_.async_handshake(asio::ssl::stream_base::server, use_result);
    if (ec)
      co_return;
  }
  if (refusal_share_)
    refusal_.emplace(refusal{503, "Too many connections"});
  bool more = !refusal_share_;
  while (more)
    more = co_await serve_one();
  if (web_socket_)
    co_return co_await serve_socket();
  if (auto why = std::exchange(refusal_, std::nullopt))
    co_await refuse_request(std::move(*why));
  if (linger_ && !ended_)
    co_await say_goodbye();
}

// One request and its answer. False with `refusal_` set: answer that and end.
template <class Stream>
awaitable<bool> session<Stream>::serve_one() {
  auto parser = std::make_unique<request_parser>(core_->options.max_body_bytes);
  const bool whole = co_await read_head(*parser);
  if (!whole || !begin_work())
    co_return false;
  if (auto no = core_->pages.check(parser->request, parser->has_body())) {
    refusal_.emplace(refusal{no->status, std::move(no->detail)});
    co_return false;
  }
  if (!parser->done()) { // of the body only what came with the head; see outgoing::body
    std::size_t used = 0;
    refusal_ = parser->put_body(in_.view(), used);
    in_.consume(used);
    if (refusal_)
      co_return false;
  }
  hand_on(*parser);
  if (parser->done())
    parser.reset();
  const bool answered = co_await serve_request(parser);
  if (web_socket_) // `serve` goes on, so that this frame is not kept for as long
    co_return false;
  if (const auto box = std::exchange(box_, nullptr))
    box->close();
  memory_.reset();
  if (!reading_ahead_)
    in_.shrink();
  linger_ = answered;
  if (!answered || !keep_ || ended_)
    co_return false;
  activity_ = activity::idle;
  co_return true;
}

// Resets what the answer takes from the request.
template <class Stream>
void session<Stream>::forget_request() {
  http10_ = head_only_ = false;
  keep_ = true;
  request_id_.clear();
  origin_.reset();
}

template <class Stream>
void session<Stream>::remember(const request_parser& parser) {
  const auto& req = parser.request;
  first_ = false;
  http10_ = parser.http10();
  keep_ = parser.keep_alive();
  head_only_ = req.method == verb::head;
  request_id_ = req.request_id;
  if (const auto* origin = find_header(req.headers, "origin");
      origin && !core_->pages.own_pages_only(req))
    origin_ = *origin;
}

template <class Stream>
void session<Stream>::hand_on(request_parser& parser) {
  auto& req = parser.request;
  if (req.request_id.empty())
    request_id_ = req.request_id = uuid4();
  req.remote_address = remote_;
  req.peer = peer_;
  req.secure = is_tls<Stream>;
  enter(phase::waiting, core_->options.request_deadline);
  req.by = std::chrono::steady_clock::now() + core_->options.request_deadline;
  incoming_body body{parser.has_body(), parser.announced(), std::nullopt};
  if (parser.done())
    body.whole = std::move(parser.body);
  box_ = std::make_shared<outbox>(std::move(req), std::move(parser.secrets), std::move(body),
                                  stream_.get_executor(), core_->late_calls,
                                  core_->options.deadline_grace);
  if (core_->draining())
    box_->drain();
  if (answer_preflight(box_->req()))
    return;
  try {
    core_->on_exchange(outbox::hand_out(box_));
  } catch (const std::exception& e) { // the exchange it dropped answers 500
    log::error("exchange_handler_threw", {{"type", typeid(e).name()}});
  }
}

template <class Stream>
bool session<Stream>::answer_preflight(const http_request& req) {
  if (core_->options.cors.allow_origins.empty() || core_->pages.own_pages_only(req)
      || !cors_policy::is_preflight(req.method_name, req.headers))
    return false;
  auto reply = core_->cors.preflight(req.headers, loopback_);
  const bool ok = reply.status == 200;
  box_->respond(reply.status, std::move(reply.headers), std::move(reply.body),
                ok ? "text/plain; charset=utf-8" : "application/json");
  return true;
}

template <class Stream>
void session<Stream>::start() {
  auto self = this->shared_from_this();
  core_->add(self);
  if (slot_)
    slot_->held_by(self);
  asio::co_spawn(stream_.get_executor(), run(std::move(self)), asio::detached);
}

void open_session(std::shared_ptr<server_core> core, tcp_socket socket,
                  connection_slots::slot_ptr slot) {
  if (auto tls = core->tls()) {
    tls_stream stream{std::move(socket), *tls};
    std::make_shared<session<tls_stream>>(std::move(core), std::move(stream), std::move(slot),
                                          nullptr)
      ->start();
  } else {
    std::make_shared<session<tcp_socket>>(std::move(core), std::move(socket), std::move(slot),
                                          nullptr)
      ->start();
  }
}

void open_refusal(std::shared_ptr<server_core> core, tcp_socket socket,
                  fair_budget::share_ptr slot) {
  std::make_shared<session<tcp_socket>>(std::move(core), std::move(socket), nullptr,
                                        std::move(slot))
    ->start();
}

template class session<tcp_socket>;
template class session<tls_stream>;

} // namespace behalf::inbound
