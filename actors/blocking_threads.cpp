#include "actors/blocking_threads.hpp"

#include "runtime/base/log.hpp"

#include <system_error>
#include <utility>

namespace behalf {
namespace {

constexpr std::chrono::seconds linger{10}; // a thread's without work

} // namespace

blocking_threads::blocking_threads(std::size_t most, metrics& meters)
  : most_(most), running_(meters.gauge("behalf_blocking_turns", "Turns on threads that may block")),
    queued_(meters.gauge("behalf_blocking_turns_waiting", "Turns that wait for such a thread")) {}

blocking_threads::~blocking_threads() {
  stop(deadline::max());
}

void blocking_threads::run(const principal_key& who, const activity& what, work job) {
  std::lock_guard lock{guard_};
  if (stopping_)
    return;
  queue_.push(who.tenant, who.issuer + '\n' + who.subject, 1, {&what, std::move(job)});
  queued_.set(static_cast<double>(queue_.size()));
  join_ended();
  if (queue_.size() > idle_ && threads_.size() < most_)
    start_one();
  changed_.notify_one();
}

void blocking_threads::start_one() {
  auto me = threads_.emplace(threads_.end());
  try {
    me->thread = std::thread{[this, me] { serve(me); }};
  } catch (const std::system_error&) { // those there are will come to it
    threads_.erase(me);
    log::error("blocking_thread_not_started", {{"threads", threads_.size()}});
  }
}

void blocking_threads::join_ended() {
  for (auto& one : ended_)
    one.thread.join();
  ended_.clear();
}

void blocking_threads::serve(workers::iterator me) {
  std::unique_lock lock{guard_};
  for (;;) {
    ++idle_;
    auto wanted = changed_.wait_for(lock, linger, [&] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (!wanted || stopping_)
      break;
    auto next = queue_.pop();
    queued_.set(static_cast<double>(queue_.size()));
    me->at = next->what;
    running_.add(1);
    lock.unlock();
    auto begun = std::chrono::steady_clock::now();
    next->job();
    next->job = nullptr; // what it holds goes before it counts as returned
    next->what->took(std::chrono::steady_clock::now() - begun);
    lock.lock();
    running_.add(-1);
    me->at = nullptr;
  }
  ended_.splice(ended_.end(), threads_, me);
  changed_.notify_all();
}

bool blocking_threads::stop(deadline by) {
  std::unique_lock lock{guard_};
  stopping_ = true;
  while (auto dropped = queue_.pop()) {
    lock.unlock(); // what it holds may have to say that it is gone
    dropped.reset();
    lock.lock();
  }
  changed_.notify_all();
  auto none_left = [&] { return threads_.empty(); };
  if (by == deadline::max())
    changed_.wait(lock, none_left);
  else
    changed_.wait_until(lock, by, none_left);
  for (const auto& one : threads_)
    log::error("node_did_not_return", {{"held_by", one.at ? one.at->name() : "nobody"}});
  join_ended();
  return threads_.empty();
}

} // namespace behalf
