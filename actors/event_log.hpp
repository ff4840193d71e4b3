// A run's events, numbered, for viewers that pull them at their own pace.
#pragma once

#include "actors/messages.hpp"

#include <deque>

namespace behalf {

/// Bounded by bytes: the oldest events go first, and a viewer that still wanted them is told so.
class event_log {
public:
  explicit event_log(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  void append(std::string name, std::string data);

  /// Nothing will be appended any more.
  void close() { closed_ = true; }

  /// True when `after` leaves something to say: events, or the end.
  bool has_news(int64_t after) const { return closed_ || after < last_seq_; }

  /// Events after `after`, at most `max`; `last` when they are the rest of a closed log. An
  /// `after` beyond the newest event means from now on.
  event_batch read(int64_t after, std::size_t max) const;

  int64_t last_seq() const { return last_seq_; }

private:
  std::deque<run_event> events_;
  std::size_t bytes_ = 0, max_bytes_;
  int64_t last_seq_ = 0;
  bool closed_ = false;
};

} // namespace behalf
