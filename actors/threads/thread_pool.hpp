// The threads that serve the sockets and run the actors. While something holds one of them, a
// monitor thread lends the pool a spare one (docs/decisions/0012-spare-threads.md).
#pragma once

#include "actors/threads/activity.hpp"
#include "behalf/time.hpp"
#include "runtime/base/metrics.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace caf {
class resumable;
} // namespace caf

namespace behalf::threads {

/// What a thread of the pool is doing, written by the thread without a clock or a lock and read by
/// the monitor.
class alignas(64) pool_seat {
public:
  /// The one of the calling thread; null elsewhere.
  static pool_seat* mine() { return mine_; }

  // --- called by the thread itself
  // -------------------------------------------------------------------

  /// A turn: one actor's run on this thread.
  void begin_turn() {
    what_.store(nullptr, std::memory_order_relaxed);
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (monitor_sleeps_->load(std::memory_order_relaxed))
      wake_monitor_();
  }
  void end_turn() {
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  bool in_turn() const { return turns_.load(std::memory_order_relaxed) % 2 == 1; }
  void doing(const activity& what) { what_.store(&what, std::memory_order_release); }

  /// An actor to run when this turn is over. When the turn takes long the monitor hands it to
  /// another thread.
  void defer(caf::resumable* job) {
    std::lock_guard lock{guard_};
    deferred_.push_back(job);
    has_deferred_ = true;
  }
  /// After the turn. `run_next` must only enqueue the actor.
  template <class F>
  void each_deferred(F run_next) {
    if (!std::exchange(has_deferred_, false))
      return;
    std::lock_guard lock{guard_};
    for (auto* job : deferred_)
      run_next(job);
    deferred_.clear();
  }

private:
  friend class thread_pool;

  inline static constinit thread_local pool_seat* mine_ = nullptr;

  std::atomic<uint64_t> turns_{0}; // begun plus ended: odd during a turn
  std::atomic<const activity*> what_{nullptr};
  const std::atomic<bool>* monitor_sleeps_ = nullptr;
  bool has_deferred_ = false; // an upper bound: the monitor may have taken them
  std::function<void()> wake_monitor_;
  std::mutex guard_;
  std::vector<caf::resumable*> deferred_;

  // Used by the monitor alone.
  uint64_t seen_ = 0;
  deadline since_{}; // when `seen_` changed last
  bool noticed_ = false;

  // Under the pool's lock, except `leave_`.
  std::thread thread_;
  bool taken_ = false, returned_ = false, spare_ = false;
  std::atomic<bool> leave_{false};
};

/// Notes what the calling thread begins, for the log. Costs a store.
inline void doing(const activity& what) {
  if (auto* seat = pool_seat::mine())
    seat->doing(what);
}

struct pool_options {
  std::size_t threads = 2;
  std::size_t spares = 16; // at most so many at once
};

class thread_pool {
public:
  /// Takes the actors that a held thread deferred.
  using adopt_fn = std::function<void(std::vector<caf::resumable*>)>;

  /// `io` and `meters` must outlive it; `adopt` is called while the threads run.
  thread_pool(boost::asio::io_context& io, metrics& meters, adopt_fn adopt);
  thread_pool(const thread_pool&) = delete;
  ~thread_pool(); // every thread must have returned

  void start(pool_options options);

  /// The server is stopping: allows two more spares, so that the stop itself finds a thread.
  void reserve_for_the_end();

  /// Stops `io` and waits for the threads. False when one has not returned by then: the log says
  /// what holds it, and thread and pool are not destroyed.
  bool stop(deadline by);

  std::size_t lent() const;

private:
  void monitor();
  void look(bool on_time);
  bool is_held(pool_seat& seat, deadline now);
  void notice(pool_seat& seat, deadline now);
  bool probe_is_stuck(deadline now) const;
  void balance(std::size_t held, deadline now);
  void collect();
  bool start_spare();
  bool retire_spare();
  pool_seat* free_seat();
  void start_thread(pool_seat& seat, bool spare);
  void serve(pool_seat& seat);
  void wake();

  boost::asio::io_context& io_;
  adopt_fn adopt_;
  metric &lent_total_, &lent_now_, &allowed_, &longest_;

  mutable std::mutex guard_;
  std::condition_variable changed_; // a thread returned, or the monitor is woken
  std::deque<pool_seat> seats_;     // a deque: elements never move; grows before the threads start
  std::size_t spares_ = 0;
  std::size_t lent_ = 0, leaving_ = 0; // of those lent
  bool stopping_ = false;
  std::thread monitor_;
  std::atomic<bool> monitor_sleeps_{false};

  // Used by the monitor alone.
  std::shared_ptr<std::atomic<bool>> probe_done_ = std::make_shared<std::atomic<bool>>(true);
  deadline probed_{}, progressed_{}, needed_{};
  bool quiet_ = false, used_up_ = false, told_of_others_ = false;
};

} // namespace behalf::threads
