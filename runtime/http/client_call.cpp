#include "runtime/http/client_call.hpp"

#include "runtime/http/client_core.hpp"
#include "runtime/http/outbound_request_head.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace behalf {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t small_body = 16 * 1024; // travels in the head's buffer: one write, one packet

bool idempotent(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE"
         || method == "OPTIONS";
}

std::string_view body_of(const wire_request& request) {
  return request.secret_body ? request.secret_body->view() : std::string_view{request.call.body};
}

} // namespace

client_call::client_call(std::shared_ptr<client_core> core, uint64_t id, wire_request request,
                         checked_url url, deadline by, reply_handler done, connection_pointer kept,
                         asio::any_io_executor strand)
  : core_(std::move(core)), id_(id), request_(std::move(request)), url_(std::move(url)),
    by_(std::min({by, std::chrono::steady_clock::now() + request_.call.timeout, request_.until})),
    done_(std::move(done)), strand_(std::move(strand)), timer_(strand_), time_limit_(by_),
    connection_(std::move(kept)) {}

std::string client_call::pool_key(const wire_request& request, const checked_url& url) {
  auto key = url.where.text();
  key += request.policy.allow_private ? " private " : " public ";
  return key + request.pool_key;
}

void client_call::begin() {
  auto body = run(shared_from_this());
  asio::co_spawn(strand_, std::move(body), [self = shared_from_this()](std::exception_ptr e) {
    if (e && !self->over_)
      self->finish(fail(errc::internal, "an outbound call failed"));
  });
}

// At once where that is possible, on the caller's thread: another one would have to be woken.
void client_call::pull(deadline by, chunk_handler done) {
  asio::dispatch(strand_, [self = shared_from_this(), by, done = std::move(done)]() mutable {
    self->begin_pull(by, std::move(done));
  });
}

void client_call::close() {
  asio::post(strand_, [self = shared_from_this()] { self->let_go(); });
}

void client_call::cancel() {
  asio::post(strand_, [self = shared_from_this()] { self->interrupt(stop_reason::cancelled); });
}

asio::awaitable<void> client_call::run(std::shared_ptr<client_call> self) {
  auto done = co_await self->exchange();
  if (!done)
    self->finish(done.error());
  else
    self->head_arrived();
}

// The handler is not called from inside `pull`: what need not be waited for comes a moment later.
void client_call::begin_pull(deadline by, chunk_handler done) {
  const auto later = [this](auto what) { asio::defer(strand_, std::move(what)); };
  if (over_ || leaving_)
    return later([done = std::move(done)] { done(fail(errc::not_found, "the stream is over")); });
  if (pulled_ || !streaming_)
    return later(
      [done = std::move(done)] { done(fail(errc::conflict, "the stream is being read")); });
  pulled_ = std::move(done);
  const auto silent = std::chrono::steady_clock::now() + request_.call.timeout;
  set_limit(std::min({by, silent, request_.until}));
  if (in_.empty() && !parser_->has_body() && !parser_->done())
    return read_part();
  later([self = shared_from_this()] { self->go_on_with([&] { return self->parse(); }); });
}

// Without a coroutine: thousands of streams wait at once, and go on for every token.
void client_call::read_part() {
  connection_->read(in_, [self = shared_from_this()](io_end end) {
    self->go_on_with([&] { return self->took(end); });
  });
}

template <class Read>
void client_call::go_on_with(Read read) {
  try {
    take_part(read());
  } catch (...) { // no memory
    if (pulled_)
      finish_pull(fail(errc::internal, "reading a stream failed"));
  }
}

void client_call::take_part(const result<void>& read) {
  auto bytes = parser_->take_body();
  if (read && bytes.empty() && !parser_->done())
    return read_part();
  if (!read)
    return finish_pull(about_host(read.error()));
  outbound_chunk chunk;
  chunk.bytes = std::move(bytes);
  chunk.last = parser_->done();
  finish_pull(std::move(chunk));
}

// Many servers end a stream a moment after its last event: a connection thrown away for that
// moment costs the next call a handshake.
void client_call::let_go() {
  if (over_ || leaving_)
    return;
  if (!streaming_ || pulled_ || core_->options.linger.count() <= 0)
    return interrupt(stop_reason::cancelled);
  leaving_ = true;
  auto body = run_out(shared_from_this());
  asio::co_spawn(strand_, std::move(body), [self = shared_from_this()](std::exception_ptr e) {
    if (e && !self->over_)
      self->end(false);
  });
}

