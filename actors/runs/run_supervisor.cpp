// One run: asks the engine what to do, starts nodes, stores checkpoints, hands out events, and
// stores the end before it reports it.
#include "actors/basics.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/runs/checkpoint_backlog.hpp"
#include "actors/runs/end_retries.hpp"
#include "actors/runs/event_log.hpp"
#include "actors/runs/run_meters.hpp"
#include "actors/runs/run_visible_error.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/step.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/runs/thread_updates.hpp"
#include "actors/storage/reads.hpp"
#include "actors/threads/graph_work.hpp"
#include "actors/threads/thread_pool.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace behalf::runs {
namespace {

struct viewer {
  next_events ask;
  promise_of<event_batch> promise;
};

struct live_node {
  graph_node_actor actor;
  stop_flag stopped;
};
using live_nodes = std::map<task_attempt, live_node>;

/// How the run ended, until that is stored.
struct end_to_store {
  run_outcome outcome;
  run_trace trace = run_trace::full;
  end_retries retries = {};
  bool asked = false; // the write is under way; otherwise:
  int64_t again = 0;  // the wake_up that tries again
};

struct run_supervisor_state {
  static inline const char* name = "run";
  run_supervisor_state() = default;

  app_ptr app;
  run_plan_ptr plan;
  const catalog_entry* served = nullptr; // the graph; null until the run begins
  slot_lease_ptr lease;
  deadline until{}; // the run's deadline
  scheduler_actor scheduler;
  presented_ptr credentials;
  sealed_ptr sealed;

  std::optional<loaded_checkpoint> from; // the state before the run
  std::string newest; // the thread's newest checkpoint, when the run begins at another
  std::optional<run_loop> loop;
  std::shared_ptr<const handle_list> handles = std::make_shared<handle_list>();
  live_nodes nodes;
  std::map<int64_t, task_spec> retries;   // by generation
  std::map<int64_t, task_attempt> limits; // by generation: those that have a time limit
  int64_t generation = 0;
  checkpoint_backlog checkpoints;
  std::vector<task_spec> held_back; // durability sync: started when what waits is stored
  std::optional<end_to_store> last;
  bool begun = false, ending = false;
  bool suspending = false; // the server is stopping: no retries
  int tries_to_begin = 0;
  int64_t begin_again = 0; // the wake_up that tries again
  deadline turn{};         // when the run began
  int64_t tasks_done = 0;  // in this process
  bool progress_told = false;

