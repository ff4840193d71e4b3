// What all calls of one client share. Internal to the client.
#pragma once

#include "runtime/http/client.hpp"
#include "runtime/http/client_connection.hpp"
#include "runtime/http/resolver.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <mutex>
#include <unordered_map>

namespace behalf {

class client_call;

/// Thread-safe but for `tls`, which is only read after the start.
class client_core : public std::enable_shared_from_this<client_core> {
public:
  client_core(boost::asio::io_context& io, client_options options);

  /// Reads the certificate authorities. Error: internal.
  result<void> load_authorities();

  /// Null when the client is stopping.
  std::shared_ptr<client_call> add(wire_request request, checked_url url, deadline by,
                                   reply_handler done);
  std::shared_ptr<client_call> find(uint64_t id) const;
  void remove(uint64_t id);

  /// A connection that may serve the same key again.
  void keep(const std::string& key, client_pool::connection_pointer connection);

  /// No new calls; cancels the others; closes what is idle.
  void stop();

  client_figures figures() const;

  boost::asio::io_context& io;
  const client_options options;
  boost::asio::ssl::context tls;
  resolver names;
  std::atomic<uint64_t> opened{0}, reused{0};

private:
  void arm_sweep();

  client_pool pool_;
  mutable std::mutex mutex_; // guards what follows
  std::unordered_map<uint64_t, std::shared_ptr<client_call>> calls_;
  uint64_t last_id_ = 0;
  bool stopping_ = false;
  bool sweeping_ = false;
  boost::asio::steady_timer sweep_timer_;
};

} // namespace behalf
