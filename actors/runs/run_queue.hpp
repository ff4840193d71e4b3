// Which runs may execute now: one per thread, a bounded number in all, none before it is due, and
// for no user more than their share.
#pragma once

#include "actors/runs/queue_options.hpp"
#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "runtime/base/fair_queue.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace behalf::runs {

/// A run in the queue, without its input.
struct queued_run {
  std::string run_id, thread_id;
  principal_key who;
  std::optional<time_point> due; // nullopt: as soon as possible
  bool suspect = false;          // may have crashed the process: executes beside no other suspect
};

/// Bookkeeping without I/O: every change answers which runs to start. Threads of one id in two
/// tenants are different threads. A thread's runs execute in the order they are due; a delayed run
/// does not hold up others. Free slots go by turns to tenants, then users.
class run_queue {
public:
  using run_ids = std::vector<std::string>;

  explicit run_queue(const queue_options& options = {}) : options_(options) {}
  run_queue(run_queue&&) = default;
  run_queue& operator=(run_queue&&) = default;

  /// Whether this user may have one more run. Error: overloaded when the server is full, too_many
  /// when the user's or tenant's share is.
  result<void> check_capacity(const principal_key& who, bool delayed) const;
  /// Whether this thread may have one more run. Error: too_many.
  result<void> check_thread_capacity(const std::string& tenant, const std::string& thread_id) const;
  /// A run is being created: it counts for its user and thread until `arrived`, which is called
  /// before `add` or when creating it failed.
  void expect(const principal_key& who, const std::string& thread_id, bool delayed);
  void arrived(const principal_key& who, const std::string& thread_id, bool delayed);
  std::size_t expected() const { return expected_ + expected_delayed_; }
  /// Whether a run added now would start at once.
  bool would_start(const principal_key& who) const;

  /// Each of these returns the runs to start now, which count as running from then on.
  run_ids add(queued_run run, time_point now);
  run_ids end(const std::string& run_id);
  /// The run is over, but a node has not returned: its slot stays taken until `returned`.
  run_ids end_holding(const std::string& run_id);
  run_ids returned(const std::string& run_id);
  run_ids wake(time_point now);
  /// This run is no suspect any more: the next suspect may start.
  run_ids cleared(const std::string& run_id);

  /// The suspect that executes has had its time: the next one may start beside it.
  run_ids passed(const std::string& run_id);

  /// Null when there is no such run.
  const queued_run* find(const std::string& run_id) const;
  bool is_running(const std::string& run_id) const;

  /// Runs of a thread: the executing one first, then in the order they will start.
  run_ids inflight(const std::string& tenant, const std::string& thread_id) const;
  /// Threads with runs that this user has started.
  std::vector<std::string> threads_of(const principal_key& who) const;
  std::size_t active_run_count(const std::string& tenant, const std::string& thread_id) const;

  std::size_t running() const { return running_; }
  std::size_t delayed() const { return timers_.size(); }
  std::size_t pending() const { return runs_.size() + holding_.size() - running_ - timers_.size(); }
  std::size_t waiting_suspects() const { return suspects_.size() - (suspect_.empty() ? 0 : 1); }
  bool has_suspects() const { return !suspects_.empty() || !passed_.empty(); }
  std::size_t all() const { return runs_.size(); }
  /// How many threads, users and tenants have entries; for tests.
  std::size_t remembered() const {
    return threads_.size() + users_.size() + tenants_.size() + waiting_.size() + timers_.size()
           + suspects_.size() + passed_.size() + holding_.size();
  }

private:
  using timer = std::pair<time_point, std::string>; // due, run

  struct thread_runs {
    std::string running;                   // "" when none is
    std::map<uint64_t, std::string> ready; // by position
    std::set<timer> delayed;
    std::size_t expected = 0;
    std::optional<fair_queue<thread_runs*>::ticket> waits; // waiting for a slot
    const std::string& next() const { return ready.begin()->second; }
    std::size_t runs() const { return (running.empty() ? 0 : 1) + ready.size() + delayed.size(); }
    bool nothing() const { return runs() + expected == 0; }
  };
  using thread_map = std::unordered_map<std::string, thread_runs>;

  struct entry {
    queued_run run;
    thread_map::value_type* in;
    std::string user;      // who.text()
    uint64_t position = 0; // on its thread
    bool delayed = false;
  };
  /// The runs of one user or tenant, with those being created.
  struct usage {
    std::size_t runs = 0, running = 0, delayed = 0; // `runs`: without delayed ones
    bool nothing() const { return runs + delayed == 0; }
  };
  using usages = std::unordered_map<std::string, usage>;

  static std::string key_of(const std::string& tenant, const std::string& thread_id);
  static bool may_take(std::size_t has, std::size_t free, double share);
  static usage of(const usages& all, const std::string& whose);
  template <class Change>
  void count(const std::string& tenant, const std::string& user, Change change);

  std::size_t free_slots() const {
    return options_.slots > running_ ? options_.slots - running_ : 0;
  }
  bool may_run(const std::string& tenant, const std::string& user) const;
  void make_ready(entry& p);
  void queue_up(entry& p);
  void try_start(thread_runs& l, run_ids& started);
  void start(thread_runs& l, run_ids& started);
  void fill_slots(run_ids& started);
  void next_suspect(const std::string& after, run_ids& started);

  queue_options options_;
  std::size_t running_ = 0;
  std::size_t expected_ = 0, expected_delayed_ = 0;
  uint64_t last_position_ = 0;
  thread_map threads_;
  std::unordered_map<std::string, entry> runs_;
  usages users_, tenants_;
  /// Tenant and user of runs that are over and still hold a slot.
  std::unordered_map<std::string, std::pair<std::string, std::string>> holding_;
  fair_queue<thread_runs*> waiting_;
  std::set<timer> timers_;
  std::string suspect_;              // executing, or in line for a slot
  std::deque<std::string> suspects_; // waiting for `suspect_`
  std::set<std::string> passed_;     // executing still, beside `suspect_`
};

} // namespace behalf::runs
