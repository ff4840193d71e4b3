// How long a provider that does not answer is not asked again.
#pragma once

#include "behalf/time.hpp"

#include <algorithm>
#include <chrono>

namespace behalf {

/// After a request to a provider timed out the provider is not asked for a pause that doubles each
/// time, as every caller would wait for its timeout; then one request tries again. One owner.
class provider_backoff {
public:
  static constexpr std::chrono::seconds shortest{1}, longest{30};

  /// `patience`: the timeout of a request.
  explicit provider_backoff(std::chrono::seconds patience) : patience_(patience) {}

  /// Whether it may be asked now. If so, the caller reports `answered` or `timed_out`.
  bool may_ask(deadline now) {
    if (now < until_)
      return false;
    if (pause_.count() > 0)
      until_ = now + patience_; // others wait for the outcome of this request
    return true;
  }

  /// It answered, with success or failure.
  void answered() {
    pause_ = std::chrono::seconds{0};
    until_ = {};
  }

  /// A request sent at `asked` timed out. Of requests sent together only the first one counts.
  void timed_out(deadline asked, deadline now) {
    if (asked < since_)
      return;
    pause_ = std::clamp(2 * pause_, shortest, longest);
    since_ = now;
    until_ = now + pause_;
  }

private:
  std::chrono::seconds patience_;
  std::chrono::seconds pause_{0}; // after the last timeout
  deadline since_{}, until_{};
};

} // namespace behalf
