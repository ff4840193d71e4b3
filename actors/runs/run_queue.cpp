#include "actors/runs/run_queue.hpp"

#include <algorithm>

namespace behalf::runs {

std::string run_queue::key_of(const std::string& tenant, const std::string& thread_id) {
  return std::to_string(tenant.size()) + ':' + tenant + thread_id;
}

bool run_queue::may_take(std::size_t has, std::size_t free, double share) {
  return free > 0 && static_cast<double>(has) * (1 - share) < static_cast<double>(free) * share;
}

run_queue::usage run_queue::of(const usages& all, const std::string& whose) {
  auto found = all.find(whose);
  return found == all.end() ? usage{} : found->second;
}

// Changes the usage of a user or tenant, and drops the entry when it is empty.
template <class Change>
void run_queue::count(const std::string& tenant, const std::string& user, Change change) {
  auto on = [&](usages& all, const std::string& whose) {
    auto at = all.try_emplace(whose).first;
    change(at->second);
    if (at->second.nothing())
      all.erase(at);
  };
  on(tenants_, tenant);
  on(users_, user);
}

result<void> run_queue::check_capacity(const principal_key& who, bool delayed) const {
  auto full = [](std::string what) {
    return fail(errc::overloaded, "The server has as many " + what + " as it can hold",
                "Retry-After", "1");
  };
  auto over = [](std::string_view whose, std::string_view what) {
    return fail(errc::too_many,
                "This " + std::string(whose) + " has as many " + std::string(what)
                  + " as its share allows",
                "Retry-After", "1");
  };
  auto user = of(users_, who.text()), tenant = of(tenants_, who.tenant);
  if (delayed) {
    auto free = options_.delayed - std::min(options_.delayed, timers_.size() + expected_delayed_);
    if (free == 0)
      return full("delayed runs");
    if (user.delayed >= options_.delayed_per_user)
      return over("user", "delayed runs");
    if (!may_take(tenant.delayed, free, options_.tenant_share))
      return over("tenant", "delayed runs");
    return {};
  }
  auto now = runs_.size() - timers_.size() + holding_.size() + expected_;
  auto free = options_.capacity - std::min(options_.capacity, now);
  if (free == 0)
    return full("runs");
  if (!may_take(user.runs, free, options_.user_share))
    return over("user", "runs");
  if (!may_take(tenant.runs, free, options_.tenant_share))
    return over("tenant", "runs");
  return {};
}

result<void> run_queue::check_thread_capacity(const std::string& tenant,
                                              const std::string& thread_id) const {
  auto at = threads_.find(key_of(tenant, thread_id));
  if (at == threads_.end() || at->second.runs() + at->second.expected < options_.per_thread)
    return {};
  return fail(errc::too_many, "This thread has as many runs as it can hold", "Retry-After", "1");
}

void run_queue::expect(const principal_key& who, const std::string& thread_id, bool delayed) {
  ++(delayed ? expected_delayed_ : expected_);
  ++threads_[key_of(who.tenant, thread_id)].expected;
  count(who.tenant, who.text(), [&](usage& h) { ++(delayed ? h.delayed : h.runs); });
}

void run_queue::arrived(const principal_key& who, const std::string& thread_id, bool delayed) {
  --(delayed ? expected_delayed_ : expected_);
  auto at = threads_.find(key_of(who.tenant, thread_id));
  --at->second.expected;
  if (at->second.nothing())
    threads_.erase(at);
  count(who.tenant, who.text(), [&](usage& h) { --(delayed ? h.delayed : h.runs); });
}

bool run_queue::may_run(const std::string& tenant, const std::string& user) const {
  return may_take(of(tenants_, tenant).running, free_slots(), options_.tenant_share)
         && may_take(of(users_, user).running, free_slots(), options_.user_share);
}

// While a slot is free, those in line are over their share.
bool run_queue::would_start(const principal_key& who) const {
  return may_run(who.tenant, who.text());
}

run_queue::run_ids run_queue::add(queued_run run, time_point now) {
  run_ids started;
  auto id = run.run_id;
  auto* in = &*threads_.try_emplace(key_of(run.who.tenant, run.thread_id)).first;
  auto user = run.who.text();
  auto [at, added] = runs_.emplace(id, entry{std::move(run), in, std::move(user)});
  if (!added)
    return started;
  auto& p = at->second;
  if (p.run.due && *p.run.due > now) {
    p.delayed = true;
    timers_.emplace(*p.run.due, id);
    in->second.delayed.emplace(*p.run.due, id);
    count(p.run.who.tenant, p.user, [](usage& h) { ++h.delayed; });
    return started;
  }
  if (p.run.suspect)
    suspects_.push_back(id);
  make_ready(p);
  try_start(in->second, started);
  return started;
}

run_queue::run_ids run_queue::end(const std::string& run_id) {
  run_ids started;
  auto node = runs_.extract(run_id);
  if (node.empty())
    return started;
  auto& p = node.mapped();
  auto& l = p.in->second;
  auto ran = l.running == run_id;
  count(p.run.who.tenant, p.user, [&](usage& h) {
    h.running -= ran;
    h.delayed -= p.delayed;
    h.runs -= !p.delayed;
  });
  if (ran) {
    l.running.clear();
    --running_;
  } else if (p.delayed) {
    timers_.erase({*p.run.due, run_id});
    l.delayed.erase({*p.run.due, run_id});
  } else {
    if (l.waits && l.next() == run_id) {
      waiting_.remove(*l.waits); // the thread's next run may be another user's
      l.waits.reset();
    }
    l.ready.erase(p.position);
  }
  if (l.nothing())
    threads_.erase(std::string(p.in->first));
  else
    try_start(l, started);
  if (p.run.suspect)
    next_suspect(run_id, started);
  fill_slots(started);
  return started;
}

run_queue::run_ids run_queue::end_holding(const std::string& run_id) {
  if (is_running(run_id)) {
    const auto& p = runs_.at(run_id);
    holding_.emplace(run_id, std::pair{p.run.who.tenant, p.user});
    count(p.run.who.tenant, p.user, [](usage& h) { // `end` takes it off again
      ++h.runs;
      ++h.running;
    });
    ++running_;
  }
  return end(run_id);
}

run_queue::run_ids run_queue::returned(const std::string& run_id) {
  run_ids started;
  auto held = holding_.extract(run_id);
  if (held.empty())
    return started;
  --running_;
  count(held.mapped().first, held.mapped().second, [](usage& h) {
    --h.runs;
    --h.running;
  });
  fill_slots(started);
  return started;
}

run_queue::run_ids run_queue::wake(time_point now) {
  run_ids started;
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto due = timers_.extract(timers_.begin());
    auto& p = runs_.at(due.value().second);
    p.in->second.delayed.erase(due.value());
    p.delayed = false;
    count(p.run.who.tenant, p.user, [](usage& h) {
      --h.delayed;
      ++h.runs; // first: an entry with this run alone would be dropped in between
    });
    queue_up(p);
    try_start(p.in->second, started);
  }
  return started;
}

