// An event log, and the viewers that wait for its next event.
#pragma once

#include "actors/basics.hpp"
#include "actors/runs/event_log.hpp"

#include <algorithm>
#include <memory>
#include <vector>

namespace behalf::runs {

/// Part of the actor that writes the log. Viewers that have left are forgotten when there are twice
/// as many as the last time.
class watched_log {
public:
  explicit watched_log(std::unique_ptr<event_log> log = nullptr) : log_(std::move(log)) {}

  event_log& operator*() { return *log_; }
  event_log* operator->() { return log_.get(); }

  /// The answer to `next_events`; later, if there is nothing to say yet.
  template <class Self>
  caf::result<event_batch> next(Self* self, next_events m) {
    auto batch = log_->read(m.after, m.max);
    if (!batch.says_nothing())
      return batch;
    m.after = batch.last_seq; // a request for new events only gets a fixed start
    forget_the_gone();
    waiting_.push_back({std::move(m), promise_of<event_batch>{self}});
    return waiting_.back().promise;
  }

  /// Answers viewers for whom there are new events.
  void answer() {
    std::erase_if(waiting_, [this](viewer& v) {
      auto batch = log_->read(v.ask.after, v.ask.max);
      if (batch.says_nothing())
        return false;
      v.promise.deliver(std::move(batch));
      return true;
    });
  }

  void refuse_all(const error& why) {
    for (auto& v : std::exchange(waiting_, {}))
      v.promise.deliver(why);
  }

private:
  static constexpr std::size_t few = 64;

  struct viewer {
    next_events ask;
    promise_of<event_batch> promise;

    // A viewer that never said who it is stays.
    bool left() const {
      const std::weak_ptr<const void> nobody;
      const bool named = ask.viewer.owner_before(nobody) || nobody.owner_before(ask.viewer);
      return named && ask.viewer.expired();
    }
  };

  void forget_the_gone() {
    if (waiting_.size() < look_again_)
      return;
    for (auto& v : waiting_)
      if (v.left())
        v.promise.deliver(fail(errc::not_found, "the viewer has left"));
    std::erase_if(waiting_, [](const viewer& v) { return v.left(); });
    look_again_ = std::max(few, 2 * waiting_.size());
  }

  std::unique_ptr<event_log> log_;
  std::vector<viewer> waiting_;
  std::size_t look_again_ = few;
};

} // namespace behalf::runs
