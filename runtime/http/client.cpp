#include "runtime/http/client.hpp"

#include "runtime/http/client_call.hpp"
#include "runtime/http/client_core.hpp"
#include "runtime/http/request_head.hpp"

#include <boost/asio/post.hpp>

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
void answer(asio::io_context& io, Handler done, error e) {
  asio::post(io, [done = std::move(done), e = std::move(e)]() mutable { done(std::move(e)); });
}

} // namespace

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
    answer(core_->io, std::move(done), url.error());
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
    answer(core_->io, std::move(done), fail(errc::not_found, "the stream is over"));
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
