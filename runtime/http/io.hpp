// The Asio types of the HTTP server: concrete executors, so that nothing on a request's way is
// type-erased.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>

namespace behalf::inbound {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

using strand = asio::strand<asio::io_context::executor_type>;
using tcp_socket = asio::basic_stream_socket<tcp, strand>;
using steady_timer =
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, strand>;

template <class T>
using awaitable = asio::awaitable<T, strand>;

inline constexpr asio::use_awaitable_t<strand> use_awaitable;
/// Completes with tuple{error, …} instead of throwing.
inline constexpr auto use_result = asio::as_tuple(use_awaitable);

/// Lets one coroutine wait for other threads. A notification is kept until it waits; several become
/// one.
class wake_signal {
public:
  void notify() {
    std::lock_guard lock{guard_};
    if (!waiting_) {
      raised_ = true;
      return;
    }
    auto handler = std::move(*waiting_);
    waiting_.reset();
    resume(std::move(handler)); // under the lock, which `abandon` waits for
  }

  awaitable<void> wait() {
    auto begin = [this](wait_handler&& handler) {
      std::unique_lock lock{guard_};
      if (!raised_) {
        waiting_.emplace(std::move(handler));
        return;
      }
      raised_ = false;
      lock.unlock();
      resume(std::move(handler)); // never inline: the coroutine is not suspended yet
    };
    return asio::async_initiate<const asio::use_awaitable_t<strand>, void()>(begin, use_awaitable);
  }

  /// Destroys the coroutine that waits, if any. Only while its io_context still exists.
  void abandon() {
    std::unique_lock lock{guard_};
    auto handler = std::exchange(waiting_, std::nullopt);
    lock.unlock();
  }

private:
  using wait_handler =
    typename asio::async_result<asio::use_awaitable_t<strand>, void()>::handler_type;

  // After what this thread is doing: another one would have to be woken.
  static void resume(wait_handler&& handler) { asio::defer(std::move(handler)); }

  std::mutex guard_;
  std::optional<wait_handler> waiting_;
  bool raised_ = false;
};

/// Runs functions on the I/O threads for as long as there are any. Outlives the io_context.
class late_calls {
public:
  explicit late_calls(asio::io_context& io) : executor_(io.get_executor()) {}

  /// After stop() it only destroys `call`.
  void run(std::function<void()> call) {
    std::lock_guard lock{guard_};
    if (call && executor_)
      asio::post(*executor_, std::move(call));
  }
  /// Before the io_context is destroyed.
  void stop() {
    std::lock_guard lock{guard_};
    executor_.reset();
  }

private:
  std::mutex guard_;
  std::optional<asio::io_context::executor_type> executor_;
};

} // namespace behalf::inbound
