// One run: asks the engine what to do, starts nodes, stores checkpoints, hands out events, and
// stores the end before it reports it.
#include "actors/basics.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/runs/checkpoint_backlog.hpp"
#include "actors/runs/end_retries.hpp"
#include "actors/runs/model_meters.hpp"
#include "actors/runs/run_meters.hpp"
#include "actors/runs/run_visible_error.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/step.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/runs/thread_updates.hpp"
#include "actors/runs/watched_log.hpp"
#include "actors/runs/webhook_call.hpp"
#include "actors/storage/reads.hpp"
#include "actors/threads/graph_work.hpp"
#include "actors/threads/thread_pool.hpp"
#include "agents/models/spending.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <bit>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace behalf::runs {
namespace {

struct live_node {
  graph_node_actor actor;
  stop_flag stopped;
};
using live_nodes = std::map<task_attempt, live_node>;

/// Whether the run is durable. One that its client hears of by its result alone is begun before
/// that (decision 0036).
enum class storing : uint8_t { not_begun, under_way, done };

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
  const catalog_entry* served = nullptr;  // the graph; null until the run begins
  std::shared_ptr<run_spending> spending; // likewise; null: there are no models
  slot_lease_ptr lease;
  deadline until{}; // the run's deadline
  scheduler_actor scheduler;
  of_request given;
  storing stored = storing::done;
  std::vector<promise_of<written>> when_stored;
  std::vector<promise_of<written>> when_settled; // when no checkpoint waits to be stored
  std::optional<error> refused;                  // it could not be stored

  std::unique_ptr<loaded_checkpoint> from; // the state before the run; its values until it begins
  std::string newest; // the thread's newest checkpoint, when the run begins at another
  std::optional<run_tree> loop;
  std::vector<checkpoint_doc> from_inside; // as `from`, of graphs inside
  std::shared_ptr<const handle_list> handles = std::make_shared<handle_list>();
  live_nodes nodes;
  std::map<int64_t, task_spec> later;     // by generation: retries, and tasks that are graphs
  std::map<int64_t, task_attempt> limits; // by generation: those that have a time limit
  int64_t generation = 0;
  checkpoint_backlog checkpoints;
  std::vector<task_spec> held_back; // durability sync: started when what waits is stored
  std::unique_ptr<end_to_store> last;
  // The last write, and the wake_up after which it waits no longer: answers that were cut are not
  // counted yet.
  void (*when_counted)(run_supervisor_actor::stateful_pointer<run_supervisor_state>) = nullptr;
  int64_t counted_by = 0;
  bool begun = false, ending = false;
  bool suspending = false; // the server is stopping: no retries
  int tries_to_begin = 0;
  int64_t begin_again = 0;              // the wake_up that tries again
  deadline turn{};                      // when the run began
  std::optional<time_point> began = {}; // the same by the wall clock
  int64_t tasks_done = 0;               // in this process
  uint64_t usage_writes = 0;            // likewise
  bool progress_told = false;

  watched_log events;
  std::optional<run_result> result;
  std::vector<promise_of<run_result>> waiting; // joins
  // Stops, which are also answered when the end cannot be stored yet.
  std::vector<promise_of<run_result>> stopping;
};

using run_pointer = run_supervisor_actor::stateful_pointer<run_supervisor_state>;

// --- viewers and joins -------------------------------------------------------------------------

// The run was loaded for viewers only, and they have left.
void forget_viewers(run_pointer self) {
  auto& s = self->state;
  const auto unloaded = fail(errc::not_found, "Run not found");
  s.events.refuse_all(unloaded);
  for (auto& promise : std::exchange(s.waiting, {}))
    promise.deliver(unloaded);
}

// The run is as if its client had been refused.
void tell_refused(run_pointer self, const error& why) {
  auto& s = self->state;
  s.refused = why;
  for (auto& promise : std::exchange(s.waiting, {}))
    promise.deliver(why);
}

