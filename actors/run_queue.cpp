#include "actors/run_queue.hpp"

#include <algorithm>

namespace behalf {

run_queue::run_ids run_queue::add(const std::string& thread, const std::string& run, time_point due,
                                  time_point now) {
  run_ids started;
  threads_by_run_[run] = thread;
  lanes_[thread].waiting.emplace(due, run);
  if (due > now)
    timers_.emplace(due, thread);
  try_start(thread, now, started);
  return started;
}

run_queue::run_ids run_queue::end(const std::string& run, time_point now) {
  run_ids started;
  auto known = threads_by_run_.extract(run);
  if (known.empty())
    return started;
  const auto& thread = known.mapped();
  auto& lane = lanes_[thread];
  if (lane.running == run) {
    lane.running.reset();
    --running_;
  } else {
    std::erase_if(lane.waiting, [&](const auto& entry) { return entry.second == run; });
  }
  if (!lane.running && lane.waiting.empty() && !lane.parked)
    lanes_.erase(thread);
  else
    try_start(thread, now, started);
  fill_slots(now, started);
  return started;
}

run_queue::run_ids run_queue::end_holding(const std::string& run, time_point now) {
  if (is_running(run)) {
    holding_.insert(run);
    ++running_; // against the one that `end` takes off
  }
  return end(run, now);
}

run_queue::run_ids run_queue::returned(const std::string& run, time_point now) {
  run_ids started;
  if (holding_.erase(run) > 0) {
    --running_;
    fill_slots(now, started);
  }
  return started;
}

void run_queue::fill_slots(time_point now, run_ids& started) {
  while (running_ < slots_ && !parked_.empty()) {
    auto next = std::move(parked_.front());
    parked_.pop_front();
    lanes_[next].parked = false;
    try_start(next, now, started);
  }
}

run_queue::run_ids run_queue::wake(time_point now) {
  run_ids started;
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto thread = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    try_start(thread, now, started);
  }
  return started;
}

void run_queue::try_start(const std::string& thread, time_point now, run_ids& started) {
  auto found = lanes_.find(thread);
  if (found == lanes_.end())
    return;
  auto& lane = found->second;
  if (lane.waiting.empty() && !lane.running) {
    lanes_.erase(found);
    return;
  }
  if (lane.running || lane.parked || lane.waiting.begin()->first > now)
    return;
  if (running_ >= slots_) {
    lane.parked = true;
    parked_.push_back(thread);
    return;
  }
  lane.running = std::move(lane.waiting.begin()->second);
  lane.waiting.erase(lane.waiting.begin());
  ++running_;
  started.push_back(*lane.running);
}

bool run_queue::is_running(const std::string& run) const {
  auto thread = threads_by_run_.find(run);
  if (thread == threads_by_run_.end())
    return false;
  auto lane = lanes_.find(thread->second);
  return lane != lanes_.end() && lane->second.running == run;
}

run_queue::run_ids run_queue::inflight(const std::string& thread) const {
  run_ids all;
  auto lane = lanes_.find(thread);
  if (lane == lanes_.end())
    return all;
  if (lane->second.running)
    all.push_back(*lane->second.running);
  for (const auto& [due, run] : lane->second.waiting)
    all.push_back(run);
  return all;
}

std::optional<time_point> run_queue::next_due() const {
  if (timers_.empty())
    return std::nullopt;
  return timers_.begin()->first;
}

} // namespace behalf
