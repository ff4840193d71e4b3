#include "runtime/http/client_call.hpp"

#include "runtime/http/client_core.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

namespace behalf {

namespace asio = boost::asio;
using boost::system::error_code;

client_call::client_call(std::shared_ptr<client_core> core, uint64_t id, wire_request request,
                         checked_url url, deadline by, reply_handler done, connection_pointer kept,
                         asio::any_io_executor strand)
  : core_(std::move(core)), id_(id), request_(std::move(request)), url_(std::move(url)),
    by_(std::min(by, std::chrono::steady_clock::now() + request_.call.timeout)),
    done_(std::move(done)), strand_(std::move(strand)), timer_(strand_), watched_until_(by_),
    connection_(std::move(kept)) {}

std::string client_call::pool_key(const wire_request& request, const checked_url& url) {
  auto key = url.where.text();
  key += request.policy.allow_private ? " private " : " public ";
  return key + request.pool_key;
}

void client_call::begin() {
  auto task = run(shared_from_this());
  asio::co_spawn(strand_, std::move(task), [self = shared_from_this()](std::exception_ptr e) {
    if (e && !self->over_)
      self->finish(fail(errc::internal, "an outbound call failed"));
  });
}

void client_call::pull(deadline by, chunk_handler done) {
  asio::post(strand_, [self = shared_from_this(), by, done = std::move(done)]() mutable {
    if (self->over_ || self->leaving_)
      return done(fail(errc::not_found, "the stream is over"));
    if (self->pulled_ || !self->streaming_)
      return done(fail(errc::conflict, "the stream is being read"));
    self->pulled_ = std::move(done);
    auto task = run_pull(self, by);
    asio::co_spawn(self->strand_, std::move(task), [self](std::exception_ptr e) {
      if (e && self->pulled_)
        self->finish_pull(fail(errc::internal, "reading a stream failed"));
    });
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

asio::awaitable<void> client_call::run_pull(std::shared_ptr<client_call> self, deadline by) {
  self->watch(std::min(by, std::chrono::steady_clock::now() + self->request_.call.timeout));
  auto read = self->parse();
  std::string bytes = self->parser_->take_body();
  while (read && bytes.empty() && !self->parser_->done()) {
    read = co_await self->read_more();
    bytes = self->parser_->take_body();
  }
  if (!read) {
    self->finish_pull(self->about_host(read.error()));
  } else {
    outbound_chunk chunk;
    chunk.bytes = std::move(bytes);
    chunk.last = self->parser_->done();
    self->finish_pull(std::move(chunk));
  }
}

// Many servers end a stream a moment after its last event: a connection thrown away for that
// moment costs the next call a handshake.
void client_call::let_go() {
  if (over_ || leaving_)
    return;
  if (!streaming_ || pulled_ || core_->options.linger.count() <= 0)
    return interrupt(stop_reason::cancelled);
  leaving_ = true;
  auto task = run_out(shared_from_this());
  asio::co_spawn(strand_, std::move(task), [self = shared_from_this()](std::exception_ptr e) {
    if (e && !self->over_)
      self->end(false);
  });
}

asio::awaitable<void> client_call::run_out(std::shared_ptr<client_call> self) {
  self->watch(std::chrono::steady_clock::now() + self->core_->options.linger);
  auto read = self->parse();
  auto dropped = self->parser_->take_body().size();
  while (read && !self->parser_->done() && dropped <= self->core_->options.linger_bytes) {
    read = co_await self->read_more();
    dropped += self->parser_->take_body().size();
  }
  self->end(read && self->parser_->done());
}

void client_call::watch(deadline by) {
  watched_until_ = by;
  timer_.expires_at(by);
  timer_.async_wait([weak = weak_from_this()](error_code ec) {
    if (auto self = weak.lock(); self && !ec)
      self->on_time();
  });
}

void client_call::on_time() {
  if (std::chrono::steady_clock::now() >= watched_until_) // else set anew meanwhile
    interrupt(stop_reason::late);
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
  watch(std::chrono::steady_clock::now() + core_->options.stream_idle);
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
    watch(std::chrono::steady_clock::now() + core_->options.stream_idle);
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

} // namespace behalf