// Answered when the run is over.
caf::result<run_result> when_ended(run_pointer self) {
  auto& s = self->state;
  if (s.refused)
    return to_caf(*s.refused);
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
      {{kind::checkpoint, plan.who->tenant, one.checkpoint_id, plan.thread_id, one.ns},
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
    into.needs.push_back({kind::checkpoint, s.plan->who->tenant, sent.docs.back().id,
                          s.plan->thread_id, sent.docs.back().ns});
  put_ends(self, sent.ends, into);
  put_unsaved(self, into);
}

// What models were asked and cost since it was stored last.
std::vector<run_usage> put_usage(run_pointer self, write_batch& into) {
  const auto& s = self->state;
  auto unsaved = s.spending ? s.spending->take_unsaved() : std::vector<run_usage>{};
  const auto& who = *s.plan->who;
  for (const auto& one : unsaved)
    into.usage.push_back(
      {who.tenant, who.key().text(), who.identity, one.day, one.model, one.agent, one.used});
  return unsaved;
}

// Outside of the run's own writes, which are over. It is spent, whatever became of the run.
void save_usage(run_pointer self) {
  const auto& s = self->state;
  write_batch what;
  if (put_usage(self, what).empty())
    return;
  ask(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()}, [](written) {},
    [id = s.plan->run_id](const error& why) {
      log::error("usage_not_saved", {{"run_id", id}, {"reason", why.message}});
    });
}

// The write was refused: the next one has it.
void keep_usage(run_pointer self, std::vector<run_usage> unsaved) {
  if (unsaved.empty())
    return;
  self->state.spending->put_back(std::move(unsaved));
  if (self->state.result)
    save_usage(self);
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
  self->state.later.clear();
  self->state.held_back.clear();
  for (auto& promise : std::exchange(self->state.when_settled, {}))
    promise.deliver(fail(errc::conflict, "the run has ended"));
}

// How long a run waits for what the answers that it cut came to. A node in a long turn of its own
// learns late that it was stopped; then only the figures by day have it.
constexpr std::chrono::seconds longest_counting{1};

// Goes on when what the stopped nodes had asked models is counted: the run's last write tells it,
// and an attempt after a restart has no more to spend than is left.
void once_counted(run_pointer self, void (*then)(run_pointer)) {
  auto& s = self->state;
  if (!s.spending || !s.spending->is_asking())
    return then(self);
  s.when_counted = then;
  s.counted_by = ++s.generation;
  remind(self, longest_counting, wake_up{s.counted_by});
}

void counted(run_pointer self) {
  if (auto then = std::exchange(self->state.when_counted, nullptr); then && !self->state.result)
    then(self);
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
  save_usage(self);
  s.events->close();
  s.events.answer();
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
  s.from_inside.clear();
  s.last.reset();
  s.checkpoints.forget();
  s.given.to_store.reset();
}

