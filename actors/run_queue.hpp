// Which run may execute now: one at a time per thread, so many in all, none before it is due.
#pragma once

#include "runtime/base/time.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace behalf {

/// Plain bookkeeping: the scheduler asks it what to start after every change. A thread's runs go
/// in the order they fall due; a delayed run does not hold up a later one that is due earlier.
class run_queue {
public:
  using run_ids = std::vector<std::string>;

  /// `slots`: runs executing at once; `capacity`: runs waiting or executing, all threads.
  run_queue(std::size_t slots, std::size_t capacity) : slots_(slots), capacity_(capacity) {}

  bool full() const { return threads_by_run_.size() >= capacity_; }
  std::size_t running() const { return running_; }
  std::size_t pending() const { return threads_by_run_.size() + holding_.size() - running_; }

  /// Each of these answers the runs to start now; they count as running from here on.
  run_ids add(const std::string& thread, const std::string& run, time_point due, time_point now);
  run_ids end(const std::string& run, time_point now);
  /// It is over, but something of it has not returned: its slot stays taken until `returned`.
  run_ids end_holding(const std::string& run, time_point now);
  run_ids returned(const std::string& run, time_point now);
  run_ids wake(time_point now);

  bool known(const std::string& run) const { return threads_by_run_.contains(run); }
  bool is_running(const std::string& run) const;

  /// Runs of a thread, the executing one first, then as they will start.
  run_ids inflight(const std::string& thread) const;

  /// When `wake` has something to do; nullopt when no run is waiting for its time.
  std::optional<time_point> next_due() const;

private:
  struct lane {
    std::optional<std::string> running;
    std::multimap<time_point, std::string> waiting;
    bool parked = false; // due, but every slot was taken
  };

  void try_start(const std::string& thread, time_point now, run_ids& started);
  void fill_slots(time_point now, run_ids& started);

  std::size_t slots_, capacity_, running_ = 0;
  std::unordered_map<std::string, lane> lanes_;
  std::unordered_map<std::string, std::string> threads_by_run_;
  std::set<std::string> holding_; // runs that are over and have their slot
  std::deque<std::string> parked_;
  std::multimap<time_point, std::string> timers_; // due time → thread
};

} // namespace behalf
