#include "runtime/http/server.hpp"

#include "runtime/base/log.hpp"
#include "runtime/http/server_core.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace behalf {

namespace asio = boost::asio;
using inbound::error_code;
using inbound::tcp;

namespace {

// The `greed` of a peer (see fair_budget). Higher than that of users: behind a proxy many users are
// one peer.
constexpr std::size_t peer_greed = 15, peer_memory_greed = 63;
constexpr std::size_t max_refusals = 64;
constexpr int most_accepted_at_once = 64;
constexpr std::chrono::seconds between_complaints{10};

} // namespace

asio::ip::address inbound::unmapped(const asio::ip::address& address) {
  const bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  return mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()) : address;
}

std::string inbound::peer_name(const asio::ip::address& address) {
  const auto plain = unmapped(address);
  if (plain.is_v4())
    return plain.to_string();
  auto bytes = plain.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return asio::ip::make_address_v6(bytes).to_string();
}

server_core::server_core(asio::io_context& io, server_options o, server::handler h,
                         std::optional<asio::ssl::context> context)
  : options(std::move(o)), on_exchange(std::move(h)), cors(options.cors),
    pages(options.cors, options.pages), peer_memory(options.max_body_memory, peer_memory_greed),
    late_calls(std::make_shared<inbound::late_calls>(io)),
    slots_(options.max_connections, peer_greed), refusals_(max_refusals),
    accept_strand_(asio::make_strand(io)), acceptor_(accept_strand_) {
  if (context)
    use(std::move(*context));
}

std::shared_ptr<asio::ssl::context> server_core::tls() const {
  std::lock_guard lock{guard_};
  return tls_;
}

void server_core::use(asio::ssl::context fresh) {
  auto held = std::make_shared<asio::ssl::context>(std::move(fresh));
  std::lock_guard lock{guard_};
  tls_ = std::move(held);
}

void server_core::add(const std::shared_ptr<inbound::connection>& c) {
  std::lock_guard lock{guard_};
  open_.emplace(c.get(), c);
  count_.store(open_.size(), std::memory_order_relaxed);
}

void server_core::remove(inbound::connection* c) {
  std::unique_lock lock{guard_};
  open_.erase(c);
  count_.store(open_.size(), std::memory_order_relaxed);
  if (!open_.empty() || !drained_)
    return;
  const auto call = std::exchange(drained_, nullptr);
  lock.unlock();
  call();
}

std::vector<std::shared_ptr<inbound::connection>> server_core::open() const {
  std::lock_guard lock{guard_};
  std::vector<std::shared_ptr<inbound::connection>> all;
  all.reserve(open_.size());
  for (const auto& [key, weak] : open_)
    if (auto c = weak.lock())
      all.push_back(std::move(c));
  return all;
}

result<uint16_t> server_core::listen() {
  const auto where = options.address + ":" + std::to_string(options.port);
  error_code ec;
  const auto address = asio::ip::make_address(options.address, ec);
  if (ec)
    return fail(errc::invalid_argument, "not an IP address to listen on: " + options.address);
  const tcp::endpoint endpoint{address, options.port};
  acceptor_.open(endpoint.protocol(), ec);
  if (!ec)
    acceptor_.set_option(asio::socket_base::reuse_address{true}, ec);
  if (!ec)
    acceptor_.bind(endpoint, ec);
  if (!ec)
    acceptor_.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec)
    acceptor_.non_blocking(true, ec);
  if (ec == asio::error::address_in_use)
    return fail(errc::conflict, "cannot listen on " + where + ": the port is in use");
  if (ec)
    return fail(errc::invalid_argument, "cannot listen on " + where + ": " + ec.message());
  const auto port = acceptor_.local_endpoint(ec).port();
  asio::co_spawn(accept_strand_, accept_loop(shared_from_this()), asio::detached);
  return port;
}

inbound::strand server_core::fresh_strand() {
  return asio::make_strand(accept_strand_.get_inner_executor());
}

