#include "runtime/http/client.hpp"

#include "runtime/http/client_call.hpp"
#include "runtime/http/client_core.hpp"
#include "runtime/http/outbound_request_head.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace behalf {

namespace asio = boost::asio;

namespace {

result<checked_url> guard(const wire_request& request) {
  if (auto ok = check_call(request.call, request.credential != nullptr); !ok)
    return ok.error();
  auto url = check_url(request.call.url);
  if (url)
    if (auto ok = admit_url(*url, request.policy); !ok)
      return ok.error();
  return url;
}

template <class Handler>
void post_error(asio::io_context& io, Handler done, error e) {
  asio::post(io, [done = std::move(done), e = std::move(e)]() mutable { done(std::move(e)); });
}

} // namespace

client_core::client_core(asio::io_context& context, client_options given)
  : io(context), options(std::move(given)), tls(asio::ssl::context::tls_client),
    names(options.resolver_threads, options.resolve),
    pool_(options.pool_size, options.pool_total, options.idle_timeout), sweep_timer_(context) {
  auto* ssl = tls.native_handle();
  SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
  // OpenSSL's read buffer held the reply in the clear; it is wiped before it is given back.
  SSL_CTX_set_options(ssl, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION);
  constexpr unsigned char http11[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(ssl, http11, sizeof http11 - 1);
  tls.set_verify_mode(asio::ssl::verify_peer);
}

result<void> client_core::load_authorities() {
  auto* ssl = tls.native_handle();
  ERR_clear_error();
  if (options.ca_file.empty() && options.ca_path.empty()) {
    if (SSL_CTX_set_default_verify_paths(ssl) != 1)
      return fail(errc::internal, "the system's certificate authorities cannot be read");
    return {};
  }
  if (!options.ca_file.empty() && SSL_CTX_load_verify_file(ssl, options.ca_file.c_str()) != 1)
    return fail(errc::internal, "no certificate authority can be read from " + options.ca_file);
  if (!options.ca_path.empty() && SSL_CTX_load_verify_dir(ssl, options.ca_path.c_str()) != 1)
    return fail(errc::internal, "no certificate authority can be read from " + options.ca_path);
  return {};
}

std::shared_ptr<client_call> client_core::add(wire_request request, checked_url url, deadline by,
                                              reply_handler done) {
  auto kept = pool_.take(client_call::pool_key(request, url));
  if (kept)
    ++reused;
  auto strand = kept ? kept->executor() : asio::any_io_executor{asio::make_strand(io)};
  std::lock_guard lock{mutex_};
  auto id = ++last_id_;
  auto call =
    std::make_shared<client_call>(shared_from_this(), id, std::move(request), std::move(url), by,
                                  std::move(done), std::move(kept), std::move(strand));
  calls_.emplace(id, call);
  if (stopping_)
    call->cancel(); // before it begins: it ends as one that was cancelled under way
  return call;
}

std::shared_ptr<client_call> client_core::find(uint64_t id) const {
  std::lock_guard lock{mutex_};
  auto found = calls_.find(id);
  return found == calls_.end() ? nullptr : found->second;
}

void client_core::remove(uint64_t id) {
  std::shared_ptr<client_call> last; // ends outside the lock
  std::lock_guard lock{mutex_};
  if (auto found = calls_.extract(id))
    last = std::move(found.mapped());
}

void client_core::keep(const std::string& key, client_pool::connection_pointer connection) {
  pool_.give(key, std::move(connection));
  std::lock_guard lock{mutex_};
  if (!sweeping_ && !stopping_)
    arm_sweep();
}

// With mutex_ held.
void client_core::arm_sweep() {
  sweeping_ = true;
  sweep_timer_.expires_after(options.idle_timeout);
  sweep_timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
    auto self = weak.lock();
    if (!self || ec)
      return;
    std::lock_guard lock{self->mutex_};
    self->sweeping_ = false;
    if (self->pool_.sweep(client_pool::clock::now()) && !self->stopping_)
      self->arm_sweep();
  });
}

void client_core::stop() {
  pool_.close();
  std::unordered_map<uint64_t, std::shared_ptr<client_call>> calls;
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
    sweep_timer_.cancel();
    calls.swap(calls_);
  }
  for (auto& [id, call] : calls)
    call->cancel();
}

client_figures client_core::figures() const {
  client_figures out{opened, reused, pool_.idle(), 0};
  std::lock_guard lock{mutex_};
  out.in_flight = calls_.size();
  return out;
}

result<std::unique_ptr<client>> client::create(asio::io_context& io, client_options options) {
  auto core = std::make_shared<client_core>(io, std::move(options));
  if (auto ok = core->load_authorities(); !ok)
    return ok.error();
  return std::unique_ptr<client>{new client{std::move(core)}};
}

client::client(std::shared_ptr<client_core> core) : core_(std::move(core)) {}

client::~client() {
  core_->stop();
  core_->names.stop();
}

uint64_t client::start(wire_request request, deadline by, reply_handler done) {
  auto url = guard(request);
  if (!url) {
    post_error(core_->io, std::move(done), url.error());
    return 0;
  }
  auto call = core_->add(std::move(request), std::move(*url), by, std::move(done));
  call->begin();
  return call->id();
}

void client::read_chunk(uint64_t stream_id, deadline by, chunk_handler done) {
  if (auto call = core_->find(stream_id))
    call->pull(by, std::move(done));
  else
    post_error(core_->io, std::move(done), fail(errc::not_found, "the stream is over"));
}

void client::close(uint64_t stream_id) {
  if (auto call = core_->find(stream_id))
    call->close();
}

void client::cancel(uint64_t id) {
  if (auto call = core_->find(id))
    call->cancel();
}

client_figures client::figures() const {
  return core_->figures();
}

} // namespace behalf
