#include "runtime/http/client_connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <sys/socket.h>
#include <utility>

namespace behalf {

namespace asio = boost::asio;

namespace {

constexpr auto awaited = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_size = 16 * 1024;

} // namespace

client_connection::client_connection(asio::any_io_executor strand)
  : executor_(std::move(strand)), socket_(executor_) {}

asio::awaitable<boost::system::error_code> client_connection::connect(tcp::endpoint to) {
  error_code ignored;
  socket_.close(ignored);
  auto [ec] = co_await socket_.async_connect(to, awaited);
  if (!ec) {
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
  }
  co_return ec;
}

boost::system::error_code client_connection::prepare_tls(const std::string& host) {
  auto* ssl = tls_->native_handle();
  error_code not_ip;
  asio::ip::make_address(host, not_ip);
  auto* param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
                                           | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  bool ok = not_ip ? SSL_set_tlsext_host_name(ssl, host.c_str()) == 1
                       && X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size()) == 1
                   : X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1;
  return ok ? error_code{} : error_code{asio::error::invalid_argument};
}

asio::awaitable<boost::system::error_code> client_connection::secure(asio::ssl::context& tls,
                                                                     std::string host) {
  tls_ = std::make_unique<asio::ssl::stream<tcp::socket&>>(socket_, tls);
  if (auto ec = prepare_tls(host))
    co_return ec;
  auto side = asio::ssl::stream_base::client;
  auto [ec] = co_await tls_->async_handshake(side, awaited);
  co_return ec;
}

std::string client_connection::certificate_problem() const {
  auto code = tls_ ? SSL_get_verify_result(tls_->native_handle()) : X509_V_OK;
  return code == X509_V_OK ? std::string{} : X509_verify_cert_error_string(code);
}

asio::awaitable<io_end> client_connection::write(std::string_view bytes) {
  io_end end;
  auto buffer = asio::buffer(bytes);
  if (tls_) {
    auto [ec, moved] = co_await asio::async_write(*tls_, buffer, awaited);
    end.ec = ec;
    end.bytes = moved;
  } else {
    auto [ec, moved] = co_await asio::async_write(socket_, buffer, awaited);
    end.ec = ec;
    end.bytes = moved;
  }
  co_return end;
}

// Thousands of streams wait for their next token: only a short read has room that is kept. To wait
// without any would be one more system call for each.
asio::awaitable<io_end> client_connection::read(wiped_string& in) {
  if (after_rest_)
    co_return io_end{std::exchange(after_rest_, {}), 0};
  const auto room = asio::buffer(first_);
  if (tls_) {
    auto [ec, moved] = co_await tls_->async_read_some(room, awaited);
    co_return take(in, ec, moved);
  }
  auto [ec, moved] = co_await socket_.async_read_some(room, awaited);
  co_return take(in, ec, moved);
}

io_end client_connection::take(wiped_string& in, error_code ec, std::size_t moved) {
  io_end end{ec, moved};
  in.append({first_.data(), moved});
  wipe(first_.data(), moved);
  if (moved == first_.size())
    end.bytes += read_rest(in);
  return end;
}

// What is there already.
std::size_t client_connection::read_rest(wiped_string& in) {
  thread_local wiped_string room;
  if (room.empty())
    room.resize(read_size);
  const auto buffer = asio::buffer(room.data(), room.size());
  std::size_t moved = 0;
  if (!tls_)
    moved = socket_.read_some(buffer, after_rest_);
  else if (SSL_pending(tls_->native_handle()) > 0) // of the same record: nothing is waited for
    moved = tls_->read_some(buffer, after_rest_);
  if (after_rest_ == asio::error::would_block)
    after_rest_ = {};
  in.append(room.view().substr(0, moved));
  wipe(room.data(), moved);
  return moved;
}

void client_connection::close() noexcept {
  error_code ignored;
  socket_.close(ignored);
}

bool client_connection::silent() {
  char byte;
  auto n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

client_pool::client_pool(std::size_t per_key, std::size_t total,
                         std::chrono::milliseconds idle_timeout)
  : per_key_(per_key), total_(total), idle_timeout_(idle_timeout) {}

client_pool::connection_pointer client_pool::take(const std::string& key) {
  std::lock_guard lock{mutex_};
  auto found = kept_.find(key);
  if (found == kept_.end())
    return nullptr;
  auto& list = found->second;
  connection_pointer good;
  while (!good && !list.empty()) {
    if (list.back()->silent() && clock::now() - list.back()->idle_since < idle_timeout_)
      good = std::move(list.back());
    list.pop_back();
    --idle_;
  }
  if (list.empty())
    kept_.erase(found);
  return good;
}

void client_pool::give(const std::string& key, connection_pointer connection) {
  std::lock_guard lock{mutex_};
  if (closed_ || idle_ >= total_ || per_key_ == 0)
    return;
  connection->idle_since = clock::now();
  auto& list = kept_[key];
  if (list.size() >= per_key_) {
    list.erase(list.begin());
    --idle_;
  }
  list.push_back(std::move(connection));
  ++idle_;
}

bool client_pool::sweep(clock::time_point now) {
  std::lock_guard lock{mutex_};
  for (auto at = kept_.begin(); at != kept_.end();) {
    auto& list = at->second;
    auto fresh = std::find_if(list.begin(), list.end(), [&](const connection_pointer& c) {
      return now - c->idle_since < idle_timeout_;
    });
    idle_ -= fresh - list.begin();
    list.erase(list.begin(), fresh);
    at = list.empty() ? kept_.erase(at) : std::next(at);
  }
  return idle_ > 0;
}

void client_pool::close() {
  std::lock_guard lock{mutex_};
  closed_ = true;
  kept_.clear();
  idle_ = 0;
}

std::size_t client_pool::idle() const {
  std::lock_guard lock{mutex_};
  return idle_;
}

} // namespace behalf