  std::unique_ptr<event_log> events;
  std::vector<viewer> viewers;
  std::optional<run_result> result;
  std::vector<promise_of<run_result>> waiting; // joins
  // Stops, which are also answered when the end cannot be stored yet.
  std::vector<promise_of<run_result>> stopping;
};

using run_pointer = run_supervisor_actor::stateful_pointer<run_supervisor_state>;

// --- viewers and joins -------------------------------------------------------------------------

// Answers viewers for whom there are new events.
void answer_viewers(run_pointer self) {
  auto& s = self->state;
  std::erase_if(s.viewers, [&](viewer& v) {
    auto batch = s.events->read(v.ask.after, v.ask.max);
    if (batch.says_nothing())
      return false;
    v.promise.deliver(std::move(batch));
    return true;
  });
}

caf::result<event_batch> next(run_pointer self, next_events m) {
  auto& s = self->state;
  auto batch = s.events->read(m.after, m.max);
  if (!batch.says_nothing())
    return batch;
  m.after = batch.last_seq; // a request for new events only gets a fixed start
  viewer v{m, promise_of<event_batch>{self}};
  s.viewers.push_back(v);
  return v.promise;
}

// The run was loaded for viewers only, and they have left.
void forget_viewers(run_pointer self) {
  auto& s = self->state;
  const auto unloaded = fail(errc::not_found, "Run not found");
  for (auto& v : std::exchange(s.viewers, {}))
    v.promise.deliver(unloaded);
  for (auto& promise : std::exchange(s.waiting, {}))
    promise.deliver(unloaded);
}

// Answered when the run is over.
caf::result<run_result> when_ended(run_pointer self) {
  auto& s = self->state;
  if (s.result)
    return *s.result;
  s.waiting.push_back(promise_of<run_result>{self});
  return s.waiting.back();
}

// --- checkpoints and nodes ---------------------------------------------------------------------

void put_ends(run_pointer self, const std::vector<task_end>& ends, write_batch& into) {
  const auto& plan = *self->state.plan;
  for (const auto& one : ends)
    into.task_ends.push_back(
      {{kind::checkpoint, plan.who->tenant, one.checkpoint_id, plan.thread_id},
       one.task.id,
       dump(one.task.body())});
}

// The checkpoints and ends of tasks that were not sent to the storage.
void put_unsaved(run_pointer self, write_batch& into) {
  const auto& s = self->state;
  const auto& unsaved = s.checkpoints.waiting();
  for (const auto& doc : unsaved.docs)
    into.puts.push_back({to_record(doc, s.plan->who->tenant, s.plan->thread_id, s.plan->run_id)});
  put_ends(self, unsaved.ends, into);
}

// The same for the last write of a run. Refused when a checkpoint that was sent before is not
// stored; ends that were sent are sent again, as they may be lost unnoticed.
void put_all_unsaved(run_pointer self, write_batch& into) {
  const auto& s = self->state;
  const auto& sent = s.checkpoints.under_way();
  if (!sent.docs.empty())
    into.needs.push_back(
      {kind::checkpoint, s.plan->who->tenant, sent.docs.back().id, s.plan->thread_id});
  put_ends(self, sent.ends, into);
  put_unsaved(self, into);
}

// Stops these nodes and cuts their calls.
void stop_nodes(run_pointer self, const live_nodes& nodes) {
  auto& s = self->state;
  for (const auto& [which, node] : nodes) {
    node.stopped->store(true, std::memory_order_relaxed);
    self->send_exit(node.actor, caf::exit_reason::kill);
  }
  if (!nodes.empty() && s.app->egress)
    tell(s.app->egress, cut_calls{s.plan->run_id});
}

void stop_all_nodes(run_pointer self) {
  stop_nodes(self, std::exchange(self->state.nodes, {}));
  self->state.retries.clear();
  self->state.held_back.clear();
}

// --- the end -----------------------------------------------------------------------------------

// The answer to joins of a run that has no result.
run_result no_result(std::string status, std::string_view error_class, std::string_view text) {
  json::object body{{"__error__", {{"error", error_class}, {"message", text}}}};
  return {std::move(status), std::make_shared<const json::value>(std::move(body))};
}

run_result result_of(const run_outcome& outcome, run_trace trace) {
  auto status = std::string(outcome.status());
  if (trace == run_trace::none)
    return no_result(std::move(status), "HTTPException", "404: Run not found");
  return {std::move(status), std::make_shared<const json::value>(outcome.wait_body())};
}

// Releases the slot: freed when the supervisor was its last holder, else a node's turn still holds
// it. No new holder can come.
slot_report::state release(const slot_lease_ptr& lease) {
  if (lease.use_count() > 1)
    return slot_report::state::held;
  if (lease)
    lease->settled();
  return slot_report::state::freed;
}

// Answers joins and stops, and releases what the run held.
void close_run(run_pointer self, run_result told) {
  auto& s = self->state;
  s.result = std::move(told);
  s.events->close();
  answer_viewers(self);
  // First: a client that starts its next run on this answer opens sessions after this message.
  if (s.app->mcp)
    tell(s.app->mcp, run_left{s.plan->run_id});
  else if (s.app->secrets)
    tell(s.app->secrets, close_leases{s.plan->run_id});
  for (auto* those : {&s.waiting, &s.stopping})
    for (auto& promise : std::exchange(*those, {}))
      promise.deliver(*s.result);
  // Released last: a node that returns now reports the slot as free, and the scheduler must get
  // `held` before that.
  auto lease = std::exchange(s.lease, nullptr);
  tell(s.scheduler, slot_report{s.plan->run_id, release(lease)});
  if (s.last && s.last->retries.tries() > 0)
    s.app->runs->ends_waiting().add(-1);
  s.loop.reset();
  s.from.reset();
  s.last.reset();
  s.checkpoints.forget();
}

void log_end(run_pointer self, const run_outcome& outcome) {
  const auto& s = self->state;
  const auto& plan = *s.plan;
  auto took = s.begun ? std::chrono::steady_clock::now() - s.turn : std::chrono::nanoseconds{0};
  s.app->runs->ended(plan.graph_id, outcome.status(), std::chrono::duration<double>(took).count());
  const auto write = outcome.is_failure() ? log::warning : log::info;
  write(
    "run_ended",
    {{"run_id", plan.run_id},
     {"thread_id", plan.thread_id},
     {"assistant_id", plan.assistant_id},
     {"graph", plan.graph_id},
     {"identity", plan.who->identity},
     {"status", outcome.status()},
     {"ms", std::chrono::duration<double, std::milli>(took).count()},
     {"error", outcome.error.is_object() ? string_or(outcome.error.get_object(), "error") : ""}});
  if (s.last && s.last->retries.tries() > 0)
    log::info("run_end_saved", {{"run_id", plan.run_id}, {"tries", s.last->retries.tries()}});
}

// The end is stored, or cannot be stored at all.
void ended(run_pointer self, const run_outcome& outcome, run_trace trace = run_trace::full) {
  log_end(self, outcome);
  if (outcome.is_failure())
    self->state.events->append("error", dump(outcome.error));
  close_run(self, result_of(outcome, trace));
}

// The run ends in this process without an end: it continues after a restart or elsewhere.
void end_unfinished(run_pointer self, std::string_view event, run_result told) {
  auto& s = self->state;
  if (s.result)
    return;
  log::info(event, {{"run_id", s.plan->run_id}, {"thread_id", s.plan->thread_id}});
  close_run(self, std::move(told));
}

void end_suspended(run_pointer self) {
  end_unfinished(self, "run_suspended",
                 no_result("pending", "ServerStopping", "the server is restarting"));
}

void end_taken_over(run_pointer self) {
  self->state.ending = true;
  stop_all_nodes(self);
  end_unfinished(self, "run_taken_over",
                 no_result("pending", "RunTaken", "another server goes on with the run"));
}

// --- storing the end ---------------------------------------------------------------------------

void save_end(run_pointer self);

// Joins get an error: a result that is not stored could not be read again later.
void not_saved(run_pointer self, const error& why) {
  log::error("run_end_not_saved", {{"run_id", self->state.plan->run_id}, {"reason", why.message}});
  ended(self, run_outcome::failed("StorageError", "the run's end was not saved"));
}

write_batch end_of_run(run_pointer self) {
  auto& s = self->state;
  if (s.plan->drop_thread) {
    auto what = of_run(*s.plan);
    what.erases.push_back({{kind::thread, s.plan->who->tenant, s.plan->thread_id}});
    return what;
  }
  auto what = ending_on(*s.plan, s.last->outcome, s.last->trace);
  put_all_unsaved(self, what);
  return what;
}

// The run's rows contradict what is stored: stores only that it failed.
void save_failure(run_pointer self, const error& why) {
  auto& s = self->state;
  log::error("run_end_refused", {{"run_id", s.plan->run_id}, {"reason", why.message}});
  s.last->outcome = run_outcome::failed("StorageError", "the run's end could not be stored");
  s.last->trace = run_trace::full;
  s.checkpoints.forget();
  save_end(self);
}

// Answers stops before the end is stored, as it may take long until the storage can be written.
void answer_stoppers(run_pointer self, const error& why) {
  if (why.code != errc::overloaded && why.code != errc::internal)
    return;
  error wait{errc::overloaded,
             "The run has ended; that is stored as soon as the storage can be written",
             {{"Retry-After", "5"}},
             why.kind};
  for (auto& promise : std::exchange(self->state.stopping, {}))
    promise.deliver(wait);
}

void save_later(run_pointer self, const error& why) {
  auto& s = self->state;
  auto& last = *s.last;
  auto pause = last.retries.next_pause();
  auto tries = last.retries.tries();
  if (tries == 1)
    s.app->runs->ends_waiting().add();
  if ((tries & (tries - 1)) == 0) // at 1, 2, 4, 8, … tries
    log::warning("run_end_waits",
                 {{"run_id", s.plan->run_id}, {"tries", tries}, {"reason", why.message}});
  answer_stoppers(self, why);
  last.again = ++s.generation;
  remind(self, pause, wake_up{last.again});
}

void end_stored(run_pointer self) {
  const auto& s = self->state;
  if (!s.result) // else its thread was deleted while the end was being stored
    ended(self, s.last->outcome, s.last->trace);
}

void on_end_not_saved(run_pointer self, const error& why) {
  auto& s = self->state;
  if (s.result)
    return;
  s.last->asked = false;
  if (why.kind == run_taken)
    return end_taken_over(self);
  switch (s.last->retries.after(why)) {
  case end_retries::next::retry:
    return s.suspending ? end_suspended(self) : save_later(self, why);
  case end_retries::next::store_failure:
    return save_failure(self, why);
  case end_retries::next::stop_thread_gone:
    return end_stored(self);
  case end_retries::next::stop_not_storable:
    return not_saved(self, why);
  }
}

// Stores the end, retrying for as long as it takes, and reports it then.
void save_end(run_pointer self) {
  auto& s = self->state;
  if (s.result)
    return;
  s.last->asked = true;
  ask(
    self, s.app->writer, write_records{end_of_run(self), s.plan->who->key()},
    [self](written) { end_stored(self); },
    [self](const error& why) { on_end_not_saved(self, why); });
}

// Ends the run; only the first call counts.
void finish(run_pointer self, run_outcome outcome, run_trace trace = run_trace::full) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.ending = true;
  stop_all_nodes(self);
  s.last = end_to_store{std::move(outcome), trace};
  save_end(self);
}

