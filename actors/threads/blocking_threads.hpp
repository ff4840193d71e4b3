// Threads for code that may block: nodes that say so, and nodes that were seen to hold a thread of
// the pool. Their number is bounded; more work waits, and tenants and users take turns. A single
// user may have at most seven eighths of them, and less the more are in use.
#pragma once

#include "actors/threads/activity.hpp"
#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "runtime/base/fair_queue.hpp"
#include "runtime/base/metrics.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

namespace behalf::threads {

class blocking_threads {
public:
  using work = std::function<void()>;

  using start_fn = std::function<std::thread(work)>;

  /// `io` and `meters` must outlive it. A thread that `start` cannot start (it throws system_error)
  /// is tried again while there is work for it.
  blocking_threads(
    boost::asio::io_context& io, std::size_t most, metrics& meters,
    start_fn start = [](work serve) { return std::thread{std::move(serve)}; });
  blocking_threads(const blocking_threads&) = delete;
  ~blocking_threads(); // waits for the work under way

  /// From any thread. `what` must live until the work is done; the work must not throw.
  void run(const principal_key& who, const activity& what, work job);

  /// Starts no more work. False when some has not returned by then: the log names it, and its
  /// thread and this object are not destroyed.
  bool stop(deadline by);

private:
  struct waiting {
    const activity* what;
    std::string user;
    work job;
  };
  struct worker {
    std::thread thread;
    const activity* at = nullptr; // null: idle
  };
  using workers = std::list<worker>;

  std::optional<waiting> take();
  void done(const waiting& what);
  void serve(workers::iterator me);
  bool start_one();
  void start_wanted();
  void try_later();
  void join_ended();

  const std::size_t most_;
  metric &running_, &queued_;
  const start_fn start_;
  std::mutex guard_;
  std::condition_variable changed_;
  fair_queue<waiting> queue_;
  workers threads_, ended_;
  std::unordered_map<std::string, std::size_t> busy_of_; // by user
  std::size_t idle_ = 0, busy_ = 0;
  bool stopping_ = false, short_ = false;
  boost::asio::steady_timer again_;
};

} // namespace behalf::threads