void log_end(run_pointer self, const run_outcome& outcome) {
  const auto& s = self->state;
  const auto& plan = *s.plan;
  auto took = s.begun ? std::chrono::steady_clock::now() - s.turn : std::chrono::nanoseconds{0};
  s.app->runs->ended(plan.graph_id, outcome.status(), std::chrono::duration<double>(took).count());
  const auto spent = s.spending ? s.spending->totals() : json::object{};
  const auto* cost = member(spent, "cost");
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
     {"cost", cost ? cost->to_number<double>() : 0.0},
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

// Whether a write was refused because another server has the run; then it ends here.
bool was_taken(run_pointer self, const error& why) {
  if (why.kind != run_taken)
    return false;
  end_taken_over(self);
  return true;
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
  write_batch what;
  if (s.stored == storing::not_begun) {
    // Nobody has heard of it: it leaves nothing.
  } else if (s.plan->drop_thread) {
    what = of_run(*s.plan);
    what.erases.push_back({{kind::thread, s.plan->who->tenant, s.plan->thread_id}});
  } else {
    what = ending_on(*s.plan, s.last->outcome, s.last->trace,
                     s.spending ? s.spending->totals() : json::object{});
    put_all_unsaved(self, what);
  }
  auto call = webhook_call_of(*s.plan, s.last->outcome, s.last->trace, s.began,
                              s.app->options->webhooks.max_body_bytes);
  if (call)
    what.puts.push_back({std::move(*call)});
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
  error wait{
    errc::overloaded,
    "The run is stopped, which is stored as soon as the storage can be written; it goes on if "
    "the server ends before that",
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
  if (s.app->webhooks && webhook_of(s.plan->kwargs))
    tell(s.app->webhooks, webhook_due{s.plan->run_id, s.plan->who->key()});
  if (!s.result) // else its thread was deleted while the end was being stored
    ended(self, s.last->outcome, s.last->trace);
}

void on_end_not_saved(run_pointer self, const error& why) {
  auto& s = self->state;
  if (s.result)
    return;
  s.last->asked = false;
  if (was_taken(self, why))
    return;
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
  auto what = end_of_run(self);
  if (what.puts.empty() && what.held.empty())
    return end_stored(self);
  auto usage = put_usage(self, what);
  s.last->asked = true;
  ask(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self](written) { end_stored(self); },
    [self, usage = std::move(usage)](const error& why) {
      keep_usage(self, usage);
      on_end_not_saved(self, why);
    });
}

// Ends the run; only the first call counts.
void finish(run_pointer self, run_outcome outcome, run_trace trace = run_trace::full) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.ending = true;
  stop_all_nodes(self);
  s.last = std::make_unique<end_to_store>(end_to_store{std::move(outcome), trace});
  once_counted(self, save_end);
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
  std::erase_if(s.from_inside, [&](const auto& doc) { return left_by(*s.plan, doc); });
  s.checkpoints.add(std::move(s.from_inside), {});
  finish(self, interrupted(), run_trace::none);
}

void time_out(run_pointer self) {
  auto outcome = run_outcome::failed("TimeoutError", "the run took longer than the server allows");
  outcome.is = run_outcome::state::timeout;
  finish(self, std::move(outcome));
}

// Stores the run as pending, with its checkpoints: it continues after the next start.
void save_suspended(run_pointer self) {
  auto& s = self->state;
  if (!s.begun && s.plan->stored_pending) // its row says so already
    return end_suspended(self);
  auto next = *s.plan;
  next.attempt += s.begun;
  next.delayed = false; // it was due
  const auto totals = s.spending ? s.spending->totals() : json::object{};
  auto what = s.stored == storing::not_begun ? creation(*s.app, *s.given.to_store, nullptr, false)
                                             : of_run(*s.plan);
  put_unsaved(self, what);
  what.puts.push_back({to_record(next, "pending", nullptr, totals)});
  auto usage = put_usage(self, what);
  ask(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self](written) { end_suspended(self); },
    [self, usage = std::move(usage)](const error& why) {
      keep_usage(self, usage);
      if (self->state.stored == storing::not_begun) // no start will find it
        tell_refused(self, why);
      end_suspended(self);
    });
}