// --- stopped from outside ---------------------------------------------------------------------

json::value interrupt_note() {
  return json::object{{"error", "UserInterrupt"},
                      {"message", "interrupt requested via POST "
                                  "/threads/{thread_id}/runs/{run_id}/cancel"}};
}

run_outcome interrupted() {
  run_outcome outcome;
  outcome.is = run_outcome::state::interrupted;
  return outcome;
}

void cancel(run_pointer self) {
  auto& s = self->state;
  if (!s.loop)
    return finish(self, interrupted(), run_trace::row_only);
  auto out = s.loop->cancel();
  s.checkpoints.add(std::move(out.checkpoints), std::move(out.ends));
  auto outcome = out.outcome ? std::move(*out.outcome) : interrupted();
  outcome.is = run_outcome::state::interrupted;
  if (!outcome.next.empty())
    outcome.error = interrupt_note();
  finish(self, std::move(outcome));
}

// After a restart a run continues from its own checkpoint, which a rollback deletes too.
bool left_by(const run_plan& plan, const checkpoint_doc& at) {
  return at.base_metadata && string_or(*at.base_metadata, "run_id") == plan.run_id;
}

// Deletes the run and its checkpoints: the state before it is the thread's state again.
void roll_back(run_pointer self) {
  auto& s = self->state;
  s.checkpoints.forget();
  if (s.from && !left_by(*s.plan, s.from->at)) // restores it without this run's pending writes
    s.checkpoints.add({s.from->at}, {});
  finish(self, interrupted(), run_trace::none);
}

