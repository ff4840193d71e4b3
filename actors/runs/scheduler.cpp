// Every run starts here: checked against its thread, made durable, then executed when its turn
// comes. Knows which runs are live and where to stream or stop them. A run that is due much later
// stays in the storage until it is due or a client asks for it.
#include "actors/basics.hpp"
#include "actors/options.hpp"
#include "actors/runs/event_log.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/recovery.hpp"
#include "actors/runs/run_meters.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/run_queue.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/thread_updates.hpp"
#include "actors/runs/webhook_call.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <array>
#include <deque>
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
// A run that takes longer is stored while it executes.
constexpr std::chrono::milliseconds unstored_time{50};

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
live_run* const no_run = nullptr;

using thread_name = std::pair<std::string, std::string>; // tenant, id

// The stream of a thread.
struct followed_thread {
  thread_stream_actor events;
  std::weak_ptr<const int64_t> viewed; // held by each viewer's thread_ref
  int64_t base = 0;
  bool spoke = false;         // it has followed a run
  clock::time_point needed{}; // when it had a viewer last
};

using ref_promise = promise_of<run_ref>;

// One start_run while it is checked and written.
struct starting {
  start_run ask;
  ref_promise promise;
  int attempts = 0;
  bool counted = false;  // in the limits of user and tenant, and in the queue's `expect`
  bool in_order = false; // its thread's next start waits for it
};
using starting_ptr = std::shared_ptr<starting>;

// The starts on one thread, of which each sees what the one before it has made of the thread:
// strategies decide by that.
struct thread_starts {
  std::deque<starting_ptr> waiting;
  bool busy = false;    // one is under way
  bool at_work = false; // start_next is
};

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
    holding; // runs that are over and still hold a slot
  std::map<thread_name, std::vector<std::string>>
    executed; // those in `runs` that began, by thread, in this order
  std::map<std::pair<thread_name, thread_form>, followed_thread> followed;
  std::deque<std::pair<clock::time_point, std::string>>
    to_store;              // runs that were begun before they are stored; may be over
  bool ticks = false;      // a wake_up is on its way
  bool suspending = false; // the server is stopping: no run starts
  std::vector<std::function<void()>>
    start_listeners; // called when a start_run that was under way has ended
  std::map<thread_name, thread_starts> starts;
  std::map<thread_name, std::vector<std::function<void()>>>
    erasing; // threads being erased, and what waits for that
  const time_point since = now();
  metric *pending = nullptr, *running = nullptr, *suspects = nullptr, *created = nullptr;
  metric *workers = nullptr, *active = nullptr, *available = nullptr; // slots
  bool storage_failed = false; // at the last look, which is taken while ends of runs wait for it
};

using scheduler_pointer = scheduler_actor::stateful_pointer<scheduler_state>;

void start(scheduler_pointer self, starting_ptr job);

// Some starts end before `start` returns and call this again: then it only returns.
void start_next(scheduler_pointer self, const thread_name& which) {
  auto& starts = self->state.starts;
  auto at = starts.find(which);
  if (at == starts.end() || std::exchange(at->second.at_work, true))
    return;
  auto& here = at->second;
  while (!here.busy && !here.waiting.empty()) {
    auto job = std::move(here.waiting.front());
    here.waiting.pop_front();
    here.busy = true;
    start(self, std::move(job));
  }
  here.at_work = false;
  if (!here.busy)
    starts.erase(at);
}

// This start is over.
void let_next_start(scheduler_pointer self, const starting_ptr& job) {
  if (!std::exchange(job->in_order, false))
    return;
  const thread_name which{job->ask.plan->who->tenant, job->ask.plan->thread_id};
  if (auto at = self->state.starts.find(which); at != self->state.starts.end())
    at->second.busy = false;
  start_next(self, which);
}

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
  let_next_start(self, job);
}

error server_stopping() {
  return fail(errc::overloaded, "The server is stopping", "Retry-After", "1");
}

void gauge(scheduler_pointer self) {
  auto& s = self->state;
  s.suspects->set(static_cast<int64_t>(s.queue.waiting_suspects()));
  s.pending->set(static_cast<int64_t>(s.queue.pending()));
  const auto running = static_cast<double>(s.queue.running());
  const auto slots = static_cast<double>(s.app->options->runs.slots);
  s.running->set(running);
  s.workers->set(slots);
  s.active->set(running);
  s.available->set(std::max(0.0, slots - running));
}