void suspend(run_pointer self) {
  self->state.ending = true;
  stop_all_nodes(self);
  once_counted(self, save_suspended);
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
  if (s.last->asked || s.when_counted)
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

// --- storing a run that has begun --------------------------------------------------------------

// It could not be stored, and ends as if it had never been.
void refuse_run(run_pointer self, const error& why) {
  auto& s = self->state;
  for (auto& promise : std::exchange(s.when_stored, {}))
    promise.deliver(why);
  if (s.ending)
    return s.last ? save_now(self) : void();
  s.ending = true;
  stop_all_nodes(self);
  tell_refused(self, why);
  ended(self, run_outcome::failed(why), run_trace::none);
}

// The writer keeps the order of writes for one user, so the end is stored after this.
void store(run_pointer self) {
  auto& s = self->state;
  s.stored = storing::under_way;
  ask(
    self, s.app->writer,
    write_records{creation(*s.app, *s.given.to_store, nullptr, false), s.plan->who->key()},
    [self](written) {
      auto& s = self->state;
      s.stored = storing::done;
      s.given.to_store.reset();
      for (auto& promise : std::exchange(s.when_stored, {}))
        promise.deliver(written{});
    },
    [self](const error& why) {
      self->state.stored = storing::not_begun;
      refuse_run(self, why);
    });
}

caf::result<written> when_stored(run_pointer self) {
  auto& s = self->state;
  if (s.stored == storing::done)
    return written{};
  if (s.ending)
    return to_caf(s.refused.value_or(fail(errc::conflict, "the run has ended")));
  s.when_stored.push_back(promise_of<written>{self});
  auto promise = s.when_stored.back();
  if (s.stored == storing::not_begun)
    store(self);
  return promise;
}

caf::result<written> when_settled(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return to_caf(fail(errc::conflict, "the run has ended"));
  if (s.checkpoints.empty() && !s.checkpoints.is_sending())
    return written{};
  s.when_settled.push_back(promise_of<written>{self});
  return s.when_settled.back();
}

// --- executing --------------------------------------------------------------------------------

void apply(run_pointer self, tree_output out);

// Routers, reducers, factories and retry predicates of the graph run on this actor's thread.
void note_work(run_pointer self) {
  if (self->state.served)
    threads::doing(self->state.served->work->between);
}

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
  if (task.what->subgraph)
    return apply(self, s.loop->enter(std::move(task)));
  auto stopped = std::make_shared<std::atomic<bool>>(false);
  auto until = limit.count() > 0 ? std::min(s.until, self->clock().now() + limit) : s.until;
  const auto* work = &s.served->work->of(*task.what);
  step what{std::move(task),
            s.loop->facts(),
            s.plan->who,
            s.handles,
            run_supervisor_actor{self},
            work,
            s.lease,
            stopped,
            until,
            s.stored == storing::done};
  s.nodes[which] = {spawn_graph_node(self->system(), s.app, std::move(what)), stopped};
}

void start_tasks(run_pointer self, std::vector<task_spec> tasks) {
  auto& s = self->state;
  for (auto& task : tasks) {
    const auto after = task.after;
    const auto is_graph = task.what->subgraph != nullptr;
    if (after.count() == 0 && !is_graph) {
      start_task(self, std::move(task));
      continue;
    }
    s.later.emplace(++s.generation, std::move(task));
    if (after.count() > 0)
      remind(self, after, wake_up{s.generation});
    else // it may end at once, and so may the next: not on one stack
      tell(self, wake_up{s.generation});
  }
}

// A suspect (recovery.hpp) whose steps since the start are stored is cleared.
void note_progress(run_pointer self) {
  auto& s = self->state;
  if (!s.plan->suspect || s.tasks_done == 0 || std::exchange(s.progress_told, true))
    return;
  tell(s.scheduler, run_progressed{s.plan->run_id});
}

// An attempt after a crash goes on with what models have cost, and with what limits are left. That
// is in the run's row, beside its input: a long one is written at the 1st, 2nd, 4th, 8th, … answer.
bool is_row_due(run_supervisor_state& s) {
  constexpr std::size_t long_input = 64 << 10;
  return std::has_single_bit(++s.usage_writes)
         || text_bytes(s.plan->kwargs, long_input) < long_input;
}