void time_out(run_pointer self) {
  auto outcome = run_outcome::failed("TimeoutError", "the run took longer than the server allows");
  outcome.is = run_outcome::state::timeout;
  finish(self, std::move(outcome));
}

// Stores the run as pending, with its checkpoints: it continues after the next start.
void suspend(run_pointer self) {
  auto& s = self->state;
  s.ending = true;
  stop_all_nodes(self);
  if (!s.begun && s.plan->stored_pending) // its row says so already
    return end_suspended(self);
  auto next = *s.plan;
  next.attempt += s.begun;
  next.delayed = false; // it was due
  auto what = of_run(*s.plan);
  put_unsaved(self, what);
  what.puts.push_back({to_record(next, "pending")});
  ask(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self](written) { end_suspended(self); }, [self](const error&) { end_suspended(self); });
}

// The run's row was deleted with its thread: no end is stored.
void end_erased(run_pointer self) {
  self->state.ending = true;
  stop_all_nodes(self);
  ended(self, interrupted(), run_trace::none);
}

void stop_with(run_pointer self, stop_reason why) {
  if (why == stop_reason::erased)
    return end_erased(self);
  if (self->state.ending)
    return;
  switch (why) {
  case stop_reason::suspended:
    return suspend(self);
  case stop_reason::timed_out:
    return time_out(self);
  case stop_reason::rolled_back:
    return roll_back(self);
  default:
    return cancel(self);
  }
}

