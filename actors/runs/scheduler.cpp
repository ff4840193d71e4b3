// Every run starts here: checked against its thread, made durable, then executed when its turn
// comes. Knows which runs are live and where to stream or stop them. A run that is due much later
// stays in the storage until it is due or a client asks for it.
#include "actors/basics.hpp"
#include "actors/options.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/recovery.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/run_queue.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/thread_updates.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>

namespace behalf::runs {
namespace {

constexpr int most_attempts_to_start = 16;
constexpr std::chrono::milliseconds tick{500};
constexpr int most_ticks_to_load = 16; // at most, between two tries
// A run that is due later than this waits in the storage alone. The client's token is dropped: most
// would have expired by then.
constexpr std::chrono::minutes short_wait{5};

using clock = std::chrono::steady_clock; // for durations: unaffected by changes of the time

// A run that waits, executes, or is over but still being streamed.
struct live_run {
  run_plan_ptr plan;
  run_supervisor_actor supervisor;
  std::optional<clock::time_point> started = {}; // executing since
  std::optional<clock::time_point> ended = {};   // kept so that viewers can reconnect
  bool for_viewers = false; // loaded before it is due, for viewers; unloaded after the last of them
  std::weak_ptr<const run_plan> viewed = {}; // held by each viewer's run_ref
};

// A run whose turn has come and that could not be loaded: the storage failed, or its user's share
// of memory is used up.
struct unloaded_run {
  int tries = 0;
  int ticks = 0; // until the next try; 0: a try is under way
};

using storage::row_ptr;

// Called when a run is loaded; null: there is no such run any more.
using run_wanted = std::function<void(result<live_run*>)>;
live_run* const gone = nullptr;

using thread_name = std::pair<std::string, std::string>; // tenant, id

struct scheduler_state {
  static inline const char* name = "scheduler";
  scheduler_state() = default;

