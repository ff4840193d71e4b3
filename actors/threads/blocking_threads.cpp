#include "actors/threads/blocking_threads.hpp"

#include "runtime/base/log.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace behalf::threads {
namespace {

constexpr std::chrono::seconds linger{10};      // a worker without work ends after this
constexpr std::chrono::seconds next_attempt{1}; // at starting a thread, after a failure

} // namespace

blocking_threads::blocking_threads(boost::asio::io_context& io, std::size_t most, metrics& meters,
                                   start_fn start)
  : most_(most), running_(meters.gauge("behalf_blocking_turns", "Turns on threads that may block")),
    queued_(meters.gauge("behalf_blocking_turns_waiting", "Turns that wait for such a thread")),
    start_(std::move(start)), again_(io) {}

blocking_threads::~blocking_threads() {
  stop(deadline::max());
}

void blocking_threads::run(const principal_key& who, const activity& what, work job) {
  std::lock_guard lock{guard_};
  if (stopping_)
    return;
  auto user = who.text();
  queue_.push(who.tenant, user, 1, {&what, user, std::move(job)});
  queued_.set(static_cast<double>(queue_.size()));
  join_ended();
  if (!short_ && queue_.size() > idle_ && threads_.size() < most_ && !start_one())
    try_later();
  changed_.notify_one();
}

bool blocking_threads::start_one() {
  auto me = threads_.emplace(threads_.end());
  try {
    me->thread = start_([this, me] { serve(me); });
  } catch (const std::system_error&) {
    threads_.erase(me);
    return false;
  }
  return true;
}

// Out of threads or memory: when no worker runs, nothing else would start the waiting work.
void blocking_threads::try_later() {
  if (!std::exchange(short_, true))
    log::error("blocking_thread_not_started", {{"threads", threads_.size()}});
  again_.expires_after(next_attempt);
  again_.async_wait([this](boost::system::error_code ec) {
    if (!ec)
      start_wanted();
  });
}

void blocking_threads::start_wanted() {
  std::lock_guard lock{guard_};
  if (stopping_)
    return;
  auto wanted = queue_.size() > idle_ ? queue_.size() - idle_ : 0;
  for (wanted = std::min(wanted, most_ - threads_.size()); wanted > 0; --wanted)
    if (!start_one())
      return try_later();
  short_ = false;
}

void blocking_threads::join_ended() {
  for (auto& one : ended_)
    one.thread.join();
  ended_.clear();
}

// The next work whose user has less than their share.
std::optional<blocking_threads::waiting> blocking_threads::take() {
  auto may = [&](const std::string&, const std::string& user) {
    auto has = busy_of_.find(user);
    return within_share(has == busy_of_.end() ? 0 : has->second, most_ - busy_);
  };
  auto next = queue_.pop([](const std::string&) { return true; }, may);
  if (next) {
    ++busy_;
    ++busy_of_[next->user];
  }
  running_.set(static_cast<double>(busy_));
  queued_.set(static_cast<double>(queue_.size()));
  return next;
}

void blocking_threads::done(const waiting& what) {
  --busy_;
  auto has = busy_of_.find(what.user);
  if (--has->second == 0)
    busy_of_.erase(has);
  running_.set(static_cast<double>(busy_));
  if (!queue_.empty())
    changed_.notify_all(); // shares have grown
}

void blocking_threads::serve(workers::iterator me) {
  std::unique_lock lock{guard_};
  for (;;) {
    ++idle_;
    std::optional<waiting> next;
    changed_.wait_for(lock, linger, [&] { return stopping_ || (next = take()); });
    --idle_;
    if (!next)
      break;
    me->at = next->what;
    lock.unlock();
    auto begun = std::chrono::steady_clock::now();
    next->job();
    next->job = nullptr; // destroys its captures before it counts as returned
    next->what->took(std::chrono::steady_clock::now() - begun);
    lock.lock();
    me->at = nullptr;
    done(*next);
  }
  ended_.splice(ended_.end(), threads_, me);
  changed_.notify_all();
}

bool blocking_threads::stop(deadline by) {
  std::unique_lock lock{guard_};
  stopping_ = true;
  while (auto dropped = queue_.pop()) {
    lock.unlock(); // destructors of its captures may call back
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

} // namespace behalf::threads