asio::awaitable<void> client_call::run_out(std::shared_ptr<client_call> self) {
  self->set_limit(std::chrono::steady_clock::now() + self->core_->options.linger);
  auto read = self->parse();
  auto dropped = self->parser_->take_body().size();
  while (read && !self->parser_->done() && dropped <= self->core_->options.linger_bytes) {
    read = co_await self->read_more();
    dropped += self->parser_->take_body().size();
  }
  self->end(read && self->parser_->done());
}

// Limits move later with each part of a stream. The timer is not moved along: when it fires it is
// set anew.
void client_call::set_limit(deadline by) {
  time_limit_ = by;
  if (by < timer_at_)
    set_timer(by);
}

void client_call::set_timer(deadline at) {
  timer_at_ = at;
  timer_.expires_at(at);
  timer_.async_wait([weak = weak_from_this()](error_code ec) {
    if (auto self = weak.lock(); self && !ec)
      self->on_time();
  });
}

void client_call::on_time() {
  timer_at_ = deadline::max();
  if (std::chrono::steady_clock::now() >= time_limit_)
    interrupt(stop_reason::late);
  else if (!over_)
    set_timer(time_limit_);
}

void client_call::interrupt(stop_reason why) {
  if (over_)
    return;
  if (stopped_ == stop_reason::none)
    stopped_ = why;
  if (streaming_ && !pulled_ && !leaving_)
    return end(false);
  if (lookup_)
    lookup_->signal.cancel();
  if (connection_)
    connection_->close();
}

void client_call::head_arrived() {
  request_.credential.reset();
  request_.secret_body.reset();
  header_list{}.swap(request_.call.headers); // a stream may last for minutes
  std::string{}.swap(request_.call.body);
  outbound_reply reply;
  reply.status = parser_->status();
  reply.headers = parser_->take_headers();
  reply.scrub = scrub_ ? scrub_->for_texts() : nullptr;
  if (!request_.call.stream) {
    reply.body = parser_->take_body();
    return finish(std::move(reply));
  }
  reply.stream_id = id_;
  streaming_ = true;
  set_limit(std::chrono::steady_clock::now() + core_->options.stream_idle);
  auto done = std::exchange(done_, nullptr);
  done(std::move(reply));
}

void client_call::finish(result<outbound_reply> reply) {
  end(reply.has_value());
  if (auto done = std::exchange(done_, nullptr))
    done(std::move(reply));
}

void client_call::finish_pull(result<outbound_chunk> chunk) {
  auto done = std::exchange(pulled_, nullptr);
  if (!chunk || chunk->last || stopped_ != stop_reason::none)
    end(chunk && chunk->last);
  else
    set_limit(std::chrono::steady_clock::now() + core_->options.stream_idle);
  done(std::move(chunk));
}

// Nothing more happens here. A connection that ended its reply cleanly may serve again. Whatever
// holds bytes of the credential goes now: before the handler hears of the end.
void client_call::end(bool whole) {
  over_ = true;
  core_->remove(id_);
  timer_.cancel();
  request_.credential.reset();
  request_.secret_body.reset();
  if (whole && connection_ && stopped_ == stop_reason::none && parser_->reusable() && in_.empty())
    core_->keep(pool_key(request_, url_), std::move(connection_));
  connection_.reset();
  parser_.reset();
  scrub_.reset();
  in_ = {};
}

// Everything up to the reply: its head for a stream, all of it otherwise.
asio::awaitable<result<void>> client_call::exchange() {
  for (bool retried = false;; retried = true) {
    bool kept = connection_ != nullptr;
    if (!kept) {
      auto opened = co_await open();
      if (!opened)
        co_return opened.error();
    }
    set_limit(by_);
    std::size_t sent = 0;
    none done = co_await send(sent);
    if (done && request_.sent)
      request_.sent->store(true, std::memory_order_relaxed);
    if (done)
      done = co_await read_head();
    if (done || !kept || retried || !may_retry(done.error(), sent)) {
      while (done && !request_.call.stream && !parser_->done())
        done = co_await read_more();
      if (!done)
        co_return about_host(done.error());
      co_return done;
    }
    connection_.reset(); // the server closed it before our bytes arrived
  }
}

// Only what surely had no effect, or may have it twice, is sent again.
bool client_call::may_retry(const error& e, std::size_t sent) const {
  if (stopped_ != stop_reason::none || answered_ || e.code != errc::upstream)
    return false;
  return sent == 0 || idempotent(request_.call.method);
}

// Leaves a connection on which nothing has been said yet.
asio::awaitable<result<void>> client_call::open() {
  set_limit(std::min(by_, std::chrono::steady_clock::now() + core_->options.connect_timeout));
  auto found = co_await addresses();
  if (!found)
    co_return found.error();
  bool secret = request_.credential || request_.secret_body;
  if (auto ok = admit_addresses(url_, *found, request_.policy, secret); !ok)
    co_return ok.error();
  error_code refused;
  for (const auto& address : *found) {
    if (stopped_ != stop_reason::none)
      break;
    connection_ = std::make_unique<client_connection>(strand_);
    asio::ip::tcp::endpoint to{address, url_.where.port};
    refused = co_await connection_->connect(to);
    if (!refused)
      co_return co_await secure();
  }
  co_return about_host(failure(refused, "could not be reached"));
}

