// Every run starts here: checked against its thread, made durable, then executed when its turn
// comes. Knows which runs are live and where they can be watched.
#include "actors/basics.hpp"
#include "actors/run_plan.hpp"
#include "actors/run_queue.hpp"
#include "actors/spawn.hpp"
#include "actors/thread_updates.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <unordered_map>

namespace behalf {
namespace {

constexpr int most_attempts_to_write = 16;
constexpr std::chrono::milliseconds tick{500};

// A run that is waiting, executing, or over but still being watched.
struct live_run {
  run_plan_ptr plan;
  run_supervisor_actor supervisor;
  load_ptr load;
  time_point started{}; // executing since
  time_point ended{};   // over since; kept for viewers that come back
};

struct scheduler_state {
  static inline const char* name = "scheduler";
  scheduler_state() : queue(1, 1) {}

  core_ptr with;
  run_queue queue;
  limiter limits;
  std::unordered_map<std::string, live_run> runs;
  std::unordered_map<std::string, principal_key> holding; // whose runs are over and keep a slot
  std::unordered_map<std::string, std::weak_ptr<thread_load>> loads; // by thread
  bool parking = false; // the server is stopping: nothing starts any more
  metric *pending = nullptr, *running = nullptr, *created = nullptr;
};

using scheduler_pointer = scheduler_actor::stateful_pointer<scheduler_state>;
using ref_promise = caf::typed_response_promise<run_ref>;

// One start_run on its way through reading, checking and writing.
struct starting {
  start_run ask;
  ref_promise promise;
  int attempts = 0;
  bool counted = false; // against the limits of user and tenant
};
using starting_ptr = std::shared_ptr<starting>;

void give_up(scheduler_pointer self, const starting_ptr& job, error why) {
  if (job->counted)
    self->state.limits.end_run(job->ask.plan->who->key());
  job->promise.deliver(to_caf(std::move(why)));
}

void gauge(scheduler_pointer self) {
  auto& s = self->state;
  s.pending->set(static_cast<int64_t>(s.queue.pending()));
  s.running->set(static_cast<int64_t>(s.queue.running()));
}

void execute(scheduler_pointer self, const run_queue::run_ids& started) {
  if (self->state.parking)
    return;
  for (const auto& id : started) {
    auto& run = self->state.runs.at(id);
    run.started = now();
    self->send(run.supervisor, execute_run{});
  }
  gauge(self);
}

load_ptr load_of(scheduler_pointer self, const std::string& thread) {
  auto& slot = self->state.loads[thread];
  auto load = slot.lock();
  if (!load) {
    load = std::make_shared<thread_load>();
    slot = load;
  }
  return load;
}

bool starts_now(scheduler_pointer self, const run_plan& plan) {
  const auto& s = self->state;
  return plan.created_at <= now() && s.queue.running() < s.with->options.runs.slots;
}

// The run is durable: from here on it will execute, whatever happens to the client.
run_ref launch(scheduler_pointer self, run_plan_ptr plan, presented_ptr credentials,
               sealed_ptr sealed) {
  auto& s = self->state;
  auto load = load_of(self, plan->thread_id);
  load->add();
  live_run run{plan,
               spawn_run_supervisor(self->system(), s.with, plan, load, scheduler_actor{self},
                                    std::move(credentials), std::move(sealed)),
               load};
  run_ref ref{plan, run.supervisor};
  s.runs.emplace(plan->run_id, std::move(run));
  s.created->add();
  execute(self, s.queue.add(plan->thread_id, plan->run_id, plan->created_at, now()));
  return ref;
}

void start(scheduler_pointer self, starting_ptr job);

void write(scheduler_pointer self, starting_ptr job, commit what) {
  ask_core(
    self, self->state.with->writer, write_records{std::move(what)},
    [self, job](written) {
      job->ask.plan->forget_the_request();
      job->promise.deliver(
        launch(self, job->ask.plan, std::move(job->ask.credentials), std::move(job->ask.sealed)));
    },
    [self, job](error why) {
      // Somebody changed the thread between our read and our write: look again.
      if (why.code == errc::conflict && !job->ask.stateless
          && ++job->attempts < most_attempts_to_write)
        return start(self, job);
      give_up(self, job, std::move(why));
    });
}

// Ends what is in the way, as the strategy says; nullopt when nothing is, or nothing need be.
std::optional<stop_runs> obstacle(scheduler_pointer self, const run_plan& plan) {
  if (plan.multitask_strategy != "interrupt" && plan.multitask_strategy != "rollback")
    return std::nullopt;
  auto inflight = self->state.queue.inflight(plan.thread_id);
  if (inflight.empty())
    return std::nullopt;
  stop_runs stop;
  stop.tenant = plan.who->tenant;
  stop.thread_id = plan.thread_id;
  stop.run_ids = std::move(inflight);
  stop.rollback = plan.multitask_strategy == "rollback";
  return stop;
}

void on_thread(scheduler_pointer self, starting_ptr job, const found_record& found) {
  auto& plan = *job->ask.plan;
  const auto hidden = fail(errc::not_found, "Thread or assistant not found.");
  if (!found.row && !job->ask.create_thread)
    return give_up(self, job, hidden);
  if (found.row && !job->ask.visible.matches(found.row->metadata))
    return give_up(self, job, hidden);
  auto busy = !self->state.queue.inflight(plan.thread_id).empty();
  if (busy && plan.multitask_strategy == "reject")
    return give_up(self, job,
                   fail(errc::conflict,
                        "Thread is already running a task. Wait for it to finish or choose a "
                        "different multitask strategy."));
  if (auto stop = obstacle(self, plan)) {
    ask_core(
      self, scheduler_actor{self}, std::move(*stop),
      [self, job](runs_stopped) { start(self, job); },
      [self, job](error why) { give_up(self, job, std::move(why)); });
    return;
  }
  write(self, job,
        creation(*self->state.with, plan, found.row.get(), job->ask.visible, busy,
                 !busy && starts_now(self, plan)));
}

void start(scheduler_pointer self, starting_ptr job) {
  auto& s = self->state;
  auto who = job->ask.plan->who->key();
  if (!job->counted) {
    if (auto ok = s.limits.begin_run(who, now()); !ok)
      return give_up(self, job, ok.error());
    job->counted = true;
  }
  if (s.queue.full())
    return give_up(
      self, job,
      fail(errc::overloaded, "The server has as many runs as it can hold", "Retry-After", "1"));
  if (job->ask.stateless)
    return write(
      self, job,
      creation(*s.with, *job->ask.plan, nullptr, {}, false, starts_now(self, *job->ask.plan)));
  const auto& plan = *job->ask.plan;
  ask_core(
    self, s.with->reader(), get_record{{kind::thread, plan.who->tenant, plan.thread_id}},
    [self, job](found_record& found) { on_thread(self, job, found); },
    [self, job](error why) { give_up(self, job, std::move(why)); });
}

// --- stopping --------------------------------------------------------------------------------

// Counts answers: the promise is delivered when the last run has ended.
struct stopping {
  caf::typed_response_promise<runs_stopped> promise;
  std::size_t left;
  int64_t stopped;
};

run_queue::run_ids live(const scheduler_state& s) {
  run_queue::run_ids ids;
  for (const auto& [id, run] : s.runs)
    if (run.ended == time_point{})
      ids.push_back(id);
  return ids;
}

caf::result<runs_stopped> stop(scheduler_pointer self, const stop_runs& m) {
  auto& s = self->state;
  s.parking = s.parking || m.park;
  auto ids = m.park ? live(s) : s.queue.inflight(m.thread_id);
  if (!m.run_ids.empty())
    std::erase_if(ids, [&](const std::string& id) {
      return std::find(m.run_ids.begin(), m.run_ids.end(), id) == m.run_ids.end();
    });
  if (!m.park)
    std::erase_if(
      ids, [&](const std::string& id) { return s.runs.at(id).plan->who->tenant != m.tenant; });
  if (ids.empty())
    return runs_stopped{0};
  auto job = std::make_shared<stopping>(stopping{self->make_response_promise<runs_stopped>(),
                                                 ids.size(), static_cast<int64_t>(ids.size())});
  auto one_less = [job] {
    if (--job->left == 0)
      job->promise.deliver(runs_stopped{job->stopped});
  };
  for (const auto& id : ids)
    ask_core(
      self, s.runs.at(id).supervisor, cancel_run{m.rollback, m.deleting, false, m.park},
      [one_less](run_result&) { one_less(); }, [one_less](const error&) { one_less(); });
  return job->promise;
}

// --- ends and time ---------------------------------------------------------------------------

// Somebody must end the run in the storage, close its handles and cut its calls: a new supervisor,
// which has nothing else to do.
void bury(scheduler_pointer self, live_run& run) {
  auto& s = self->state;
  auto plan = std::make_shared<run_plan>(*run.plan);
  plan->given_up = "the server met a fault of its own in this run";
  run.plan = std::move(plan);
  run.supervisor = spawn_run_supervisor(self->system(), s.with, run.plan, run.load,
                                        scheduler_actor{self}, nullptr, nullptr);
  if (s.with->egress)
    self->send(s.with->egress, cut_calls{run.plan->run_id});
  self->send(run.supervisor, execute_run{});
}

// Its slot, and its place among its user's runs.
void on_returned(scheduler_pointer self, const std::string& run_id) {
  auto& s = self->state;
  auto held = s.holding.extract(run_id);
  if (held.empty())
    return;
  s.limits.end_run(held.mapped());
  execute(self, s.queue.returned(run_id, now()));
}

void on_ended(scheduler_pointer self, const run_ended& m) {
  auto& s = self->state;
  if (m.is == run_ended::how::returned)
    return on_returned(self, m.run_id);
  const auto& id = m.run_id;
  auto run = s.runs.find(id);
  if (run == s.runs.end())
    return;
  if (m.is == run_ended::how::lost && run->second.plan->given_up.empty())
    return bury(self, run->second);
  auto thread = run->second.plan->thread_id;
  auto holding = m.is == run_ended::how::holding;
  if (holding)
    s.holding.emplace(id, run->second.plan->who->key());
  else
    s.limits.end_run(run->second.plan->who->key());
  run->second.load->remove();
  run->second.load.reset();
  if (auto load = s.loads.find(thread); load != s.loads.end() && load->second.expired())
    s.loads.erase(load);
  if (run->second.plan->resumable())
    run->second.ended = now();
  else
    s.runs.erase(run);
  execute(self, holding ? s.queue.end_holding(id, now()) : s.queue.end(id, now()));
}

void on_tick(scheduler_pointer self) {
  auto& s = self->state;
  auto t = now();
  execute(self, s.queue.wake(t));
  const auto& limits = s.with->options.runs;
  for (auto it = s.runs.begin(); it != s.runs.end();) {
    auto& run = it->second;
    if (run.ended != time_point{} && t - run.ended > limits.resumable_ttl) {
      it = s.runs.erase(it);
      continue;
    }
    if (run.ended == time_point{} && run.started != time_point{}
        && t - run.started > limits.timeout) {
      run.started = t; // asked once; it ends in a moment
      caf::anon_send(run.supervisor, cancel_run{false, false, true});
    }
    ++it;
  }
  self->delayed_send(self, tick, wake_up{});
}

scheduler_actor::behavior_type scheduler_behavior(scheduler_pointer self, core_ptr with,
                                                  std::vector<run_plan_ptr> recovered) {
  contain(self);
  auto& s = self->state;
  s.with = std::move(with);
  s.queue = run_queue{s.with->options.runs.slots, s.with->options.runs.capacity};
  s.limits = limiter{s.with->options.limits};
  auto& m = s.with->meters;
  s.pending = &m.gauge("lg_api_num_pending_runs", "Runs waiting");
  s.running = &m.gauge("lg_api_num_running_runs", "Runs executing");
  s.created = &m.counter("behalf_runs_created_total", "Runs accepted");
  for (auto& plan : recovered) {
    static_cast<void>(s.limits.begin_run(plan->who->key(), now())); // admitted before the restart
    launch(self, plan, nullptr, nullptr);
  }
  self->delayed_send(self, tick, wake_up{});
  return {
    [self](start_run& m) -> caf::result<run_ref> {
      auto promise = self->make_response_promise<run_ref>();
      start(self, std::make_shared<starting>(starting{std::move(m), promise}));
      return promise;
    },
    [self](const find_run& m) -> caf::result<run_ref> {
      auto run = self->state.runs.find(m.run_id);
      if (run == self->state.runs.end() || run->second.plan->who->tenant != m.tenant)
        return to_caf(fail(errc::not_found, "Run not found"));
      return run_ref{run->second.plan, run->second.supervisor};
    },
    [self](const stop_runs& m) { return stop(self, m); },
    [self](const run_ended& m) { on_ended(self, m); },
    [self](const wake_up&) { on_tick(self); },
  };
}

} // namespace

scheduler_actor spawn_scheduler(caf::actor_system& sys, core_ptr with,
                                std::vector<run_plan_ptr> recovered) {
  return sys.spawn(scheduler_behavior, std::move(with), std::move(recovered));
}

} // namespace behalf