  app_ptr app;
  run_queue queue; // every run that is not over
  limiter limits;
  std::unordered_map<std::string, live_run> runs; // those in memory
  std::unordered_map<std::string, std::vector<run_wanted>> loading;
  std::unordered_map<std::string, unloaded_run> not_loaded;
  std::unordered_map<std::string, principal_key>
    holding;               // runs that are over and still hold a slot
  bool suspending = false; // the server is stopping: no run starts
  std::vector<std::function<void()>>
    start_listeners; // called when a start_run that was under way has ended
  std::map<thread_name, std::vector<std::function<void()>>>
    erasing; // threads being erased, and what waits for that
  metric *pending = nullptr, *running = nullptr, *created = nullptr;
};

using scheduler_pointer = scheduler_actor::stateful_pointer<scheduler_state>;
using ref_promise = promise_of<run_ref>;

// One start_run while it is checked and written.
struct starting {
  start_run ask;
  ref_promise promise;
  int attempts = 0;
  bool counted = false; // in the limits of user and tenant, and in the queue's `expect`
};
using starting_ptr = std::shared_ptr<starting>;

void give_up(scheduler_pointer self, const starting_ptr& job, error why) {
  auto& s = self->state;
  job->promise.deliver(std::move(why));
  if (!job->counted)
    return;
  const auto& plan = *job->ask.plan;
  s.limits.end_run(plan.who->key());
  s.queue.arrived(plan.who->key(), plan.thread_id, plan.delayed);
  for (const auto& notify : s.start_listeners)
    notify();
}

error server_stopping() {
  return fail(errc::overloaded, "The server is stopping", "Retry-After", "1");
}

void gauge(scheduler_pointer self) {
  auto& s = self->state;
  s.pending->set(static_cast<int64_t>(s.queue.pending()));
  s.running->set(static_cast<int64_t>(s.queue.running()));
}

void execute(scheduler_pointer self, const run_queue::run_ids& started);

live_run& keep(scheduler_pointer self, run_plan_ptr plan, presented_ptr credentials,
               sealed_ptr sealed) {
  auto& s = self->state;
  auto supervisor = spawn_run_supervisor(self->system(), s.app, plan, scheduler_actor{self},
                                         std::move(credentials), std::move(sealed));
  auto id = plan->run_id;
  return s.runs.insert_or_assign(id, live_run{std::move(plan), supervisor}).first->second;
}

// The end of the run is stored. `holding`: a node has not returned, so the run keeps its slot and
// counts against its user's limits.
void forget(scheduler_pointer self, const std::string& id, bool holding = false) {
  auto& s = self->state;
  const auto* run = s.queue.find(id);
  if (run && holding)
    s.holding.emplace(id, run->who);
  else if (run)
    s.limits.end_run(run->who);
  s.not_loaded.erase(id);
  execute(self, holding ? s.queue.end_holding(id) : s.queue.end(id));
}

// --- runs that wait in the storage -----------------------------------------------------------

void loaded(scheduler_pointer self, const std::string& id, const result<live_run*>& run) {
  auto waiting = self->state.loading.extract(id);
  if (!waiting.empty())
    for (const auto& then : waiting.mapped())
      then(run);
}

void end_unreadable(scheduler_pointer self, const record& row, const error& why) {
  log::error("run_set_aside",
             {{"run_id", row.id},
              {"tenant", row.tenant},
              {"reason", why.message},
              {"remedy", "it ended as an error; its row keeps what was stored: start it anew"}});
  auto& s = self->state;
  storage::read(
    self, *s.app, storage::get_head{{kind::thread, row.tenant, row.parent}},
    [self, row, why](const row_ptr& thread) {
      ask(
        self, self->state.app->writer,
        write_records{set_aside(row, why.message, thread != nullptr)},
        [self, id = row.id](written) { forget(self, id); },
        [self, id = row.id](const error&) { forget(self, id); });
    },
    [self, id = row.id](const error&) { forget(self, id); });
}

void on_load_failed(scheduler_pointer self, const std::string& id, const error& why) {
  if (self->state.queue.is_running(id)) { // retried, with longer pauses
    auto& late = self->state.not_loaded[id];
    if (late.tries++ == 0)
      log::error("run_not_loaded", {{"run_id", id}, {"reason", why.message}});
    late.ticks = std::min(most_ticks_to_load, 1 << std::min(late.tries - 1, 6));
  }
  loaded(self, id, why);
}

void on_loaded(scheduler_pointer self, const std::string& id, const row_ptr& row) {
  auto& s = self->state;
  if (!s.queue.find(id)) // it was ended meanwhile
    return loaded(self, id, gone);
  if (!row) {
    loaded(self, id, gone);
    return forget(self, id);
  }
  auto plan = plan_from(*row);
  if (!plan) {
    loaded(self, id, gone);
    return end_unreadable(self, *row, plan.error());
  }
  plan->stored_pending = true;
  plan->memory = s.app->memory.open(plan->who->tenant, plan->who->key().text());
  if (auto ok = claim(*plan->memory, held_bytes(plan->kwargs), "runs in memory"); !ok)
    return on_load_failed(self, id, ok.error());
  auto& run = keep(self, std::make_shared<const run_plan>(std::move(*plan)), nullptr, nullptr);
  run.for_viewers = true;
  loaded(self, id, &run);
}

void with_run(scheduler_pointer self, const std::string& id, run_wanted then) {
  auto& s = self->state;
  if (auto at = s.runs.find(id); at != s.runs.end())
    return then(&at->second);
  const auto* run = s.queue.find(id);
  if (!run)
    return then(gone);
  auto& others = s.loading[id];
  others.push_back(std::move(then));
  if (others.size() > 1)
    return;
  storage::read(
    self, *s.app, storage::load_run{run->who.tenant, id},
    [self, id](const row_ptr& row) { on_loaded(self, id, row); },
    [self, id](const error& why) { on_load_failed(self, id, why); });
}

void execute(scheduler_pointer self, const run_queue::run_ids& started) {
  if (self->state.suspending)
    return;
  for (const auto& id : started)
    with_run(self, id, [self](const result<live_run*>& found) {
      auto* run = found ? *found : gone;
      if (!run || self->state.suspending)
        return;
      // Set here and not when it is loaded: a run may also be loaded for a viewer, which does not
      // start it.
      const auto& id = run->plan->run_id;
      if (auto late = self->state.not_loaded.extract(id); !late.empty())
        log::info("run_loaded", {{"run_id", id}, {"tries", late.mapped().tries + 1}});
      run->for_viewers = false;
      run->started = clock::now();
      tell(run->supervisor, execute_run{});
    });
  gauge(self);
}

bool starts_now(scheduler_pointer self, const run_plan& plan) {
  return !plan.delayed && self->state.queue.would_start(plan.who->key());
}

queued_run entry_of(const run_plan& plan) {
  queued_run entry{plan.run_id, plan.thread_id, plan.who->key(), {}, plan.suspect};
  if (plan.delayed)
    entry.due = plan.created_at;
  return entry;
}

// The run is durable: it will execute, also when the client is gone.
run_ref launch(scheduler_pointer self, run_plan_ptr plan, presented_ptr credentials,
               sealed_ptr sealed) {
  auto& s = self->state;
  auto started = s.queue.add(entry_of(*plan), now());
  run_ref ref{plan, keep(self, plan, std::move(credentials), std::move(sealed)).supervisor};
  execute(self, started);
  return ref;
}

run_ref launch(scheduler_pointer self, start_run& m) {
  auto& s = self->state;
  s.created->add();
  const auto& plan = *m.plan;
  auto soon =
    plan.created_at - now() <= short_wait && s.runs.size() < s.app->options->runs.capacity;
  if (!plan.delayed || m.client_stays || soon)
    return launch(self, m.plan, std::move(m.credentials), std::move(m.sealed));
  execute(self, s.queue.add(entry_of(plan), now()));
  return {m.plan, live_run_actor{}};
}

void start(scheduler_pointer self, starting_ptr job);

void hand_over(scheduler_pointer self, const starting_ptr& job) {
  auto& s = self->state;
  const auto& plan = *job->ask.plan;
  s.queue.arrived(plan.who->key(), plan.thread_id, plan.delayed);
  job->promise.deliver(launch(self, job->ask));
  for (const auto& notify : s.start_listeners)
    notify();
}

void on_stored(scheduler_pointer self, const starting_ptr& job) {
  auto& s = self->state;
  auto& plan = *job->ask.plan;
  if (!s.suspending || plan.stored_pending)
    return hand_over(self, job);
  // The row says running: the next start would take the run for one that a crash interrupted.
  plan.stored_pending = true;
  auto what = of_run(plan);
  what.puts.push_back({to_record(plan, "pending")});
  ask(
    self, s.app->writer, write_records{std::move(what), plan.who->key()},
    [self, job](written) { hand_over(self, job); },
    [self, job](const error&) { hand_over(self, job); });
}

void write(scheduler_pointer self, starting_ptr job, result<write_batch> what) {
  if (!what)
    return give_up(self, job, what.error());
  ask(
    self, self->state.app->writer, write_records{std::move(*what), job->ask.plan->who->key()},
    [self, job](written) { on_stored(self, job); },
    [self, job](error why) {
      // The thread was created or deleted between the read and the write: read it again.
      const bool other =
        why.code == errc::conflict || (why.code == errc::not_found && job->ask.create_thread);
      if (other && !job->ask.stateless && ++job->attempts < most_attempts_to_start)
        return start(self, job);
      give_up(self, job, std::move(why));
    });
}

// The runs that the multitask strategy ends before this one; nullopt when there are none.
std::optional<stop_runs> runs_to_preempt(scheduler_pointer self, const run_plan& plan) {
  if (plan.multitask_strategy != "interrupt" && plan.multitask_strategy != "rollback")
    return std::nullopt;
  auto inflight = self->state.queue.inflight(plan.who->tenant, plan.thread_id);
  if (inflight.empty())
    return std::nullopt;
  stop_runs stop;
  stop.tenant = plan.who->tenant;
  stop.thread_id = plan.thread_id;
  stop.run_ids = std::move(inflight);
  stop.why =
    plan.multitask_strategy == "rollback" ? stop_reason::rolled_back : stop_reason::cancelled;
  return stop;
}

void on_thread(scheduler_pointer self, starting_ptr job, const row_ptr& thread) {
  if (self->state.suspending)
    return give_up(self, job, server_stopping());
  auto& plan = *job->ask.plan;
  auto& erasing = self->state.erasing;
  if (auto at = erasing.find({plan.who->tenant, plan.thread_id}); at != erasing.end()) {
    at->second.push_back([self, job] { start(self, job); });
    return;
  }
  const auto hidden = fail(errc::not_found, "Thread or assistant not found.");
  if (!thread && !job->ask.create_thread)
    return give_up(self, job, hidden);
  if (thread && !job->ask.auth_filter.matches(thread->metadata))
    return give_up(self, job, hidden);
  auto busy = self->state.queue.active_run_count(plan.who->tenant, plan.thread_id) > 0;
  if (busy && plan.multitask_strategy == "reject")
    return give_up(self, job,
                   fail(errc::conflict,
                        "Thread is already running a task. Wait for it to finish or choose a "
                        "different multitask strategy."));
  if (auto stop = runs_to_preempt(self, plan)) {
    if (++job->attempts >= most_attempts_to_start) // new runs come as fast as old ones end
      return give_up(self, job,
                     fail(errc::conflict, "Runs keep starting on this thread. Try again later."));
    ask(
      self, scheduler_actor{self}, std::move(*stop),
      [self, job](runs_stopped) { start(self, job); },
      [self, job](error why) { give_up(self, job, std::move(why)); });
    return;
  }
  write(self, job,
        creation(*self->state.app, job->ask, thread.get(), busy, !busy && starts_now(self, plan)));
}

// Counts the run against its user's limits before its thread is read, so that runs created at the
// same time cannot exceed them together.
result<void> count(scheduler_pointer self, const run_plan& plan) {
  auto& s = self->state;
  auto who = plan.who->key();
  if (auto ok = s.limits.begin_run(who, clock::now()); !ok)
    return ok;
  auto ok = s.queue.check_capacity(who, plan.delayed);
  if (ok && plan.multitask_strategy == "enqueue") // other strategies leave no runs waiting
    ok = s.queue.check_thread_capacity(who.tenant, plan.thread_id);
  if (!ok) {
    s.limits.end_run(who);
    return ok;
  }
  s.queue.expect(who, plan.thread_id, plan.delayed);
  return {};
}

void start(scheduler_pointer self, starting_ptr job) {
  auto& s = self->state;
  if (s.suspending)
    return give_up(self, job, server_stopping());
  if (!job->counted)
    if (auto ok = count(self, *job->ask.plan); !ok)
      return give_up(self, job, ok.error());
  job->counted = true;
  if (job->ask.stateless)
    return write(self, job,
                 creation(*s.app, job->ask, nullptr, false, starts_now(self, *job->ask.plan)));
  const auto& plan = *job->ask.plan;
  storage::read(
    self, *s.app, storage::get_head{{kind::thread, plan.who->tenant, plan.thread_id}},
    [self, job](const row_ptr& thread) { on_thread(self, job, thread); },
    [self, job](error why) { give_up(self, job, std::move(why)); });
}

// --- stopping --------------------------------------------------------------------------------

// Each end is a write: only so many runs of a thread are ended at once.
constexpr std::size_t most_ends_at_once = 32;

struct stopping {
  stop_reason why;
  run_queue::run_ids left; // taken from the back
  std::function<void(result<runs_stopped>)> then;
  std::size_t at_once = most_ends_at_once;
  std::size_t asked = 0; // stops that are under way
  bool asking = false;
  int64_t stopped = 0;
  std::optional<error> failed = {}; // why a run could not be stopped
};
using stopping_ptr = std::shared_ptr<stopping>;

void stop_next(scheduler_pointer self, const stopping_ptr& job);

void one_stopped(scheduler_pointer self, const stopping_ptr& job) {
  --job->asked;
  stop_next(self, job);
}

void stop_one(scheduler_pointer self, const stopping_ptr& job, const std::string& id) {
  with_run(self, id, [self, job](const result<live_run*>& run) {
    if (!run)
      job->failed = run.error();
    if (!run || !*run)
      return one_stopped(self, job);
    (*run)->for_viewers = false;
    ask(
      self, (*run)->supervisor, stop_run{job->why},
      [self, job](run_result&) { one_stopped(self, job); },
      [self, job](const error& why) {
        if (why.code == errc::overloaded) // its end is not stored
          job->failed = why;
        one_stopped(self, job);
      });
  });
}

// Some stops end before `stop_one` returns and call this again: then it only returns.
void stop_next(scheduler_pointer self, const stopping_ptr& job) {
  if (std::exchange(job->asking, true))
    return;
  while (!job->left.empty() && job->asked < job->at_once) {
    auto id = std::move(job->left.back());
    job->left.pop_back();
    ++job->asked;
    stop_one(self, job, id);
  }
  job->asking = false;
  if (job->asked > 0)
    return;
  auto then = std::exchange(job->then, nullptr);
  if (job->failed)
    then(*job->failed);
  else
    then(runs_stopped{job->stopped});
}

stopping_ptr new_stop(stop_reason why, run_queue::run_ids ids,
                      std::function<void(result<runs_stopped>)> then) {
  auto job = std::make_shared<stopping>();
  job->why = why;
  job->stopped = static_cast<int64_t>(ids.size());
  job->left = std::move(ids);
  job->then = std::move(then);
  return job;
}

// Runs that are in the storage alone need no suspending.
caf::result<runs_stopped> suspend_all(scheduler_pointer self) {
  auto& s = self->state;
  s.suspending = true;
  run_queue::run_ids ids;
  for (const auto& [id, run] : s.runs)
    if (!run.ended)
      ids.push_back(id);
  promise_of<runs_stopped> promise{self};
  auto job = new_stop(stop_reason::suspended, std::move(ids),
                      [promise](result<runs_stopped> n) mutable { promise.deliver(std::move(n)); });
  job->at_once = job->left.size() + s.queue.expected();
  job->asked = s.queue.expected();
  if (job->asked > 0)
    s.start_listeners.push_back([self, job] { one_stopped(self, job); });
  stop_next(self, job);
  return promise;
}

// The executing run comes first and is stopped last, so that no waiting run starts meanwhile.
run_queue::run_ids runs_meant_by(const run_queue& queue, const stop_runs& m) {
  if (m.run_ids.empty())
    return queue.inflight(m.tenant, m.thread_id);
  run_queue::run_ids ids;
  for (const auto& id : m.run_ids)
    if (const auto* run = queue.find(id);
        run && run->who.tenant == m.tenant && run->thread_id == m.thread_id)
      ids.push_back(id);
  return ids;
}

void continue_after_erasing(scheduler_pointer self, const thread_name& which) {
  auto waiting = self->state.erasing.extract(which);
  for (const auto& then : waiting.mapped())
    then();
}

// Erases the thread with its runs in one commit; later writes of its runs are refused. Then ends
// the runs that are live.
void erase_thread(scheduler_pointer self, const stop_runs& m, promise_of<runs_stopped> promise) {
  auto& s = self->state;
  thread_name which{m.tenant, m.thread_id};
  if (auto under_way = s.erasing.find(which); under_way != s.erasing.end()) {
    under_way->second.push_back([self, m, promise] { erase_thread(self, m, promise); });
    return;
  }
  s.erasing[which];
  write_batch what;
  what.erases.push_back({{kind::thread, m.tenant, m.thread_id}, {}, m.auth_filter});
  auto done = [self, which, promise](result<runs_stopped> n) mutable {
    continue_after_erasing(self, which);
    promise.deliver(std::move(n));
  };
  ask(
    self, s.app->writer, write_records{std::move(what), m.who},
    [self, which, done](written) {
      auto ids = self->state.queue.inflight(which.first, which.second);
      std::erase_if(ids,
                    [self](const std::string& id) { // in the storage alone: erased with the thread
                      if (self->state.runs.contains(id))
                        return false;
                      forget(self, id);
                      return true;
                    });
      stop_next(self, new_stop(stop_reason::erased, std::move(ids), done));
    },
    [done](error why) mutable { done(std::move(why)); });
}

caf::result<runs_stopped> stop(scheduler_pointer self, const stop_runs& m) {
  if (m.why == stop_reason::suspended)
    return suspend_all(self);
  promise_of<runs_stopped> promise{self};
  if (m.why == stop_reason::erased)
    erase_thread(self, m, promise);
  else
    stop_next(
      self, new_stop(m.why, runs_meant_by(self->state.queue, m),
                     [promise](result<runs_stopped> n) mutable { promise.deliver(std::move(n)); }));
  return promise;
}

run_ref shown(live_run& run) {
  auto seen = run.viewed.lock();
  if (!seen) {
    seen = {run.plan.get(), [plan = run.plan](const run_plan*) {}};
    run.viewed = seen;
  }
  return {std::move(seen), run.supervisor};
}

caf::result<run_ref> find(scheduler_pointer self, const find_run& m) {
  auto& s = self->state;
  const auto missing = fail(errc::not_found, "Run not found");
  if (auto run = s.runs.find(m.run_id); run != s.runs.end()) {
    if (run->second.plan->who->tenant != m.tenant)
      return to_caf(missing);
    return shown(run->second);
  }
  const auto* waiting = s.queue.find(m.run_id);
  if (!waiting || waiting->who.tenant != m.tenant)
    return to_caf(missing);
  promise_of<run_ref> promise{self};
  with_run(self, m.run_id, [promise, missing](const result<live_run*>& run) mutable {
    if (run && *run)
      promise.deliver(shown(**run));
    else
      promise.deliver(run ? missing : run.error());
  });
  return promise;
}

// --- ends and time ---------------------------------------------------------------------------

// The run's supervisor has crashed, and stopped its nodes. A new one stores the run as failed and
// closes its handles.
void fail_lost_run(scheduler_pointer self, live_run& run) {
  auto& s = self->state;
  auto plan = std::make_shared<run_plan>(*run.plan);
  plan->given_up = "the server met a fault of its own in this run";
  run.for_viewers = false;
  run.plan = std::move(plan);
  run.supervisor =
    spawn_run_supervisor(self->system(), s.app, run.plan, scheduler_actor{self}, nullptr, nullptr);
  tell(run.supervisor, execute_run{});
}

// The last node of a run that is over has returned: frees its slot and its place in the limits.
void on_returned(scheduler_pointer self, const std::string& run_id) {
  auto& s = self->state;
  auto held = s.holding.extract(run_id);
  if (held.empty())
    return;
  s.limits.end_run(held.mapped());
  execute(self, s.queue.returned(run_id));
}

void cleared(const run_plan& plan, std::string_view why) {
  log::info(
    "run_no_longer_suspect",
    {{"run_id", plan.run_id}, {"graph", plan.graph_id}, {"crashes", plan.crashes}, {"why", why}});
}

void on_slot(scheduler_pointer self, const slot_report& m) {
  auto& s = self->state;
  if (m.is == slot_report::state::returned)
    return on_returned(self, m.run_id);
  const auto& id = m.run_id;
  auto run = s.runs.find(id);
  if (run == s.runs.end())
    return;
  if (m.is == slot_report::state::lost && run->second.plan->given_up.empty())
    return fail_lost_run(self, run->second);
  if (const auto* entry = s.queue.find(id); entry && entry->suspect)
    cleared(*run->second.plan, "it ended");
  if (run->second.plan->resumable())
    run->second.ended = clock::now();
  else
    s.runs.erase(run);
  forget(self, id, m.is == slot_report::state::held);
}

void on_progress(scheduler_pointer self, const run_progressed& m) {
  auto& s = self->state;
  auto run = s.runs.find(m.run_id);
  if (run == s.runs.end())
    return;
  cleared(*run->second.plan, "it completed a step");
  execute(self, s.queue.cleared(m.run_id));
}

void on_tick(scheduler_pointer self) {
  auto& s = self->state;
  execute(self, s.queue.wake(now()));
  run_queue::run_ids again;
  for (auto& [id, late] : s.not_loaded)
    if (late.ticks > 0) {
      late.ticks--;
      if (late.ticks == 0)
        again.push_back(id);
    }
  execute(self, again);
  const auto& limits = s.app->options->runs;
  auto t = clock::now();
  for (auto it = s.runs.begin(); it != s.runs.end();) {
    auto& run = it->second;
    const bool left = run.for_viewers && run.viewed.expired();
    if (left) // ended explicitly: its open promises would keep it alive
      self->send_exit(run.supervisor, caf::exit_reason::user_shutdown);
    if (left || (run.ended && t - *run.ended > limits.resumable_ttl)) {
      it = s.runs.erase(it);
      continue;
    }
    if (!run.ended && run.started && t - *run.started > limits.timeout) {
      run.started = t; // so that it is stopped only once
      tell(run.supervisor, stop_run{stop_reason::timed_out});
    }
    ++it;
  }
  remind(self, tick, wake_up{});
}

// They were accepted before the restart: counted against the limits, never refused.
void take_recovered(scheduler_pointer self, recovered_runs& recovered) {
  auto& s = self->state;
  for (auto& plan : recovered.plans) {
    static_cast<void>(s.limits.begin_run(plan->who->key(), clock::now()));
    launch(self, plan, nullptr, nullptr);
  }
  for (auto& run : recovered.delayed) {
    static_cast<void>(s.limits.begin_run(run.who, clock::now()));
    execute(self, s.queue.add(std::move(run), now()));
  }
}

scheduler_actor::behavior_type scheduler_behavior(scheduler_pointer self, app_ptr app,
                                                  std::shared_ptr<recovered_runs> recovered) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.app = std::move(app);
  s.queue = run_queue{s.app->options->runs};
  s.limits = limiter{s.app->options->limits};
  auto& m = s.app->meters;
  s.pending = &m.gauge("lg_api_num_pending_runs", "Runs waiting");
  s.running = &m.gauge("lg_api_num_running_runs", "Runs executing");
  s.created = &m.counter("behalf_runs_created_total", "Runs accepted");
  take_recovered(self, *recovered);
  remind(self, tick, wake_up{});
  return {
    [self](start_run& m) -> caf::result<run_ref> {
      promise_of<run_ref> promise{self};
      start(self, std::make_shared<starting>(starting{std::move(m), promise}));
      return promise;
    },
    [self](const find_run& m) { return find(self, m); },
    [self](const stop_runs& m) { return stop(self, m); },
    [self](const slot_report& m) { on_slot(self, m); },
    [self](const run_progressed& m) { on_progress(self, m); },
    [self](const wake_up&) { on_tick(self); },
  };
}

} // namespace

scheduler_actor spawn_scheduler(caf::actor_system& sys, app_ptr app, recovered_runs recovered) {
  return sys.spawn(scheduler_behavior, std::move(app),
                   std::make_shared<recovered_runs>(std::move(recovered)));
}

} // namespace behalf::runs