// Tries at once to store an end that waits for its next try.
void save_now(run_pointer self) {
  auto& s = self->state;
  if (s.last->asked)
    return;
  s.last->again = ++s.generation;
  save_end(self);
}

caf::result<run_result> stop(run_pointer self, const stop_run& m) {
  auto& s = self->state;
  if (s.result)
    return *s.result;
  promise_of<run_result> promise{self};
  s.stopping.push_back(promise);
  s.suspending = s.suspending || m.why == stop_reason::suspended;
  if (s.last && m.why != stop_reason::erased)
    save_now(self);
  else
    stop_with(self, m.why);
  return promise;
}

// --- executing --------------------------------------------------------------------------------

void apply(run_pointer self, loop_output out);

void fail_run(run_pointer self, const error& why) {
  auto& s = self->state;
  if (s.loop)
    return apply(self, s.loop->fail_with(why));
  finish(self, run_outcome::failed(why));
}

// Fails the run with an error of the server.
void fail_inside(run_pointer self, const error& why) {
  fail_run(self, run_visible_error(why, self->state.plan->run_id));
}

void start_task(run_pointer self, task_spec task) {
  auto& s = self->state;
  auto which = task.this_attempt();
  auto limit = task.what->options.timeout;
  if (limit.count() > 0) {
    s.limits[++s.generation] = which;
    remind(self, limit, wake_up{s.generation});
  }
  auto stopped = std::make_shared<std::atomic<bool>>(false);
  auto until = limit.count() > 0 ? std::min(s.until, self->clock().now() + limit) : s.until;
  const auto* work = &s.served->work->of(task.what->name);
  step what{
    std::move(task), s.loop->facts(), s.plan->who, s.handles, run_supervisor_actor{self}, work,
    s.lease,         stopped,         until};
  s.nodes[which] = {spawn_graph_node(self->system(), s.app, std::move(what)), stopped};
}

void start_tasks(run_pointer self, std::vector<task_spec> tasks) {
  auto& s = self->state;
  for (auto& task : tasks) {
    if (task.after.count() == 0) {
      start_task(self, std::move(task));
      continue;
    }
    auto after = task.after;
    s.retries.emplace(++s.generation, std::move(task));
    remind(self, after, wake_up{s.generation});
  }
}

// A suspect (recovery.hpp) whose steps since the start are stored is cleared.
void note_progress(run_pointer self) {
  auto& s = self->state;
  if (!s.plan->suspect || s.tasks_done == 0 || std::exchange(s.progress_told, true))
    return;
  tell(s.scheduler, run_progressed{s.plan->run_id});
}

// The writer keeps the order of writes for one user, so the end is stored after all checkpoints.
// Checkpoints that could not be stored are sent again with the end.
void save_checkpoints(run_pointer self) {
  auto& s = self->state;
  if (s.checkpoints.empty() || s.checkpoints.is_sending())
    return;
  auto what = of_run(*s.plan);
  put_unsaved(self, what);
  s.checkpoints.send();
  auto tasks = std::make_shared<std::vector<task_spec>>(std::exchange(s.held_back, {}));
  ask(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self, tasks](written) {
      self->state.checkpoints.stored();
      note_progress(self);
      if (self->state.ending)
        return;
      start_tasks(self, std::move(*tasks));
      save_checkpoints(self);
    },
    [self](const error& why) {
      self->state.checkpoints.failed();
      if (why.kind == run_taken && !self->state.ending)
        return end_taken_over(self);
      if (!self->state.ending)
        fail_inside(self, why);
    });
}

