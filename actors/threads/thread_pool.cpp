#include "actors/threads/thread_pool.hpp"

#include "runtime/base/log.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <system_error>

namespace behalf::threads {
namespace {

constexpr std::chrono::milliseconds tick{10}; // the monitor's period while turns begin and end
constexpr std::chrono::milliseconds heartbeat{500};  // the same while none does
constexpr std::chrono::milliseconds spare_rest{100}; // how often a spare checks whether to return
constexpr std::chrono::seconds linger{1}; // spares stay so long after the last thread was held
constexpr std::size_t for_the_end = 2;    // spares reserved for stopping

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

} // namespace

thread_pool::thread_pool(boost::asio::io_context& io, metrics& meters, adopt_fn adopt)
  : io_(io), adopt_(std::move(adopt)),
    lent_total_(meters.counter("behalf_spare_threads_lent_total",
                               "Threads lent to the pool because one of its own was held")),
    lent_now_(meters.gauge("behalf_spare_threads", "Threads lent to the pool now")),
    allowed_(meters.gauge("behalf_spare_threads_allowed", "Most threads lent to the pool at once")),
    longest_(meters.gauge("behalf_longest_turn_seconds",
                          "The longest that one turn has held a thread of the pool")) {}

thread_pool::~thread_pool() {
  stop(deadline::max());
}

void thread_pool::start(pool_options options) {
  std::lock_guard lock{guard_};
  io_.restart();
  stopping_ = false;
  spares_ = options.spares;
  allowed_.set(static_cast<double>(spares_));
  while (seats_.size() < options.threads + options.spares + for_the_end) {
    auto& seat = seats_.emplace_back();
    seat.monitor_sleeps_ = &monitor_sleeps_;
    seat.wake_monitor_ = [this] { wake(); };
  }
  for (std::size_t i = 0; i < options.threads; ++i)
    start_thread(*free_seat(), false);
  monitor_ = std::thread{[this] { monitor(); }};
}

void thread_pool::reserve_for_the_end() {
  std::lock_guard lock{guard_};
  spares_ += for_the_end;
}

bool thread_pool::stop(deadline by) {
  std::unique_lock lock{guard_};
  stopping_ = true;
  changed_.notify_all();
  lock.unlock();
  if (monitor_.joinable())
    monitor_.join();
  io_.stop();
  lock.lock();
  auto all_returned = [&] {
    return std::all_of(seats_.begin(), seats_.end(),
                       [](const pool_seat& s) { return !s.taken_ || s.returned_; });
  };
  if (by == deadline::max())
    changed_.wait(lock, all_returned);
  else
    changed_.wait_until(lock, by, all_returned);
  bool all = true;
  for (auto& seat : seats_) {
    if (!seat.taken_)
      continue;
    if (!seat.returned_) {
      const auto* what = seat.what_.load(std::memory_order_acquire);
      log::error("thread_did_not_return", {{"held_by", what ? what->name() : "an actor"}});
      all = false;
      continue;
    }
    seat.thread_.join();
    seat.taken_ = false;
  }
  lent_ = leaving_ = 0;
  lent_now_.set(0);
  return all;
}

std::size_t thread_pool::lent() const {
  std::lock_guard lock{guard_};
  return lent_;
}

// --- the threads -----------------------------------------------------------------------------

pool_seat* thread_pool::free_seat() {
  for (auto& seat : seats_)
    if (!seat.taken_)
      return &seat;
  return nullptr;
}

void thread_pool::start_thread(pool_seat& seat, bool spare) {
  seat.spare_ = spare;
  seat.returned_ = false;
  seat.noticed_ = false;
  seat.leave_ = false;
  seat.since_ = std::chrono::steady_clock::now();
  seat.thread_ = std::thread{[this, &seat] { serve(seat); }};
  seat.taken_ = true;
}

void thread_pool::serve(pool_seat& seat) {
  pool_seat::mine_ = &seat;
  if (!seat.spare_)
    io_.run();
  while (seat.spare_ && !seat.leave_.load(std::memory_order_relaxed) && !io_.stopped())
    io_.run_one_for(spare_rest);
  pool_seat::mine_ = nullptr;
  std::lock_guard lock{guard_};
  seat.returned_ = true;
  changed_.notify_all();
}

// --- the monitor -------------------------------------------------------------------------------

void thread_pool::wake() {
  if (!monitor_sleeps_.exchange(false, std::memory_order_relaxed))
    return;
  std::lock_guard lock{guard_};
  changed_.notify_all();
}

// Looks at every tick while turns begin or end. While none does it sleeps until the first turn that
// begins wakes it, or until the next heartbeat.
void thread_pool::monitor() {
  std::unique_lock lock{guard_};
  while (!stopping_) {
    monitor_sleeps_.store(quiet_, std::memory_order_relaxed);
    auto on_time = !changed_.wait_for(lock, quiet_ ? heartbeat : tick, [&] {
      return stopping_ || (quiet_ && !monitor_sleeps_.load(std::memory_order_relaxed));
    });
    monitor_sleeps_.store(false, std::memory_order_relaxed);
    if (!stopping_)
      look(on_time);
  }
}

void thread_pool::look(bool on_time) {
  const auto now = std::chrono::steady_clock::now();
  std::size_t held = 0, resting = 0;
  auto busy = false;
  auto before = progressed_;
  for (auto& seat : seats_) {
    if (!seat.taken_ || seat.returned_)
      continue;
    if (is_held(seat, now))
      ++held;
    else if (seat.seen_ % 2 == 0)
      ++resting;
    busy = busy || seat.seen_ % 2 == 1;
  }
  // Threads outside a turn that do not run the probe are held by something that is no actor.
  if (probe_is_stuck(now))
    held += resting;
  auto progress = progressed_ != before;
  if (probe_done_->load(std::memory_order_acquire) && (progress || busy || (quiet_ && on_time))) {
    probe_done_->store(false, std::memory_order_relaxed);
    probed_ = now;
    boost::asio::post(io_, [done = probe_done_] { done->store(true, std::memory_order_release); });
  }
  balance(held, now);
  quiet_ = !progress && !busy && lent_ == 0 && probe_done_->load(std::memory_order_acquire);
}

bool thread_pool::is_held(pool_seat& seat, deadline now) {
  auto turns = seat.turns_.load(std::memory_order_acquire);
  if (turns != seat.seen_) {
    seat.seen_ = turns;
    seat.since_ = progressed_ = now;
    seat.noticed_ = false;
  }
  if (turns % 2 == 0 || now - seat.since_ < activity::held_after)
    return false;
  notice(seat, now);
  return true;
}

void thread_pool::notice(pool_seat& seat, deadline now) {
  longest_.set(std::max(longest_.value(), seconds(now - seat.since_)));
  std::vector<caf::resumable*> left;
  {
    std::lock_guard lock{seat.guard_};
    left.swap(seat.deferred_);
  }
  if (!left.empty())
    adopt_(std::move(left));
  if (std::exchange(seat.noticed_, true))
    return;
  const auto* what = seat.what_.load(std::memory_order_acquire);
  if (seat.turns_.load(std::memory_order_acquire) != seat.seen_)
    return; // the turn is over, and `what` may belong to the next one
  auto first = what ? what->held_a_thread() : !std::exchange(told_of_others_, true);
  if (first)
    log::warning("thread_held", {{"by", what ? what->name() : "an actor"},
                                 {"ms", static_cast<int64_t>(seconds(now - seat.since_) * 1000)}});
}

bool thread_pool::probe_is_stuck(deadline now) const {
  return !probe_done_->load(std::memory_order_acquire) && now - probed_ >= activity::held_after
         && progressed_ <= probed_;
}

void thread_pool::balance(std::size_t held, deadline now) {
  auto wanted = std::min(held, spares_);
  if (held > spares_ && !std::exchange(used_up_, true))
    log::warning("spare_threads_used_up", {{"held", held}, {"spare", spares_}});
  used_up_ = held > spares_;
  if (wanted >= lent_ - leaving_)
    needed_ = now;
  while (wanted > lent_ - leaving_ && start_spare())
    ;
  while (wanted < lent_ - leaving_ && now - needed_ >= linger && retire_spare())
    ;
  collect();
  lent_now_.set(static_cast<double>(lent_));
}

// Joins the spares that have returned.
void thread_pool::collect() {
  for (auto& seat : seats_)
    if (seat.taken_ && seat.spare_ && seat.returned_) {
      seat.thread_.join();
      seat.taken_ = false;
      --lent_;
      --leaving_;
    }
}

bool thread_pool::start_spare() {
  auto* seat = free_seat();
  if (!seat)
    return false;
  try {
    start_thread(*seat, true);
  } catch (const std::system_error&) {
    log::error("spare_thread_not_started");
    return false;
  }
  ++lent_;
  lent_total_.add();
  return true;
}

// Tells a spare that is not held to return.
bool thread_pool::retire_spare() {
  for (auto& seat : seats_)
    if (seat.taken_ && seat.spare_ && !seat.noticed_ && !seat.leave_.exchange(true)) {
      ++leaving_;
      return true;
    }
  return false;
}

} // namespace behalf::threads
