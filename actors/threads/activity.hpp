// What a thread is doing, as the log names it: a node, a route, a handler. Whatever may compute for
// long is announced with doing(), so that whoever watches the threads can say who holds one.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

namespace behalf::threads {

/// Made once, before it is first done; must outlive the threads that do it. For any number of
/// threads; counting changes nothing about what it is.
class activity {
public:
  explicit activity(std::string name) : name_(std::move(name)) {}
  activity(const activity&) = delete;
  activity& operator=(const activity&) = delete;

  /// "node 'fetch' of graph 'inbox'", "POST /threads".
  const std::string& name() const { return name_; }

  /// It held a thread of the pool: from now on it belongs on a thread that may be blocked, until
  /// many of its turns in a row were quick. True the first time.
  bool held_a_thread() const {
    quick_turns_to_go_.store(turns_to_forgive, std::memory_order_relaxed);
    return !known_.exchange(true, std::memory_order_relaxed);
  }
  bool may_hold_a_thread() const { return quick_turns_to_go_.load(std::memory_order_relaxed) > 0; }

  /// A turn on a thread that may be blocked took so long.
  void took(std::chrono::nanoseconds time) const {
    if (time >= patience)
      quick_turns_to_go_.store(turns_to_forgive, std::memory_order_relaxed);
    else if (may_hold_a_thread())
      quick_turns_to_go_.fetch_sub(1, std::memory_order_relaxed);
  }

  /// A turn that takes longer than this holds its thread.
  static constexpr std::chrono::milliseconds patience{50};
  static constexpr int turns_to_forgive = 1000;

private:
  std::string name_;
  mutable std::atomic<int> quick_turns_to_go_{0};
  mutable std::atomic<bool> known_{false};
};

} // namespace behalf::threads
