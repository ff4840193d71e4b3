// Resolves host names on threads of their own: a slow name server delays no sockets.
#pragma once

#include "runtime/http/client.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <optional>

namespace behalf {

using address_list = std::vector<boost::asio::ip::address>;

/// Asks the system (getaddrinfo). Blocks. Error: upstream.
result<std::vector<std::string>> system_resolve(const std::string& host);

/// A lookup under way. Belongs to one strand: wait on `signal`, which ends when `answer` is
/// there or somebody cancels it.
struct name_lookup {
  explicit name_lookup(boost::asio::any_io_executor strand) : signal(std::move(strand)) {}
  boost::asio::steady_timer signal;
  std::optional<result<address_list>> answer;
};

class resolver {
public:
  resolver(std::size_t threads, resolve_function ask);

  /// Starts a lookup whose answer comes on the strand.
  std::shared_ptr<name_lookup> begin(std::string host, boost::asio::any_io_executor strand);

  /// Drops what has not begun and waits for what has.
  void stop();

private:
  resolve_function ask_;
  boost::asio::thread_pool threads_;
};

} // namespace behalf