void execute(scheduler_pointer self, const run_queue::run_ids& started);

// Time matters while there is a run or a reader. Else nothing wakes an idle server.
void keep_ticking(scheduler_pointer self) {
  if (!std::exchange(self->state.ticks, true))
    remind(self, tick, wake_up{});
}

live_run& make_live(scheduler_pointer self, run_plan_ptr plan, of_request given) {
  auto& s = self->state;
  auto supervisor =
    spawn_run_supervisor(self->system(), s.app, plan, scheduler_actor{self}, std::move(given));
  auto id = plan->run_id;
  keep_ticking(self);
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
    return loaded(self, id, no_run);
  if (!row) {
    loaded(self, id, no_run);
    return forget(self, id);
  }
  auto plan = plan_from(*row);
  if (!plan) {
    loaded(self, id, no_run);
    return end_unreadable(self, *row, plan.error());
  }
  plan->stored_pending = true;
  plan->memory = s.app->memory.open(plan->who->tenant, plan->who->key().text());
  if (auto ok = claim(*plan->memory, held_bytes(plan->kwargs), "runs in memory"); !ok)
    return on_load_failed(self, id, ok.error());
  auto& run = make_live(self, std::make_shared<const run_plan>(std::move(*plan)), {});
  run.for_viewers = true;
  loaded(self, id, &run);
}

void with_run(scheduler_pointer self, const std::string& id, run_wanted then) {
  auto& s = self->state;
  if (auto at = s.runs.find(id); at != s.runs.end())
    return then(&at->second);
  const auto* run = s.queue.find(id);
  if (!run)
    return then(no_run);
  auto& others = s.loading[id];
  others.push_back(std::move(then));
  if (others.size() > 1)
    return;
  storage::read(
    self, *s.app, storage::load_run{run->who.tenant, id},
    [self, id](const row_ptr& row) { on_loaded(self, id, row); },
    [self, id](const error& why) { on_load_failed(self, id, why); });
}

run_ref viewed_ref(live_run& run) {
  auto seen = run.viewed.lock();
  if (!seen) {
    seen = {run.plan.get(), [plan = run.plan](const run_plan*) {}};
    run.viewed = seen;
  }
  return {std::move(seen), run.supervisor};
}

// --- streams of threads ----------------------------------------------------------------------

constexpr std::array every_form{thread_form::runs, thread_form::protocol};

thread_name thread_of(const run_plan& plan) {
  return {plan.who->tenant, plan.thread_id};
}

void tell_followers(scheduler_pointer self, live_run& run) {
  auto& s = self->state;
  if (s.followed.empty())
    return;
  for (auto form : every_form)
    if (auto at = s.followed.find({thread_of(*run.plan), form}); at != s.followed.end()) {
      at->second.spoke = true;
      tell(at->second.events, follow_run{viewed_ref(run)});
    }
}

// Temporary threads are not followed: nobody can know them before they are gone.
void note_begun(scheduler_pointer self, live_run& run) {
  if (run.plan->drop_thread)
    return;
  self->state.executed[thread_of(*run.plan)].push_back(run.plan->run_id);
  tell_followers(self, run);
}

void note_gone(scheduler_pointer self, const live_run& run) {
  auto& s = self->state;
  const auto of = s.executed.find(thread_of(*run.plan));
  if (of == s.executed.end())
    return;
  auto& ids = of->second;
  if (auto at = std::find(ids.begin(), ids.end(), run.plan->run_id); at != ids.end())
    ids.erase(at);
  if (ids.empty())
    s.executed.erase(of);
}

// Numbers go on where those of an earlier stream of the thread may have ended, in this process or
// before: a thread has fewer events than microseconds.
int64_t base_of(scheduler_pointer self, const follow_thread& m) {
  const auto& s = self->state;
  const auto t = now();
  const auto& made = m.thread_created_at;
  const bool first = !made || (*made >= s.since && t - *made < s.app->options->runs.resumable_ttl);
  return first ? 0 : std::max<int64_t>(0, to_micros(t) - to_micros(*made));
}

