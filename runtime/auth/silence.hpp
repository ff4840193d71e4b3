// When to leave a provider alone that does not answer.
#pragma once

#include "behalf/time.hpp"

#include <algorithm>
#include <chrono>

namespace behalf {

/// A provider that lets a question run into its deadline is left alone for a while, longer each
/// time, or everybody would wait for it; then one question finds out whether it is back. One owner.
class silence {
public:
  static constexpr std::chrono::seconds shortest{1}, longest{30};

  /// `patience`: how long a question may take.
  explicit silence(std::chrono::seconds patience) : patience_(patience) {}

  /// Whether it may be asked now. Who is told so must report what came of it.
  bool may_ask(deadline now) {
    if (now < until_)
      return false;
    if (pause_.count() > 0)
      until_ = now + patience_; // for the others, until this question has its answer
    return true;
  }

  /// It answered, whatever that was.
  void answered() {
    pause_ = std::chrono::seconds{0};
    until_ = {};
  }

  /// A question asked at `asked` got no answer. Of questions asked together the first one counts
  /// for all.
  void silent(deadline asked, deadline now) {
    if (asked < since_)
      return;
    pause_ = std::clamp(2 * pause_, shortest, longest);
    since_ = now;
    until_ = now + pause_;
  }

private:
  std::chrono::seconds patience_;
  std::chrono::seconds pause_{0}; // after the last question that got no answer
  deadline since_{}, until_{};
};

} // namespace behalf