void apply(run_pointer self, loop_output out) {
  auto& s = self->state;
  for (const auto& e : out.events)
    if (!out.outcome || e.name != "error") // the end appends it
      s.events->append(e.name, *e.data);
  const auto to_keep = !out.checkpoints.empty();
  s.checkpoints.add(std::move(out.checkpoints), std::move(out.ends));
  if (out.outcome) {
    finish(self, std::move(*out.outcome));
    return answer_viewers(self);
  }
  if (to_keep && string_or(s.plan->kwargs, "durability") == "sync")
    s.held_back = std::exchange(out.start, {}); // of a new superstep: nothing else is held back
  save_checkpoints(self);
  start_tasks(self, std::move(out.start));
  answer_viewers(self);
}

// Routers, reducers, factories and retry predicates of the graph run on this actor's thread.
void note_work(run_pointer self) {
  if (self->state.served)
    threads::doing(self->state.served->work->between);
}

void run(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  note_work(self);
  auto facts = facts_of(s.plan);
  auto flow = s.served->graph_for(facts);
  if (!flow)
    return fail_run(self, flow.error());
  auto spec = run_spec::from_kwargs({s.plan, &s.plan->kwargs}, std::move(facts));
  spec.recursion_limit =
    std::min(spec.recursion_limit, static_cast<int64_t>(s.app->options->shape.recursion_limit));
  spec.state_bytes = s.app->options->runs.state_bytes;
  spec.checkpointing = !s.plan->temporary;
  spec.from_checkpoint = !s.plan->checkpoint_id.empty();
  spec.after_crash = s.plan->attempt > 1;
  spec.newest_checkpoint = std::move(s.newest);
  s.loop.emplace(std::move(*flow), s.from, std::move(spec));
  apply(self, s.loop->begin());
}

void load(run_pointer self) {
  auto& s = self->state;
  if (s.plan->temporary || (s.plan->new_thread && s.plan->attempt == 1))
    return run(self);
  // After a crash the run continues from the thread's head: its own last checkpoint.
  auto at = s.plan->attempt > 1 ? std::string{} : s.plan->checkpoint_id;
  storage::read(
    self, *s.app, storage::read_checkpoints{s.plan->thread_id, "", at, s.plan->who->key()},
    [self, at](storage::found_checkpoints& found) {
      auto loaded = load_chain(found.rows);
      if (!loaded)
        return fail_run(self, loaded.error());
      if (!*loaded && !at.empty())
        return fail_run(
          self, {errc::not_found, "No checkpoint " + at + " on this thread", {}, "ValueError"});
      self->state.from = std::move(*loaded);
      self->state.newest = std::move(found.newest);
      run(self);
    },
    [self](const error& why) { fail_inside(self, why); });
}

// Opens the handles for the user's credentials, then loads the state.
void open_and_load(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  if (!s.app->secrets)
    return load(self);
  ask(
    self, s.app->secrets,
    open_leases{s.plan->who, s.plan->run_id, std::exchange(s.credentials, nullptr),
                std::exchange(s.sealed, nullptr)},
    [self](run_handles& m) {
      self->state.handles = std::make_shared<handle_list>(std::move(m.by_service));
      load(self);
    },
    [self](const error& why) { fail_inside(self, why); });
}

// Stores a run that waited as running before it executes, so that a crash is attributed to it at
// the next start; one that did not wait was stored so when created. While the storage cannot be
// written the run waits: nothing it did could be stored.
void note_running(run_pointer self) {
  auto& s = self->state;
  s.begun = true;
  auto what = of_run(*s.plan);
  what.puts.push_back({to_record(*s.plan, "running")});
  ask(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self](written) { open_and_load(self); },
    [self](const error& why) {
      auto& s = self->state;
      if (why.kind == run_taken && !s.ending)
        return end_taken_over(self);
      if (why.code == errc::not_found && !s.ending) // it was deleted with its thread
        return fail_run(self, why);
      if (why.kind != storage_full)
        return open_and_load(self);
      if (s.ending)
        return;
      if (s.tries_to_begin++ == 0)
        log::warning("run_waits_for_room", {{"run_id", s.plan->run_id}});
      s.begun = false;
      s.begin_again = ++s.generation;
      remind(self, retry_pause(s.tries_to_begin), wake_up{s.begin_again});
    });
}

