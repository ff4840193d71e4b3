// How many calls may begin in a minute.
#pragma once

#include <algorithm>
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
  /// The one that did so then has not begun after all.
  void takes_back(time begun) {
    if (auto at = std::find(begun_.begin(), begun_.end(), begun); at != begun_.end())
      begun_.erase(at);
  }
  /// When the next one may begin. REQUIRES: none may now.
  time next() const { return begun_.front() + std::chrono::minutes{1}; }
  bool limits() const { return most_ > 0; }

private:
  std::size_t most_;
  std::deque<time> begun_; // of the last minute
};

} // namespace behalf
