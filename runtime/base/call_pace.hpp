// How many calls may begin in a minute.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>

namespace behalf {

/// At most so many begin in any 60 seconds. For one thread at a time.
class call_pace {
public:
  using time = std::chrono::steady_clock::time_point;

  /// 0: no limit.
  explicit call_pace(std::size_t most) : most_(most) {}

  bool may_begin(time now) {
    while (!begun_.empty() && begun_.front() + std::chrono::minutes{1} <= now)
      begun_.pop_front();
    return most_ == 0 || begun_.size() < most_;
  }
  void begins(time now) {
    if (most_ > 0)
      begun_.push_back(now);
  }
  /// The last one that did has not begun after all.
  void takes_back() {
    if (!begun_.empty())
      begun_.pop_back();
  }
  /// When the next one may begin. REQUIRES: none may now.
  time next() const { return begun_.front() + std::chrono::minutes{1}; }
  bool limits() const { return most_ > 0; }

private:
  std::size_t most_;
  std::deque<time> begun_; // of the last minute
};

} // namespace behalf