run_queue::run_ids run_queue::cleared(const std::string& run_id) {
  run_ids started;
  auto found = runs_.find(run_id);
  if (found == runs_.end() || !std::exchange(found->second.run.suspect, false))
    return started;
  next_suspect(run_id, started);
  return started;
}

run_queue::run_ids run_queue::passed(const std::string& run_id) {
  run_ids started;
  if (suspect_ != run_id || !is_running(run_id))
    return started;
  std::erase(suspects_, run_id);
  passed_.insert(run_id);
  next_suspect(run_id, started);
  return started;
}

void run_queue::make_ready(entry& p) {
  count(p.run.who.tenant, p.user, [](usage& h) { ++h.runs; });
  queue_up(p);
}

void run_queue::queue_up(entry& p) {
  p.position = ++last_position_;
  p.in->second.ready.emplace(p.position, p.run.run_id);
}

// Starts the thread's next run, or puts it in line for a slot.
void run_queue::try_start(thread_runs& l, run_ids& started) {
  if (!l.running.empty() || l.waits || l.ready.empty())
    return;
  const auto& p = runs_.at(l.next());
  if (p.run.suspect) {
    if (!suspect_.empty() && suspect_ != p.run.run_id)
      return; // next_suspect starts it later
    suspect_ = p.run.run_id;
  }
  if (waiting_.empty() && may_run(p.run.who.tenant, p.user))
    return start(l, started);
  l.waits = waiting_.push(p.run.who.tenant, p.user, 1, &l);
  fill_slots(started);
}

void run_queue::start(thread_runs& l, run_ids& started) {
  l.running = std::move(l.ready.begin()->second);
  l.ready.erase(l.ready.begin());
  ++running_;
  const auto& p = runs_.at(l.running);
  count(p.run.who.tenant, p.user, [](usage& h) { ++h.running; });
  started.push_back(l.running);
}

void run_queue::fill_slots(run_ids& started) {
  while (free_slots() > 0) {
    auto next = waiting_.pop(
      [this](const std::string& tenant) {
        return may_take(of(tenants_, tenant).running, free_slots(), options_.tenant_share);
      },
      [this](const std::string&, const std::string& user) {
        return may_take(of(users_, user).running, free_slots(), options_.user_share);
      });
    if (!next)
      return;
    (*next)->waits.reset();
    start(**next, started);
  }
}

void run_queue::next_suspect(const std::string& after, run_ids& started) {
  if (suspect_ == after)
    suspect_.clear();
  if (const auto at = runs_.find(after); at == runs_.end() || !at->second.run.suspect)
    passed_.erase(after);
  std::erase_if(suspects_, [this](const std::string& id) {
    auto at = runs_.find(id);
    return at == runs_.end() || !at->second.run.suspect;
  });
  for (const auto& id : suspects_) {
    if (!suspect_.empty())
      return;
    auto& l = runs_.at(id).in->second;
    if (!l.ready.empty() && l.next() == id)
      try_start(l, started);
  }
}

const queued_run* run_queue::find(const std::string& run_id) const {
  auto at = runs_.find(run_id);
  return at == runs_.end() ? nullptr : &at->second.run;
}

bool run_queue::is_running(const std::string& run_id) const {
  auto at = runs_.find(run_id);
  return at != runs_.end() && at->second.in->second.running == run_id;
}

run_queue::run_ids run_queue::inflight(const std::string& tenant,
                                       const std::string& thread_id) const {
  run_ids all;
  auto at = threads_.find(key_of(tenant, thread_id));
  if (at == threads_.end())
    return all;
  const auto& l = at->second;
  if (!l.running.empty())
    all.push_back(l.running);
  for (const auto& [position, run] : l.ready)
    all.push_back(run);
  for (const auto& [due, run] : l.delayed)
    all.push_back(run);
  return all;
}

std::vector<std::string> run_queue::threads_of(const principal_key& who) const {
  std::set<std::string> threads;
  if (const auto user = who.text(); !of(users_, user).nothing())
    for (const auto& [id, p] : runs_)
      if (p.user == user)
        threads.insert(p.run.thread_id);
  return {threads.begin(), threads.end()};
}

std::size_t run_queue::active_run_count(const std::string& tenant,
                                        const std::string& thread_id) const {
  auto at = threads_.find(key_of(tenant, thread_id));
  return at == threads_.end() ? 0 : at->second.runs();
}

} // namespace behalf::runs
