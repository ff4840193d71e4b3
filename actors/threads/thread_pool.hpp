// The threads that serve the sockets and run the actors, and the watch that none of them is missed
// while something holds it: it lends the pool another one for that time (docs/decisions/0012).
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

/// A thread's place in the pool: where it writes what it is at, without a clock and without asking
/// anyone, for the watch to read.
class alignas(64) pool_seat {
public:
  /// The one of the calling thread; null elsewhere.
  static pool_seat* mine() { return mine_; }

  // --- for the thread itself -------------------------------------------------------------------

  /// A turn: what runs actors has begun, or ended, with one.
  void begin_turn() {
    what_.store(nullptr, std::memory_order_relaxed);
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (watch_sleeps_->load(std::memory_order_relaxed))
      wake_the_watch_();
  }
  void end_turn() {
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  bool in_turn() const { return turns_.load(std::memory_order_relaxed) % 2 == 1; }
  void doing(const activity& what) { what_.store(&what, std::memory_order_release); }

  /// An actor that is to run when this turn is over. Nobody waits for that longer than the watch
  /// has patience.
  void defer(caf::resumable* job) {
    std::lock_guard lock{guard_};
    deferred_.push_back(job);
    has_deferred_ = true;
  }
  /// After the turn. `run_next` must not run it at once.
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

  std::atomic<uint64_t> turns_{0}; // begun and ended: odd in a turn
  std::atomic<const activity*> what_{nullptr};
  const std::atomic<bool>* watch_sleeps_ = nullptr;
  bool has_deferred_ = false; // the thread's own view: the watch may have taken them
  std::function<void()> wake_the_watch_;
  std::mutex guard_;
  std::vector<caf::resumable*> deferred_;

  // The watch's.
  uint64_t seen_ = 0;
  deadline since_{}; // when it first saw that
  bool noticed_ = false;

  // Under the pool's lock, but for `leave_`.
  std::thread thread_;
  bool taken_ = false, returned_ = false, spare_ = false;
  std::atomic<bool> leave_{false};
};

/// The calling thread is at something that may take its time. Costs a store.
inline void doing(const activity& what) {
  if (auto* seat = pool_seat::mine())
    seat->doing(what);
}

struct pool_options {
  std::size_t threads = 2;
  std::size_t spares = 16; // lent at once, at most
};

class thread_pool {
public:
  /// What a held thread has deferred, for others to run.
  using adopt_fn = std::function<void(std::vector<caf::resumable*>)>;

  /// `io` and `meters` must outlive it; `adopt` is called while the threads run.
  thread_pool(boost::asio::io_context& io, metrics& meters, adopt_fn adopt);
  thread_pool(const thread_pool&) = delete;
  ~thread_pool(); // every thread must have returned

  void start(pool_options options);

  /// The server is stopping: what it still has to do gets a thread whatever holds the others.
  void reserve_for_the_end();

  /// Stops `io` and waits for the threads. False when one has not returned by then, which the log
  /// names; it and the pool live on.
  bool stop(deadline by);

  std::size_t lent() const;

private:
  void watch();
  void look(bool on_time);
  bool is_held(pool_seat& seat, deadline now);
  void notice(pool_seat& seat, deadline now);
  bool probe_is_stuck(deadline now) const;
  void balance(std::size_t held, deadline now);
  void collect();
  bool lend();
  bool take_back();
  pool_seat* free_seat();
  void sit_down(pool_seat& seat, bool spare);
  void serve(pool_seat& seat);
  void wake();

  boost::asio::io_context& io_;
  adopt_fn adopt_;
  metric &lent_total_, &lent_now_, &allowed_, &longest_;

  mutable std::mutex guard_;
  std::condition_variable changed_; // a thread returned, the watch is wanted
  std::deque<pool_seat> seats_;     // never moves its elements; grows before the threads start
  std::size_t spares_ = 0;
  std::size_t lent_ = 0, leaving_ = 0; // of those lent
  bool stopping_ = false;
  std::thread watch_;
  std::atomic<bool> watch_sleeps_{false};

  // The watch's own.
  std::shared_ptr<std::atomic<bool>> probe_done_ = std::make_shared<std::atomic<bool>>(true);
  deadline probed_{}, progressed_{}, needed_{};
  bool quiet_ = false, used_up_ = false, told_of_others_ = false;
};

} // namespace behalf::threads