followed_thread new_stream(scheduler_pointer self, const follow_thread& m) {
  auto& s = self->state;
  followed_thread made;
  made.base = base_of(self, m);
  const auto known = s.executed.find({m.tenant, m.thread_id});
  auto what = m;
  what.asks = m.asks && known == s.executed.end(); // else the runs tell their questions themselves
  made.events = spawn_thread_stream(self->system(), s.app, std::move(what), made.base);
  if (known != s.executed.end())
    for (const auto& id : known->second) {
      made.spoke = true;
      tell(made.events, follow_run{viewed_ref(s.runs.at(id))});
    }
  return made;
}

caf::result<thread_ref> follow(scheduler_pointer self, const follow_thread& m) {
  if (self->state.suspending || self->state.app->stopping)
    return to_caf(server_stopping());
  auto& all = self->state.followed;
  const std::pair key{thread_name{m.tenant, m.thread_id}, m.form};
  auto at = all.find(key);
  if (at == all.end())
    at = all.emplace(key, new_stream(self, m)).first;
  keep_ticking(self);
  auto& thread = at->second;
  auto base = thread.viewed.lock();
  if (!base)
    thread.viewed = base = std::make_shared<const int64_t>(thread.base);
  return thread_ref{thread.events, std::move(base)};
}

void tell_followers(scheduler_pointer self, const thread_changed& m) {
  const auto& all = self->state.followed;
  if (auto at = all.find({{m.tenant, m.thread_id}, thread_form::runs}); at != all.end())
    tell(at->second.events, m);
}

template <class Map, class Iterator>
Iterator end_stream(scheduler_pointer self, Map& all, Iterator at) {
  self->send_exit(at->second.events, caf::exit_reason::user_shutdown);
  return all.erase(at);
}

void end_streams_of(scheduler_pointer self, const thread_name& which) {
  auto& all = self->state.followed;
  for (auto form : every_form)
    if (auto at = all.find({which, form}); at != all.end())
      end_stream(self, all, at);
}

// A stream that told something is kept for as long as its runs are, so that viewers who come back
// find the same numbers.
void end_unread_streams(scheduler_pointer self, clock::time_point t) {
  auto& s = self->state;
  for (auto at = s.followed.begin(); at != s.followed.end();) {
    auto& thread = at->second;
    if (!thread.viewed.expired())
      thread.needed = t;
    const bool kept = thread.spoke
                      && (t - thread.needed < s.app->options->runs.resumable_ttl
                          || s.executed.contains(at->first.first));
    at = thread.viewed.expired() && !kept ? end_stream(self, s.followed, at) : std::next(at);
  }
}