// The writer keeps the order of writes for one user, so the end is stored after all checkpoints.
// Checkpoints that could not be stored are sent again with the end.
void save_checkpoints(run_pointer self) {
  auto& s = self->state;
  if (s.checkpoints.empty() || s.checkpoints.is_sending())
    return;
  auto what = of_run(*s.plan);
  put_unsaved(self, what);
  auto usage = put_usage(self, what);
  if (!usage.empty() && is_row_due(s))
    what.puts.push_back({to_record(*s.plan, "running", nullptr, s.spending->totals())});
  s.checkpoints.send();
  auto tasks = std::make_shared<std::vector<task_spec>>(std::exchange(s.held_back, {}));
  ask(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self, tasks](written) {
      self->state.checkpoints.stored();
      if (self->state.checkpoints.empty())
        for (auto& promise : std::exchange(self->state.when_settled, {}))
          promise.deliver(written{});
      note_progress(self);
      if (self->state.ending)
        return;
      start_tasks(self, std::move(*tasks));
      save_checkpoints(self);
    },
    [self, usage = std::move(usage)](const error& why) {
      keep_usage(self, usage);
      self->state.checkpoints.failed();
      if (!was_taken(self, why) && !self->state.ending)
        fail_inside(self, why);
    });
}

// What a graph inside goes on from.
void load_inside(run_pointer self, wanted_checkpoint what) {
  auto& s = self->state;
  storage::read_checkpoints read{s.plan->thread_id, what.ns, what.id, s.plan->who->key()};
  storage::read(
    self, *s.app, std::move(read),
    [self, by = what.by, id = what.id](storage::found_checkpoints& found) {
      auto& s = self->state;
      if (s.ending || !s.loop)
        return;
      auto loaded = load_chain(found.rows);
      if (!loaded)
        return fail_run(self, loaded.error());
      if (*loaded && id.empty()) // else it is copied
        s.from_inside.push_back((*loaded)->at);
      note_work(self);
      apply(self, s.loop->loaded(by, std::move(*loaded)));
    },
    [self](const error& why) {
      if (!self->state.ending)
        fail_inside(self, why);
    });
}

// Nodes that called graphs: those are answered, and those end that wait for one that has stopped.
void tell_callers(run_pointer self, tree_output& out) {
  auto& s = self->state;
  for (auto& one : out.replies)
    if (auto at = s.nodes.find(one.to); at != s.nodes.end())
      tell(at->second.actor,
           effect_answered{one.ask_id, std::make_shared<effect_reply>(std::move(one.reply))});
  live_nodes gone;
  for (const auto& one : out.stop) {
    gone.insert(s.nodes.extract(one));
    auto same = [&](const auto& task) { return task.this_attempt() == one; };
    std::erase_if(s.held_back, same);
    std::erase_if(s.later, [&](const auto& later) { return same(later.second); });
  }
  stop_nodes(self, gone);
}

void apply(run_pointer self, tree_output out) {
  auto& s = self->state;
  for (const auto& e : out.events)
    if (!out.outcome || e.name != "error") // the end appends it
      s.events->append(e.name, e.data, now());
  const auto to_keep = !out.checkpoints.empty();
  s.checkpoints.add(std::move(out.checkpoints), std::move(out.ends));
  if (out.outcome) {
    const auto trace = out.outcome->refused ? run_trace::row_only : run_trace::full;
    finish(self, std::move(*out.outcome), trace);
    return s.events.answer();
  }
  tell_callers(self, out);
  if (to_keep && string_or(s.plan->kwargs, "durability") == "sync") { // of a new superstep
    std::move(out.start.begin(), out.start.end(), std::back_inserter(s.held_back));
    out.start.clear();
  }
  save_checkpoints(self);
  for (auto& one : out.load)
    load_inside(self, std::move(one));
  start_tasks(self, std::move(out.start));
  s.events.answer();
}

