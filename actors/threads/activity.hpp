// What a thread is doing, as the log names it: a node, a route, a handler. Code that may run for
// long is announced with doing(), so that the log can say what holds a thread.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

namespace behalf::threads {

/// Must outlive the threads that do it. Thread-safe.
class activity {
public:
  explicit activity(std::string name) : name_(std::move(name)) {}
  activity(const activity&) = delete;
  activity& operator=(const activity&) = delete;

  /// "node 'fetch' of graph 'inbox'", "POST /threads".
  const std::string& name() const { return name_; }

  /// It held a thread of the pool: from now on it runs on a blocking thread, until
  /// `quick_turns_needed` turns in a row were quick. True the first time.
  bool held_a_thread() const {
    quick_turns_to_go_.store(quick_turns_needed, std::memory_order_relaxed);
    return !known_.exchange(true, std::memory_order_relaxed);
  }
  bool may_hold_a_thread() const { return quick_turns_to_go_.load(std::memory_order_relaxed) > 0; }

  /// How long a turn on a blocking thread took.
  void took(std::chrono::nanoseconds time) const {
    if (time >= held_after)
      quick_turns_to_go_.store(quick_turns_needed, std::memory_order_relaxed);
    else if (may_hold_a_thread())
      quick_turns_to_go_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// A turn that takes longer than this holds its thread.
  static constexpr std::chrono::milliseconds held_after{50};
  static constexpr int quick_turns_needed = 1000;

private:
  std::string name_;
  mutable std::atomic<int> quick_turns_to_go_{0};
  mutable std::atomic<bool> known_{false};
};

} // namespace behalf::threads
