// An event log, and the viewers that wait for its next event.
#pragma once

#include "actors/basics.hpp"
#include "actors/runs/event_log.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace behalf::runs {

/// Part of the actor that writes the log. Viewers that have left are forgotten when there are twice
/// as many as the last time.
class watched_log {
public:
  /// `replays`: who comes later is told all, not what others have not read yet.
  explicit watched_log(std::unique_ptr<event_log> log = nullptr, bool replays = true)
    : log_(std::move(log)), replays_(replays) {}

  event_log& operator*() { return *log_; }
  event_log* operator->() { return log_.get(); }

  /// The answer to `next_events`; later, if there is nothing to say yet.
  template <class Self>
  caf::result<event_batch> next(Self* self, next_events m) {
    auto batch = log_->read(m.after, m.max);
    if (batch.says_nothing())
      m.after = batch.last_seq; // a request for new events only gets a fixed start
    if (!replays_)
      forget_what_is_read(m);
    if (!batch.says_nothing())
      return batch;
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
  using identity = std::weak_ptr<const void>;
  static constexpr std::size_t few = 64;

  struct viewer {
    next_events ask;
    promise_of<event_batch> promise;
  };

  // One that never said who it is stays.
  static bool has_left(const identity& who) {
    const identity nobody;
    return (who.owner_before(nobody) || nobody.owner_before(who)) && who.expired();
  }

  void forget_the_gone() {
    if (waiting_.size() < look_again_)
      return;
    for (auto& v : waiting_)
      if (has_left(v.ask.viewer))
        v.promise.deliver(fail(errc::not_found, "the viewer has left"));
    std::erase_if(waiting_, [](const viewer& v) { return has_left(v.ask.viewer); });
    forget_readers();
    look_again_ = std::max(few, 2 * waiting_.size());
  }

  void forget_readers() {
    std::erase_if(read_, [](const auto& one) { return has_left(one.first); });
  }

  // Whoever asks has read what is before. Some events at a time where there are several, as all
  // of them are looked at. The first ones wait for whom the run was begun for: another may ask
  // before.
  void forget_what_is_read(const next_events& ask) {
    read_[ask.viewer] = ask.after;
    if (read_.size() == 1 && ask.after >= static_cast<int64_t>(few))
      return log_->forget(ask.after);
    if (ask.after < forget_at_)
      return;
    forget_readers();
    auto by_all = ask.after;
    for (const auto& [who, read] : read_)
      by_all = std::min(by_all, read);
    log_->forget(by_all);
    forget_at_ = ask.after + static_cast<int64_t>(few);
  }

  std::unique_ptr<event_log> log_;
  bool replays_;
  std::vector<viewer> waiting_;
  std::size_t look_again_ = few;
  std::map<identity, int64_t, std::owner_less<identity>> read_; // of each viewer, its last event
  int64_t forget_at_ = few;
};

} // namespace behalf::runs
