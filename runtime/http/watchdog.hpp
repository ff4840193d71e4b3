// One timer for everything a connection waits for. Moving the time it is due is an assignment:
// the timer itself is set again only when it would fire too late, and looks at the due time when
// it fires. A busy connection so touches its timer twice a minute, not twice a request.
#pragma once

#include "behalf/time.hpp"
#include "runtime/http/io.hpp"

#include <memory>

namespace behalf::inbound {

class watchdog {
public:
  /// Told, on the strand, that the due time has passed; answers when to look again.
  class owner {
  public:
    virtual deadline on_due(deadline now) = 0;

  protected:
    ~owner() = default;
  };

  explicit watchdog(const strand& executor) : timer_(executor) {}

  /// Before the first `set`. The watchdog is a member of `by`.
  void attach(std::weak_ptr<owner> by) { by_ = std::move(by); }

  void set(deadline due) {
    due_ = due;
    if (due_ < armed_)
      arm();
  }

  void stop() {
    by_.reset();
    timer_.cancel();
  }

private:
  void arm() {
    armed_ = due_;
    timer_.expires_at(armed_); // a wait under way ends with an error
    timer_.async_wait([this, by = by_](const error_code& ec) {
      if (const auto alive = ec ? nullptr : by.lock())
        fire(*alive);
    });
  }

  void fire(owner& by) {
    armed_ = deadline::max();
    const auto now = std::chrono::steady_clock::now();
    if (now >= due_)
      due_ = by.on_due(now);
    if (due_ < armed_)
      arm();
  }

  steady_timer timer_;
  std::weak_ptr<owner> by_;
  deadline due_ = deadline::max(), armed_ = deadline::max();
};

} // namespace behalf::inbound