inbound::awaitable<void> server_core::accept_loop(std::shared_ptr<server_core> self) {
  inbound::steady_timer pause{self->accept_strand_};
  std::chrono::steady_clock::time_point tell_again{};
  while (self->acceptor_.is_open()) {
    auto [ec, socket] =
      co_await self->acceptor_.async_accept(self->fresh_strand(), inbound::use_result);
    if (!ec) {
      self->welcome(std::move(socket));
      ec = self->accept_waiting();
    }
    if (!ec || ec == asio::error::would_block || ec == asio::error::operation_aborted)
      continue;
    // Most likely out of file descriptors: waits for some to be closed.
    if (auto now = std::chrono::steady_clock::now(); now >= tell_again) {
      log::warning("accept_failed", {{"reason", ec.message()}});
      tell_again = now + between_complaints;
    }
    pause.expires_after(std::chrono::milliseconds{100});
    co_await pause.async_wait(inbound::use_result);
  }
}

// Accepts several waiting connections in one turn: with a turn each, new connections would wait
// while open ones keep the pool busy.
error_code server_core::accept_waiting() {
  error_code ec;
  for (int i = 0; i < most_accepted_at_once && acceptor_.is_open() && !ec; ++i) {
    auto socket = acceptor_.accept(fresh_strand(), ec);
    if (!ec)
      welcome(std::move(socket));
  }
  return ec;
}

void server_core::welcome(inbound::tcp_socket socket) {
  error_code ec;
  const auto peer = inbound::peer_name(socket.remote_endpoint(ec).address());
  if (ec || draining())
    return;
  socket.set_option(tcp::no_delay{true}, ec);
  if (auto slot = slots_.take(peer))
    return inbound::open_session(shared_from_this(), std::move(socket), std::move(slot));
  auto refusal = refusals_.open(peer, {});
  if (!tls() // no TLS handshake only to refuse
      && refusal->resize(1) == fair_budget::outcome::granted)
    inbound::open_refusal(shared_from_this(), std::move(socket), std::move(refusal));
}

// On the accept strand, where connections are registered: none is added between listing those to
// end and closing the acceptor.
void server_core::drain(std::function<void()> drained) {
  draining_ = true;
  asio::post(accept_strand_, [self = shared_from_this(), drained = std::move(drained)]() mutable {
    error_code ignored;
    self->acceptor_.close(ignored);
    {
      std::lock_guard lock{self->guard_};
      if (!self->open_.empty())
        self->drained_ = std::exchange(drained, nullptr);
    }
    if (drained)
      self->late_calls->run(std::move(drained));
    for (const auto& c : self->open())
      c->begin_drain();
  });
}

void server_core::shut() {
  error_code ignored;
  acceptor_.close(ignored);
  for (const auto& c : open())
    c->shut();
  late_calls->stop();
  std::lock_guard lock{guard_};
  drained_ = nullptr;
}

server::server() = default;

server::~server() {
  if (core_)
    core_->shut();
}

result<uint16_t> server::start(asio::io_context& io, server_options options, handler on_exchange) {
  if (core_)
    return fail(errc::internal, "a server starts once");
  std::optional<asio::ssl::context> tls;
  if (options.tls_certificate.empty() != options.tls_key.empty())
    return fail(errc::invalid_argument, "TLS needs both a certificate and a key");
  if (!options.tls_key.empty()) {
    auto context = inbound::make_tls_context(options.tls_certificate, options.tls_key);
    if (!context)
      return context.error();
    tls.emplace(std::move(*context));
  }
  auto core =
    std::make_shared<server_core>(io, std::move(options), std::move(on_exchange), std::move(tls));
  auto port = core->listen();
  if (port)
    core_ = std::move(core);
  return port;
}

result<void> server::reload_certificate() {
  if (!core_ || core_->options.tls_key.empty())
    return {};
  auto context = inbound::make_tls_context(core_->options.tls_certificate, core_->options.tls_key);
  if (!context)
    return context.error();
  core_->use(std::move(*context));
  return {};
}

void server::drain(std::function<void()> drained) {
  if (core_)
    core_->drain(std::move(drained));
}

void server::close_all() {
  if (!core_)
    return;
  for (const auto& c : core_->open())
    c->cut();
}

std::size_t server::connections() const {
  return core_ ? core_->connections() : 0;
}

} // namespace behalf
