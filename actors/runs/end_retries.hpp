// What becomes of a run's end that the storage did not take.
#pragma once

#include "behalf/error.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace behalf::runs {

/// The pause before the next try, after so many that failed.
inline std::chrono::milliseconds retry_pause(int tries) {
  constexpr std::chrono::milliseconds first{100}, longest{5'000};
  return std::min(longest, first * (1 << std::min(tries - 1, 6)));
}

class end_retries {
public:
  enum class next : uint8_t {
    retry,            // later, as it is
    store_failure,    // at once: that the run failed, without what it did
    stop_thread_gone, // nothing is left to store: the run was deleted with its thread
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
  /// Counts one more.
  std::chrono::milliseconds next_pause() { return retry_pause(++tries_); }

private:
  // A full disk and a damaged file are not the run's fault, and may pass. A conflict is a
  // checkpoint sent before the end that was not stored: the next try brings it along, so one of
  // them passes.
  bool may_pass(errc why) {
    if (why == errc::conflict)
      return ++conflicts_ < 2;
    conflicts_ = 0;
    return why == errc::internal || why == errc::overloaded || why == errc::timeout;
  }

  int tries_ = 0, conflicts_ = 0; // those in a row
  bool failure_only_ = false;
};

} // namespace behalf::runs