// Connects to the very addresses that were checked; the name is not looked up again.
asio::awaitable<result<address_list>> client_call::addresses() {
  error_code not_literal;
  auto literal = asio::ip::make_address(url_.where.host, not_literal);
  if (!not_literal)
    co_return address_list(1, literal);
  lookup_ = core_->names.begin(url_.where.host, strand_);
  auto [ec] = co_await lookup_->signal.async_wait(awaited);
  auto lookup = std::move(lookup_);
  if (!lookup->answer)
    co_return about_host(failure(ec, "could not be resolved"));
  if (!*lookup->answer)
    co_return fail(errc::upstream, url_.where.text() + " could not be resolved ("
                                     + lookup->answer->error().message + ")");
  co_return std::move(**lookup->answer);
}

asio::awaitable<result<void>> client_call::secure() {
  ++core_->opened;
  if (!url_.where.tls())
    co_return none();
  auto ec = co_await connection_->secure(core_->tls, url_.where.host);
  if (!ec)
    co_return none();
  auto problem = connection_->certificate_problem();
  if (problem.empty() || stopped_ != stop_reason::none)
    co_return about_host(failure(ec, "did not complete the TLS handshake"));
  co_return fail(errc::upstream,
                 url_.where.text() + " showed a certificate that is not trusted (" + problem + ")");
}

asio::awaitable<result<void>> client_call::send(std::size_t& sent) {
  auto body = body_of(request_);
  auto head = write_request_head(request_.call, url_, core_->options.user_agent, body.size(),
                                 request_.credential.get());
  if (!head)
    co_return head.error();
  bool joined = body.size() <= small_body;
  if (joined)
    head->append(body);
  auto end = co_await connection_->write(head->view());
  head->clear();
  sent = end.bytes;
  if (!end.ec && !joined) {
    end = co_await connection_->write(body);
    sent += end.bytes;
  }
  // A server may refuse a long body early and close: its answer tells more than the failed write.
  if (end.ec && (sent == 0 || stopped_ != stop_reason::none))
    co_return failure(end.ec, "closed the connection");
  co_return none();
}

asio::awaitable<result<void>> client_call::read_head() {
  in_.clear();
  answered_ = false;
  reset_reply();
  none done;
  while (done && !parser_->head_done())
    done = co_await read_more();
  co_return done;
}

asio::awaitable<result<void>> client_call::read_more() {
  co_return took(co_await connection_->read(in_));
}

// What a read has brought.
result<void> client_call::took(const io_end& end) {
  answered_ = answered_ || end.bytes > 0;
  if (!end.ec)
    return parse();
  if (end.ec == asio::error::eof && parser_->head_done())
    return parser_->feed_end();
  return failure(end.ec, answered_ ? "broke off its reply" : "closed the connection unanswered");
}

result<void> client_call::parse() {
  while (true) {
    if (parser_->done())
      return {};
    if (auto ok = parser_->feed(in_); !ok)
      return ok.error();
    if (!parser_->interim() || !parser_->done())
      return {};
    reset_reply();
    if (in_.empty())
      return {};
  }
}

void client_call::reset_reply() {
  const auto& options = core_->options;
  auto limit = request_.max_reply_bytes ? request_.max_reply_bytes : options.max_reply_bytes;
  reply_limits limits{options.max_header_bytes, request_.call.stream ? 0 : limit};
  if (request_.credential && !scrub_)
    scrub_ = request_.credential->scrubber();
  parser_.emplace(limits, scrub_.get(), request_.secret_reply.get(),
                  request_.call.method == "HEAD");
}

error client_call::failure(const error_code& ec, const char* what) const {
  if (stopped_ == stop_reason::late)
    return fail(errc::timeout, "did not answer in time");
  if (stopped_ == stop_reason::cancelled)
    return {errc::upstream, "was left: the call was cancelled", {}, "cancelled"};
  if (!ec || ec == asio::error::eof || ec == asio::ssl::error::stream_truncated)
    return fail(errc::upstream, what);
  return fail(errc::upstream, std::string{what} + " (" + ec.message() + ")");
}

// Errors of the wire are worded without their subject, which is the host.
error client_call::about_host(error e) const {
  if (e.code == errc::upstream || e.code == errc::timeout)
    e.message = url_.where.text() + " " + e.message;
  return e;
}

} // namespace behalf
