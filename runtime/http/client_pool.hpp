// Idle outbound connections, by the user and host they belong to.
#pragma once

#include "runtime/http/client_connection.hpp"

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace behalf {

/// Thread-safe. A key says whose connection it is and to where: nobody gets another's.
class client_pool {
public:
  using clock = std::chrono::steady_clock;
  using connection_pointer = std::unique_ptr<client_connection>;

  client_pool(std::size_t per_key, std::size_t total, std::chrono::milliseconds idle_timeout);

  /// The most recently used connection of that key that is still good, or null.
  connection_pointer take(const std::string& key);

  /// Keeps it if there is room, in place of the key's oldest if need be; else it ends here.
  void give(const std::string& key, connection_pointer connection);

  /// Closes what has been idle too long. Answers whether any is left.
  bool sweep(clock::time_point now);

  /// Closes all; from now on nothing is kept.
  void close();

  std::size_t idle() const;

private:
  mutable std::mutex mutex_;
  std::size_t per_key_, total_, idle_ = 0;
  std::chrono::milliseconds idle_timeout_;
  bool closed_ = false;
  std::unordered_map<std::string, std::vector<connection_pointer>> kept_; // oldest first
};

} // namespace behalf
