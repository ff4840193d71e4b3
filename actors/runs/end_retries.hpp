// What to do when the end of a run could not be stored.
#pragma once

#include "behalf/error.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace behalf::runs {

/// The pause before the next try after `tries` failed ones.
inline std::chrono::milliseconds retry_pause(int tries) {
  constexpr std::chrono::milliseconds first{100}, longest{5'000};
  return std::min(longest, first * (1 << std::min(tries - 1, 6)));
}

class end_retries {
public:
  enum class next : uint8_t {
    retry,            // the same write, later
    store_failure,    // at once: only that the run failed
    stop_thread_gone, // the run was deleted with its thread: nothing to store
    stop_not_storable,
  };

  next after(const error& why) {
    if (why.code == errc::not_found)
      return next::stop_thread_gone;
    if (may_pass(why.code))
      return next::retry;
    return std::exchange(failure_only_, true) ? next::stop_not_storable : next::store_failure;
  }

  int tries() const { return tries_; }
  /// Counts a failed try.
  std::chrono::milliseconds next_pause() { return retry_pause(++tries_); }

private:
  // A full disk and a damaged file may pass, so they are retried. A conflict means that a
  // checkpoint sent before was not stored: the next try includes it, so one conflict is retried
  // too.
  bool may_pass(errc why) {
    if (why == errc::conflict)
      return ++conflicts_ < 2;
    conflicts_ = 0;
    return why == errc::internal || why == errc::overloaded || why == errc::timeout;
  }

  int tries_ = 0, conflicts_ = 0; // in a row
  bool failure_only_ = false;
};

} // namespace behalf::runs
