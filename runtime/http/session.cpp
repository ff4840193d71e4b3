#include "runtime/http/session.hpp"

#include "runtime/base/id.hpp"
#include "runtime/base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <typeinfo>

// The rest of the class, included here only.
#include "runtime/http/session_read.ipp"
#include "runtime/http/session_write.ipp"

namespace behalf::inbound {
namespace {

constexpr std::size_t kept_output = 64 * 1024; // of a connection, between two answers

std::string address_text(const tcp::endpoint& e) {
  auto address = e.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address.to_string();
}

} // namespace

template <class Stream>
session<Stream>::session(std::shared_ptr<server_core> core, Stream stream, places::place_ptr place,
                         fair_budget::share_ptr refusal)
  : core_(std::move(core)), stream_(std::move(stream)), place_(std::move(place)),
    refusal_place_(std::move(refusal)), watchdog_(stream_.get_executor()) {
  error_code ec;
  const auto remote = socket().remote_endpoint(ec);
  remote_ = address_text(remote);
  peer_ = peer_name(remote.address());
  const auto local = socket().local_endpoint(ec).address();
  loopback_ = local.is_loopback() || address_text({local, 0}).starts_with("127.");
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
  auto found = stand::at_rest;
  if (!stand_.compare_exchange_strong(found, stand::gone))
    return false;
  cut();
  return true;
}

// False: its place is somebody else's meanwhile.
template <class Stream>
bool session<Stream>::begin_work() {
  auto found = stand::at_rest;
  return stand_.compare_exchange_strong(found, stand::at_work);
}

template <class Stream>
void session<Stream>::shut() {
  watchdog_.stop();
  if (const auto box = box_)
    box->shut();
  watched_.abandon();
}

template <class Stream>
task<void> session<Stream>::run(std::shared_ptr<session> self) {
  self->watchdog_.attach(self);
  try {
    co_await self->serve();
  } catch (const std::exception& e) { // out of memory, at most: errors are values here
    log::error("session_failed", {{"type", typeid(e).name()}});
  }
  if (const auto box = std::exchange(self->box_, nullptr)) {
    box->lost();
    box->close();
  }
  self->watchdog_.stop();
  self->close_socket();
  self->place_.reset();
  self->refusal_place_.reset();
  self->memory_.reset();
  self->core_->remove(self.get());
}

template <class Stream>
task<void> session<Stream>::serve() {
  if constexpr (is_tls<Stream>) {
    enter(phase::handshake, core_->options.handshake_timeout);
    auto [ec] = co_await stream_.async_handshake(asio::ssl::stream_base::server, use_result);
    if (ec)
      co_return;
  }
  if (refusal_place_)
    refusal_.emplace(refusal{503, "Too many connections"});
  bool more = !refusal_place_;
  while (more)
    more = co_await serve_one();
  if (auto why = std::exchange(refusal_, std::nullopt))
    co_await refuse_request(std::move(*why));
  if (linger_ && !ended_)
    co_await say_goodbye();
}

// One request and its answer. False with `refusal_` set: answer that and end.
template <class Stream>
task<bool> session<Stream>::serve_one() {
  request_parser parser{core_->options.max_body_bytes};
  const bool whole = co_await read_head(parser);
  if (!whole || !begin_work())
    co_return false;
  if (auto no = core_->pages.check(parser.request, parser.has_body())) {
    refusal_.emplace(refusal{no->status, std::move(no->detail)});
    co_return false;
  }
  if (!parser.done()) { // of the body only what came with the head; see outgoing::body
    std::size_t used = 0;
    refusal_ = parser.put_body(in_.view(), used);
    in_.consume(used);
    if (refusal_)
      co_return false;
  }
  hand_on(parser);
  const bool answered = co_await answer(parser);
  if (const auto box = std::exchange(box_, nullptr))
    box->close();
  memory_.reset();
  if (!watching_)
    in_.shrink();
  if (out_.capacity() > kept_output)
    out_ = std::string{};
  linger_ = answered;
  if (!answered || !keep_ || ended_)
    co_return false;
  stand_ = stand::at_rest;
  co_return true;
}

// What an answer takes from its request must not come from the one before.
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
  box_ = std::make_shared<outbox>(stream_.get_executor(), core_->late_calls, req.by,
                                  core_->options.deadline_grace);
  if (answer_preflight(req))
    return;
  incoming_body body{parser.has_body(), parser.announced(), std::nullopt};
  if (parser.done())
    body.whole = std::move(parser.body);
  auto ex = std::make_shared<live_exchange>(std::move(req), std::move(parser.secrets),
                                            std::move(body), box_);
  try {
    core_->on_exchange(std::move(ex));
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
  box_->respond({reply.status, std::move(reply.headers),
                 ok ? "text/plain; charset=utf-8" : "application/json", std::move(reply.body)});
  return true;
}

template <class Stream>
void session<Stream>::start() {
  auto self = this->shared_from_this();
  core_->add(self);
  if (place_)
    place_->taken_by(self);
  asio::co_spawn(stream_.get_executor(), run(std::move(self)), asio::detached);
}

void open_session(std::shared_ptr<server_core> core, tcp_socket socket, places::place_ptr place) {
  if (auto tls = core->tls()) {
    tls_stream stream{std::move(socket), *tls};
    std::make_shared<session<tls_stream>>(std::move(core), std::move(stream), std::move(place),
                                          nullptr)
      ->start();
  } else {
    std::make_shared<session<tcp_socket>>(std::move(core), std::move(socket), std::move(place),
                                          nullptr)
      ->start();
  }
}

void open_refusal(std::shared_ptr<server_core> core, tcp_socket socket,
                  fair_budget::share_ptr place) {
  std::make_shared<session<tcp_socket>>(std::move(core), std::move(socket), nullptr,
                                        std::move(place))
    ->start();
}

template class session<tcp_socket>;
template class session<tls_stream>;

} // namespace behalf::inbound