void run(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  note_work(self);
  auto facts = facts_of(s.plan, s.app->models, s.spending);
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
  spec.anew = spec.after_crash && (s.plan->temporary || spec.lasting == durability_mode::exit);
  spec.created_at = s.plan->created_at;
  spec.newest_checkpoint = std::move(s.newest);
  std::optional<loaded_checkpoint> from;
  if (s.from)
    from = loaded_checkpoint{s.from->at, std::exchange(s.from->values, {})};
  s.loop.emplace(std::move(*flow), std::move(from), std::move(spec));
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
      if (*loaded)
        self->state.from = std::make_unique<loaded_checkpoint>(std::move(**loaded));
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
    open_leases{s.plan->who, s.plan->run_id, std::exchange(s.given.credentials, nullptr),
                std::exchange(s.given.sealed, nullptr)},
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
      if (was_taken(self, why))
        return;
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
  s.began = now();
  auto waited = std::chrono::duration<double>(now() - s.plan->created_at).count();
  s.app->runs->began(std::max(0.0, waited)); // the clock may have been set back
  s.until = self->clock().now() + s.app->options->runs.timeout;
  s.served = s.app->graphs.by_graph(s.plan->graph_id);
  if (s.app->spending)
    s.spending =
      std::make_shared<run_spending>(s.app->spending, s.plan->who->tenant,
                                     s.plan->who->key().text(), s.plan->graph_id, s.plan->usage);
  s.events->append("metadata",
                   dump(json::object{{"run_id", s.plan->run_id}, {"attempt", s.plan->attempt}}));
  s.events.answer();
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
  if (generation == 0) // the storage can be written again
    return s.last ? save_now(self) : void();
  if (s.when_counted && s.counted_by == generation)
    return counted(self);
  if (s.last && s.last->again == generation)
    return save_end(self);
  if (s.begin_again == generation && !s.ending)
    return note_running(self);
  if (auto task = s.later.extract(generation); !task.empty() && !s.ending)
    return start_task(self, std::move(task.mapped()));
  auto limit = s.limits.extract(generation);
  if (limit.empty() || s.ending)
    return;
  live_nodes late;
  late.insert(s.nodes.extract(limit.mapped()));
  stop_nodes(self, late); // none: it is a graph, or has ended
  error why{errc::timeout, "the node took longer than its limit", {}, "NodeTimeoutError"};
  apply(self, s.loop->task_done(limit.mapped(), why));
}

run_supervisor_actor::behavior_type supervisor_behavior(run_pointer self, app_ptr app,
                                                        run_plan_ptr plan,
                                                        scheduler_actor scheduler,
                                                        of_request given) {
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
  s.events =
    watched_log{app->events->open(plan->run_id, plan->who->key().text()), plan->resumable()};
  s.app = std::move(app);
  s.plan = std::move(plan);
  s.scheduler = std::move(scheduler);
  s.lease = std::make_shared<slot_lease>(s.scheduler, s.plan->run_id);
  s.given = std::move(given);
  s.stored = s.given.to_store ? storing::not_begun : storing::done;
  return {
    [self](execute_run) { execute(self); },
    [self](next_events& m) { return self->state.events.next(self, std::move(m)); },
    [self](await_result) { return when_ended(self); },
    [self](const stop_run& m) { return stop(self, m); },
    [self](const store_run& m) { return m.checkpoints ? when_settled(self) : when_stored(self); },
    [self](task_event& m) {
      note_work(self);
      if (m.item->type == stream_item::kind::usage) {
        self->state.app->models_used->count(m.item->data.as_object());
        if (self->state.result)
          save_usage(self); // it was stopped in a long turn of its own
        else if (self->state.when_counted && !self->state.spending->is_asking())
          counted(self);
        return;
      }
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
    [self](subgraph_asked& m) {
      auto& s = self->state;
      if (!s.loop || s.ending)
        return;
      note_work(self);
      apply(self, m.what ? s.loop->call(m.by, m.ask_id, std::move(*m.what))
                         : s.loop->take_back(m.by, m.ask_id));
    },
    [self](const wake_up& m) { on_wake(self, m.generation); },
  };
}

} // namespace

run_supervisor_actor spawn_run_supervisor(caf::actor_system& sys, app_ptr app, run_plan_ptr plan,
                                          scheduler_actor scheduler, of_request given) {
  return sys.spawn(supervisor_behavior, std::move(app), std::move(plan), std::move(scheduler),
                   std::move(given));
}

} // namespace behalf::runs