void execute(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.begun = true;
  s.turn = std::chrono::steady_clock::now();
  auto waited = std::chrono::duration<double>(now() - s.plan->created_at).count();
  s.app->runs->began(std::max(0.0, waited)); // the clock may have been set back
  s.until = self->clock().now() + s.app->options->runs.timeout;
  s.served = s.app->graphs.by_graph(s.plan->graph_id);
  s.events->append("metadata",
                   dump(json::object{{"run_id", s.plan->run_id}, {"attempt", s.plan->attempt}}));
  answer_viewers(self);
  if (!s.served)
    return fail_run(
      self, {errc::not_found, "Graph '" + s.plan->graph_id + "' is not served", {}, "ValueError"});
  if (!s.plan->given_up.empty())
    return fail_run(self, {errc::internal, s.plan->given_up, {}, "RuntimeError"});
  if (s.plan->stored_pending || s.plan->attempt > 1)
    return note_running(self);
  open_and_load(self);
}

void on_wake(run_pointer self, int64_t generation) {
  auto& s = self->state;
  if (s.last && s.last->again == generation)
    return save_end(self);
  if (s.begin_again == generation && !s.ending)
    return note_running(self);
  if (auto retry = s.retries.extract(generation); !retry.empty() && !s.ending)
    return start_task(self, std::move(retry.mapped()));
  auto limit = s.limits.extract(generation);
  if (limit.empty() || s.ending)
    return;
  live_nodes late;
  late.insert(s.nodes.extract(limit.mapped()));
  if (late.empty())
    return;
  stop_nodes(self, late);
  error why{errc::timeout, "the node took longer than its limit", {}, "NodeTimeoutError"};
  apply(self, s.loop->task_done(limit.mapped(), why));
}

run_supervisor_actor::behavior_type
supervisor_behavior(run_pointer self, app_ptr app, run_plan_ptr plan, scheduler_actor scheduler,
                    presented_ptr credentials, sealed_ptr sealed) {
  install_fault_handlers(self);
  // An exception in this actor ends the run, not the server.
  self->set_exception_handler([self, scheduler, id = plan->run_id](std::exception_ptr& thrown) {
    log_thrown("run", thrown);
    stop_all_nodes(self);
    log::error("run_supervisor_failed", {{"run_id", id}});
    tell(scheduler, slot_report{id, slot_report::state::lost});
    return to_caf(fail(errc::internal, "the run's supervisor failed"));
  });
  self->set_exit_handler([self](caf::exit_msg& m) {
    forget_viewers(self);
    self->quit(std::move(m.reason));
  });
  auto& s = self->state;
  s.events = app->events->open(plan->run_id, plan->who->key().text());
  s.app = std::move(app);
  s.plan = std::move(plan);
  s.scheduler = std::move(scheduler);
  s.lease = std::make_shared<slot_lease>(s.scheduler, s.plan->run_id);
  s.credentials = std::move(credentials);
  s.sealed = std::move(sealed);
  return {
    [self](execute_run) { execute(self); },
    [self](const next_events& m) { return next(self, m); },
    [self](await_result) { return when_ended(self); },
    [self](const stop_run& m) { return stop(self, m); },
    [self](task_event& m) {
      note_work(self);
      if (self->state.loop && !self->state.ending)
        apply(self, self->state.loop->written(m.by, std::move(*m.item)));
    },
    [self](task_finished& m) {
      if (self->state.nodes.erase(m.which) == 0) // it was stopped
        return;
      note_work(self);
      ++self->state.tasks_done;
      std::erase_if(self->state.limits, [&](const auto& one) { return one.second == m.which; });
      if (self->state.loop && !self->state.ending)
        apply(self, self->state.loop->task_done(m.which, std::move(*m.outcome)));
    },
    [self](const wake_up& m) { on_wake(self, m.generation); },
  };
}

} // namespace

run_supervisor_actor spawn_run_supervisor(caf::actor_system& sys, app_ptr app, run_plan_ptr plan,
                                          scheduler_actor scheduler, presented_ptr credentials,
                                          sealed_ptr sealed) {
  return sys.spawn(supervisor_behavior, std::move(app), std::move(plan), std::move(scheduler),
                   std::move(credentials), std::move(sealed));
}

} // namespace behalf::runs