void execute(scheduler_pointer self, const run_queue::run_ids& started) {
  if (self->state.suspending)
    return;
  for (const auto& id : started)
    with_run(self, id, [self](const result<live_run*>& found) {
      auto* run = found ? *found : no_run;
      if (!run || self->state.suspending)
        return;
      // Set here and not when it is loaded: a run may also be loaded for a viewer, which does not
      // start it.
      const auto& id = run->plan->run_id;
      if (auto late = self->state.not_loaded.extract(id); !late.empty())
        log::info("run_loaded", {{"run_id", id}, {"tries", late.mapped().tries + 1}});
      run->for_viewers = false;
      run->started = clock::now();
      note_begun(self, *run);
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

// The run is durable, or will be soon: it will execute, also when the client is gone.
run_ref launch(scheduler_pointer self, run_plan_ptr plan, of_request given) {
  auto& s = self->state;
  auto started = s.queue.add(entry_of(*plan), now());
  run_ref ref{plan, make_live(self, plan, std::move(given)).supervisor};
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
    return launch(self, m.plan, {std::move(m.credentials), std::move(m.sealed)});
  keep_ticking(self);
  execute(self, s.queue.add(entry_of(plan), now()));
  return {m.plan, live_run_actor{}};
}

// Runs that are over by then leave nothing to be stored.
void store_later(scheduler_pointer self, const run_plan& plan) {
  auto& waiting = self->state.to_store;
  if (waiting.empty())
    remind(self, unstored_time, store_waiting_runs{});
  waiting.emplace_back(self->clock().now(), plan.run_id);
}

void store_waiting(scheduler_pointer self) {
  auto& s = self->state;
  const auto begun_before = self->clock().now() - unstored_time;
  for (; !s.to_store.empty() && s.to_store.front().first <= begun_before; s.to_store.pop_front())
    if (auto run = s.runs.find(s.to_store.front().second); run != s.runs.end())
      tell(run->second.supervisor, store_run{});
  if (!s.to_store.empty())
    remind(self, unstored_time, store_waiting_runs{});
}

// A run that its client hears of by its result alone, on a thread that goes with it, is begun
// before it is stored. Not beside suspects: what crashes the process must be among the stored then.
bool begins_unstored(scheduler_pointer self, const start_run& m) {
  const auto& plan = *m.plan;
  return m.answered_at_end && plan.drop_thread && !plan.stored_pending && !webhook_of(plan.kwargs)
         && !self->state.queue.has_suspects();
}

run_ref begin_unstored(scheduler_pointer self, start_run& m) {
  self->state.created->add();
  store_later(self, *m.plan);
  of_request given{std::move(m.credentials), std::move(m.sealed)};
  auto plan = m.plan;
  given.to_store = std::make_shared<const start_run>(std::move(m));
  return launch(self, std::move(plan), std::move(given));
}

void hand_over(scheduler_pointer self, const starting_ptr& job, bool stored = true) {
  auto& s = self->state;
  const auto& plan = *job->ask.plan;
  s.queue.arrived(plan.who->key(), plan.thread_id, plan.delayed);
  job->promise.deliver(stored ? launch(self, job->ask) : begin_unstored(self, job->ask));
  for (const auto& notify : s.start_listeners)
    notify();
  let_next_start(self, job);
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

// `thread` is null for a new one.
void create(scheduler_pointer self, const starting_ptr& job, const record* thread, bool busy,
            bool starts) {
  const auto& app = *self->state.app;
  if (auto ok = complete(app, job->ask, thread, starts); !ok)
    return give_up(self, job, ok.error());
  if (begins_unstored(self, job->ask))
    return hand_over(self, job, false);
  auto what = creation(app, job->ask, thread, busy);
  if (job->ask.firing)
    what.firings.push_back(*job->ask.firing);
  ask(
    self, app.writer, write_records{std::move(what), job->ask.plan->who->key()},
    [self, job](written) { on_stored(self, job); },
    [self, job](error why) {
      // The thread was created or deleted between the read and the write: read it again.
      const bool other =
        why.code == errc::conflict || (why.code == errc::not_found && job->ask.create_thread);
      if (other && !job->ask.stateless && !job->ask.firing
          && ++job->attempts < most_attempts_to_start)
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

// An answer where nothing is asked any more: of two at once, `reject` takes one.
bool answers_too_late(const run_plan& plan, const record& thread) {
  return answers_once(plan) && thread.status == "idle";
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
  if (thread && answers_too_late(plan, *thread))
    return give_up(self, job,
                   fail(errc::conflict,
                        "Nothing is asked on this thread any more. It may have been answered "
                        "already: read its state."));
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
  create(self, job, thread.get(), busy, !busy && starts_now(self, plan));
}

// Counts the run against its user's limits before its thread is read, so that runs created at the
// same time cannot exceed them together.
result<void> count(scheduler_pointer self, const start_run& order) {
  auto& s = self->state;
  const auto& plan = *order.plan;
  auto who = plan.who->key();
  if (auto ok = s.limits.begin_run(who, clock::now()); !ok)
    return ok;
  auto ok = s.queue.check_capacity(who, plan.delayed);
  // Crons that are due together wait in the storage, not in the way of who is there.
  if (ok && order.firing && s.queue.pending() >= s.app->options->runs.capacity / 2)
    ok = fail(errc::overloaded, "Too many runs wait to start one for a cron", "Retry-After", "1");
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
  if (job->ask.stateless)
    return create(self, job, nullptr, false, starts_now(self, *job->ask.plan));
  const auto& plan = *job->ask.plan;
  storage::read(
    self, *s.app, storage::get_head{{kind::thread, plan.who->tenant, plan.thread_id}},
    [self, job](const row_ptr& thread) { on_thread(self, job, thread); },
    [self, job](error why) { give_up(self, job, std::move(why)); });
}

void start_in_order(scheduler_pointer self, const starting_ptr& job) {
  const auto& plan = *job->ask.plan;
  if (self->state.suspending)
    return give_up(self, job, server_stopping());
  if (auto ok = count(self, job->ask); !ok)
    return give_up(self, job, ok.error());
  job->counted = true;
  if (job->ask.stateless) // its thread is its own
    return start(self, job);
  job->in_order = true;
  const thread_name which{plan.who->tenant, plan.thread_id};
  self->state.starts[which].waiting.push_back(job);
  start_next(self, which);
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

void end_all_streams(scheduler_pointer self) {
  auto& all = self->state.followed;
  for (auto at = all.begin(); at != all.end();)
    at = end_stream(self, all, at);
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
  auto job =
    new_stop(stop_reason::suspended, std::move(ids), [self, promise](result<runs_stopped> n) {
      end_all_streams(self);
      promise.deliver(std::move(n));
    });
  job->at_once = job->left.size() + s.queue.expected();
  job->asked = s.queue.expected();
  if (job->asked > 0)
    s.start_listeners.push_back([self, job] { one_stopped(self, job); });
  stop_next(self, job);
  return promise;
}

// The executing run comes first and is stopped last, so that no waiting run starts meanwhile.
run_queue::run_ids runs_to_stop(const run_queue& queue, const stop_runs& m,
                                const std::string& thread_id) {
  auto ids = m.run_ids.empty() ? queue.inflight(m.tenant, thread_id) : m.run_ids;
  std::erase_if(ids, [&](const std::string& id) {
    const auto* run = queue.find(id);
    return !run || run->who.tenant != m.tenant || run->thread_id != thread_id
           || (m.which == stop_runs::state::pending && queue.is_running(id))
           || (m.which == stop_runs::state::running && !queue.is_running(id));
  });
  return ids;
}

run_queue::run_ids runs_to_stop(const run_queue& queue, const stop_runs& m) {
  auto all = m.threads.empty() ? runs_to_stop(queue, m, m.thread_id) : run_queue::run_ids{};
  for (const auto& thread : m.threads) {
    auto ids = runs_to_stop(queue, m, thread);
    all.insert(all.end(), std::make_move_iterator(ids.begin()), std::make_move_iterator(ids.end()));
  }
  return all;
}

// The caller's runs on the threads left, one thread after the other, as far as these match.
struct stopping_own {
  stop_runs ask;
  std::vector<std::string> threads;
  promise_of<runs_stopped> promise;
  run_queue::run_ids found = {};
};

void stop_own(scheduler_pointer self, const std::shared_ptr<stopping_own>& job) {
  auto& s = self->state;
  if (job->threads.empty())
    return stop_next(
      self, new_stop(job->ask.why, std::move(job->found),
                     [to = job->promise](result<runs_stopped> n) { to.deliver(std::move(n)); }));
  job->ask.thread_id = std::move(job->threads.back());
  job->threads.pop_back();
  storage::read(
    self, *s.app, storage::get_head{{kind::thread, job->ask.tenant, job->ask.thread_id}},
    [self, job](const row_ptr& thread) {
      const auto& queue = self->state.queue;
      if (thread && job->ask.auth_filter.matches(thread->metadata))
        for (auto& id : runs_to_stop(queue, job->ask))
          if (const auto* run = queue.find(id); run && run->who.text() == job->ask.who.text())
            job->found.push_back(std::move(id));
      stop_own(self, job);
    },
    [job](error why) { job->promise.deliver(std::move(why)); });
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
      end_streams_of(self, which);
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
  if (m.thread_id.empty() && m.threads.empty())
    stop_own(self, std::make_shared<stopping_own>(
                     stopping_own{m, self->state.queue.threads_of(m.who), promise}));
  else if (m.why == stop_reason::erased)
    erase_thread(self, m, promise);
  else
    stop_next(
      self, new_stop(m.why, runs_to_stop(self->state.queue, m),
                     [promise](result<runs_stopped> n) mutable { promise.deliver(std::move(n)); }));
  return promise;
}

caf::result<run_ref> find(scheduler_pointer self, const find_run& m) {
  auto& s = self->state;
  const auto missing = fail(errc::not_found, "Run not found");
  if (auto run = s.runs.find(m.run_id); run != s.runs.end()) {
    if (run->second.plan->who->tenant != m.tenant)
      return to_caf(missing);
    return viewed_ref(run->second);
  }
  const auto* waiting = s.queue.find(m.run_id);
  if (!waiting || waiting->who.tenant != m.tenant)
    return to_caf(missing);
  promise_of<run_ref> promise{self};
  with_run(self, m.run_id, [promise, missing](const result<live_run*>& run) mutable {
    if (run && *run)
      promise.deliver(viewed_ref(**run));
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
  run.supervisor = spawn_run_supervisor(self->system(), s.app, run.plan, scheduler_actor{self}, {});
  tell_followers(self, run);
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
  else {
    note_gone(self, run->second);
    s.runs.erase(run);
  }
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

// Ends that could not be stored are tried at once when the storage can be written again, not only
// after their pauses.
void wake_waiting_ends(scheduler_pointer self) {
  auto& s = self->state;
  if (s.app->runs->ends_waiting().value() == 0)
    return;
  ask(
    self, s.app->writer, check_storage{},
    [self](written) {
      if (!std::exchange(self->state.storage_failed, false))
        return;
      for (const auto& [id, run] : self->state.runs)
        if (!run.ended)
          tell(run.supervisor, wake_up{});
    },
    [self](const error&) { self->state.storage_failed = true; });
}

void on_tick(scheduler_pointer self) {
  auto& s = self->state;
  wake_waiting_ends(self);
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
  run_queue::run_ids passed;
  for (auto it = s.runs.begin(); it != s.runs.end();) {
    auto& run = it->second;
    const bool left = run.for_viewers && run.viewed.expired();
    if (left) // ended explicitly: its open promises would keep it alive
      self->send_exit(run.supervisor, caf::exit_reason::user_shutdown);
    if (run.started && !run.ended && run.plan->suspect && !run.plan->apart
        && t - *run.started > limits.suspect_turn)
      passed.push_back(it->first);
    if (left || (run.ended && t - *run.ended > limits.resumable_ttl)) {
      note_gone(self, run);
      it = s.runs.erase(it);
      continue;
    }
    if (!run.ended && run.started && t - *run.started > limits.timeout) {
      run.started = t; // so that it is stopped only once
      tell(run.supervisor, stop_run{stop_reason::timed_out});
    }
    ++it;
  }
  for (const auto& id : passed)
    execute(self, s.queue.passed(id));
  end_unread_streams(self, t);
  s.ticks = false;
  if (!s.runs.empty() || s.queue.all() > 0 || !s.followed.empty())
    keep_ticking(self);
}

// They were accepted before the restart: counted against the limits, never refused.
void take_recovered(scheduler_pointer self, recovered_runs& recovered) {
  auto& s = self->state;
  for (auto& plan : recovered.plans) {
    static_cast<void>(s.limits.begin_run(plan->who->key(), clock::now()));
    launch(self, plan, {});
  }
  for (auto& run : recovered.delayed) {
    static_cast<void>(s.limits.begin_run(run.who, clock::now()));
    keep_ticking(self);
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
  s.workers = &m.gauge("lg_api_workers_max", "Slots for runs");
  s.active = &m.gauge("lg_api_workers_active", "Slots that are taken");
  s.available = &m.gauge("lg_api_workers_available", "Slots that are free");
  s.suspects = &m.gauge("behalf_runs_suspect_waiting",
                        "Runs that a crash interrupted, waiting for others of them");
  s.created = &m.counter("behalf_runs_created_total", "Runs accepted");
  take_recovered(self, *recovered);
  gauge(self);
  return {
    [self](start_run& m) -> caf::result<run_ref> {
      promise_of<run_ref> promise{self};
      start_in_order(self, std::make_shared<starting>(starting{std::move(m), promise}));
      return promise;
    },
    [self](const find_run& m) { return find(self, m); },
    [self](const stop_runs& m) { return stop(self, m); },
    [self](const follow_thread& m) { return follow(self, m); },
    [self](const thread_changed& m) { tell_followers(self, m); },
    [self](const slot_report& m) { on_slot(self, m); },
    [self](const run_progressed& m) { on_progress(self, m); },
    [self](const wake_up&) { on_tick(self); },
    [self](store_waiting_runs) { store_waiting(self); },
  };
}

} // namespace

scheduler_actor spawn_scheduler(caf::actor_system& sys, app_ptr app, recovered_runs recovered) {
  return sys.spawn(scheduler_behavior, std::move(app),
                   std::make_shared<recovered_runs>(std::move(recovered)));
}

} // namespace behalf::runs
