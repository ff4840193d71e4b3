// What all connections of a server share, and how the server reaches them.
#pragma once

#include "runtime/base/fair_budget.hpp"
#include "runtime/http/connection_slots.hpp"
#include "runtime/http/io.hpp"
#include "runtime/http/server.hpp"

#include <boost/asio/ssl/context.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

namespace behalf {

namespace inbound {

/// An open connection as the server sees it. From any thread.
class connection : public slot_holder {
public:
  virtual ~connection() = default;
  virtual void begin_drain() = 0; // end when idle, or after the answer under way, which is told
  virtual void cut() = 0;         // end now
  virtual void shut() = 0;        // the io_context has stopped: release everything
};

/// An IPv4 address that came as an IPv6 one, as the former; others as they are.
asio::ip::address unmapped(const asio::ip::address& address);

/// What one peer may hold, as `fair_budget` has it: an IPv4 address, or the /64 network of an IPv6
/// one, which is as easy to get as one address.
std::string peer_name(const asio::ip::address& address);

/// A server context with the certificate and key; HTTP/1.1 by ALPN; TLS 1.2 or newer.
/// Error: invalid_argument naming the file and what is wrong with it.
result<asio::ssl::context> make_tls_context(const std::string& certificate, const std::string& key);

} // namespace inbound

class server_core : public std::enable_shared_from_this<server_core> {
public:
  server_core(inbound::asio::io_context& io, server_options options, server::handler on_exchange,
              std::optional<inbound::asio::ssl::context> tls);

  void add(const std::shared_ptr<inbound::connection>& c);
  void remove(inbound::connection* c);
  std::vector<std::shared_ptr<inbound::connection>> open() const;

  result<uint16_t> listen();
  void shut();
  void drain(std::function<void()> drained);
  bool draining() const { return draining_.load(std::memory_order_relaxed); }
  std::size_t connections() const { return count_.load(std::memory_order_relaxed); }

  const server_options options;
  const server::handler on_exchange;
  const cors_policy cors;
  const page_rules pages;
  const fair_budget peer_memory; // long heads, and bodies while they arrive
  const std::shared_ptr<inbound::late_calls> late_calls;

  /// What new connections are served with; null: plain.
  std::shared_ptr<inbound::asio::ssl::context> tls() const;
  void use(inbound::asio::ssl::context fresh);

private:
  using acceptor = inbound::asio::basic_socket_acceptor<inbound::asio::ip::tcp, inbound::strand>;

  static inbound::awaitable<void> accept_loop(std::shared_ptr<server_core> self);
  inbound::strand fresh_strand();
  inbound::error_code accept_waiting();
  void welcome(inbound::tcp_socket socket);

  mutable std::mutex guard_;
  std::shared_ptr<inbound::asio::ssl::context> tls_;
  std::unordered_map<inbound::connection*, std::weak_ptr<inbound::connection>> open_;
  std::function<void()> drained_;
  std::atomic<std::size_t> count_{0};
  std::atomic<bool> draining_{false};
  inbound::connection_slots slots_; // connections, by peer
  const fair_budget refusals_;      // connections that are only refused
  const inbound::strand accept_strand_;
  acceptor acceptor_; // used on its strand only
};

namespace inbound {

/// Begins to serve a connection, over TLS if the core has a context, which holds its slot while it
/// is open.
void open_session(std::shared_ptr<server_core> core, tcp_socket socket,
                  connection_slots::slot_ptr slot);

/// Answers 503 to any request, as there are too many connections.
void open_refusal(std::shared_ptr<server_core> core, tcp_socket socket,
                  fair_budget::share_ptr slot);

} // namespace inbound
} // namespace behalf
