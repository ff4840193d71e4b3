// One run: asks the engine what to do, starts nodes, keeps checkpoints, hands out events, and
// makes the end durable before anyone hears of it.
#include "actors/outside/messages.hpp"
#include "actors/runs/own_faults.hpp"
#include "actors/runs/run_state.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/storage/messages.hpp"
#include "actors/threads/thread_pool.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

namespace behalf::runs {
namespace {

void apply(run_pointer self, loop_output out);

caf::result<event_batch> next(run_pointer self, next_events m) {
  auto& s = self->state;
  m.after = std::min(m.after, s.events.last_seq()); // "from now on" is a number from now on
  if (s.events.has_news(m.after))
    return s.events.read(m.after, m.max);
  viewer v{m, self->make_response_promise<event_batch>()};
  s.viewers.push_back(v);
  return v.promise;
}

void fail_run(run_pointer self, const error& why) {
  auto& s = self->state;
  if (s.loop)
    return apply(self, s.loop->fail_with(why));
  finish(self, failure(why));
}

// What the core could not do for the run.
void fail_inside(run_pointer self, const error& why) {
  fail_run(self, for_run(why, self->state.plan->run_id));
}

// --- executing ---------------------------------------------------------------------------------

void start_task(run_pointer self, task_spec task) {
  auto& s = self->state;
  auto id = task.id;
  auto limit = task.what->options.timeout;
  if (limit.count() > 0) {
    s.limits[++s.generation] = id;
    self->delayed_send(self, limit, wake_up{s.generation});
  }
  auto stopped = std::make_shared<std::atomic<bool>>(false);
  auto until = limit.count() > 0 ? std::min(s.until, self->clock().now() + limit) : s.until;
  const auto* work = &s.work->nodes.find(task.what->name)->second;
  step what{
    std::move(task), s.loop->facts(), s.plan->who, s.handles, run_supervisor_actor{self}, work,
    s.lease,         stopped,         until};
  s.nodes[id] = {spawn_graph_node(self->system(), s.app, std::move(what)), stopped};
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
    self->delayed_send(self, after, wake_up{s.generation});
  }
}

// The writer keeps the order of what it is sent in one user's name, so the end, which is waited
// for, comes after all checkpoints. Those that could not be stored go with the end.
template <class Then>
void save_checkpoints(run_pointer self, Then then) {
  auto& s = self->state;
  auto what = of_run(*s.plan);
  what.puts = unsaved(self);
  auto number = s.checkpoints.send();
  ask_core(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self, number, then = std::move(then)](written) mutable {
      self->state.checkpoints.stored(number);
      then();
    },
    [self, number](const error& why) {
      self->state.checkpoints.failed(number);
      if (!self->state.ending)
        fail_inside(self, why);
    });
}

// Its steps since the start are durable: it was not this run that ended the process.
void note_progress(run_pointer self) {
  auto& s = self->state;
  if (!s.plan->suspect || s.tasks_done == 0 || std::exchange(s.progress_told, true))
    return;
  self->send(s.scheduler, run_progressed{s.plan->run_id});
}

void apply(run_pointer self, loop_output out) {
  auto& s = self->state;
  for (const auto& e : out.events)
    if (!out.finish || e.name != "error") // that is told with the end
      s.events.append(e.name, *e.data);
  s.checkpoints.add(std::move(out.checkpoints));
  if (out.finish) {
    finish(self, ending_of(*s.plan, *out.finish));
    return show_news(self);
  }
  auto lasting = string_or(s.plan->kwargs, "durability");
  if (s.checkpoints.empty() || lasting == "exit") {
    start_tasks(self, std::move(out.start));
  } else if (lasting == "sync") {
    auto tasks = std::make_shared<std::vector<task_spec>>(std::move(out.start));
    save_checkpoints(self, [self, tasks] {
      note_progress(self);
      if (!self->state.ending)
        start_tasks(self, std::move(*tasks));
    });
  } else {
    save_checkpoints(self, [self] { note_progress(self); });
    start_tasks(self, std::move(out.start));
  }
  show_news(self);
}

std::shared_ptr<const run_facts> facts_of(const run_plan_ptr& shared) {
  const auto& plan = *shared;
  auto facts = std::make_shared<run_facts>();
  facts->run_id = plan.run_id;
  facts->thread_id = plan.thread_id;
  facts->graph_id = plan.graph_id;
  facts->assistant_id = plan.assistant_id;
  facts->config = {shared, &object_or_empty(plan.kwargs, "config")};
  if (const auto* context = member(plan.kwargs, "context"))
    facts->run_context = {shared, context};
  facts->metadata = plan.metadata;
  facts->metadata["run_id"] = plan.run_id;
  facts->metadata["thread_id"] = plan.thread_id;
  facts->metadata["graph_id"] = plan.graph_id;
  facts->metadata["run_attempt"] = plan.attempt;
  return facts;
}

// Routers, reducers and what retries are for are the graph's own code.
void note_work(run_pointer self) {
  if (self->state.work)
    threads::doing(self->state.work->between);
}

void run(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  note_work(self);
  auto spec = run_spec::from_kwargs({s.plan, &s.plan->kwargs}, facts_of(s.plan));
  spec.recursion_limit =
    std::min(spec.recursion_limit, static_cast<int64_t>(s.app->options.shape.recursion_limit));
  spec.state_bytes = s.app->options.runs.state_bytes;
  spec.checkpointing = !s.plan->temporary;
  spec.from_checkpoint = !s.plan->checkpoint_id.empty();
  spec.after_crash = s.plan->attempt > 1;
  spec.newest_checkpoint = std::move(s.newest);
  s.loop.emplace(s.flow, s.from, std::move(spec));
  apply(self, s.loop->begin());
}

void load(run_pointer self) {
  auto& s = self->state;
  if (s.plan->temporary || (s.plan->new_thread && s.plan->attempt == 1))
    return run(self);
  // After a crash the thread's head is this run's own last checkpoint, wherever it began.
  auto at = s.plan->attempt > 1 ? std::string{} : s.plan->checkpoint_id;
  ask_core(
    self, s.app->scans, read_checkpoints{s.plan->thread_id, "", at, s.plan->who->key()},
    [self, at](found_checkpoints& found) {
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

// The user's credentials for the run, then what it starts from.
void open_and_load(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  if (!s.app->secrets)
    return load(self);
  ask_core(
    self, s.app->secrets,
    open_leases{s.plan->who, s.plan->run_id, std::exchange(s.credentials, nullptr),
                std::exchange(s.sealed, nullptr)},
    [self](run_handles& m) {
      self->state.handles = std::make_shared<handle_list>(std::move(m.by_service));
      load(self);
    },
    [self](const error& why) { fail_inside(self, why); });
}

// A run that waited is stored as running before it does anything: a crash it causes is counted at
// the next start. One that did not wait was stored so when created. While the disk is full it goes
// on waiting: nothing it did could be kept.
void note_running(run_pointer self) {
  auto& s = self->state;
  s.begun = true;
  auto what = of_run(*s.plan);
  what.puts.push_back({to_record(*s.plan, "running")});
  ask_core(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self](written) { open_and_load(self); },
    [self](const error& why) {
      auto& s = self->state;
      if (why.code == errc::not_found && !s.ending) // it went with its thread
        return fail_run(self, why);
      if (why.kind != storage_full)
        return open_and_load(self);
      if (s.ending)
        return;
      if (s.tries_to_begin++ == 0)
        log::warning("run_waits_for_room", {{"run_id", s.plan->run_id}});
      s.begun = false;
      s.begin_again = ++s.generation;
      self->delayed_send(self, pause_after(s.tries_to_begin), wake_up{s.begin_again});
    });
}

void execute(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.begun = true;
  s.turn = std::chrono::steady_clock::now();
  auto waited = std::chrono::duration<double>(now() - s.plan->created_at).count();
  s.app->runs.began(std::max(0.0, waited)); // the clock may have been set back
  s.until = self->clock().now() + s.app->options.runs.timeout;
  const auto* entry = s.app->graphs.by_graph(s.plan->graph_id);
  s.events.append("metadata",
                  dump(json::object{{"run_id", s.plan->run_id}, {"attempt", s.plan->attempt}}));
  show_news(self);
  if (!entry)
    return fail_run(
      self, {errc::not_found, "Graph '" + s.plan->graph_id + "' is not served", {}, "ValueError"});
  s.flow = entry->flow;
  s.work = entry->work;
  if (!s.plan->given_up.empty())
    return fail_run(self, {errc::internal, s.plan->given_up, {}, "RuntimeError"});
  if (s.plan->waited || s.plan->attempt > 1)
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
  auto node = s.nodes.find(limit.mapped());
  if (node == s.nodes.end())
    return;
  auto late = node->second.actor;
  node->second.stopped->store(true, std::memory_order_relaxed);
  self->send_exit(late, caf::exit_reason::kill);
  error why{errc::timeout, "the node took longer than its limit", {}, "NodeTimeoutError"};
  apply(self, s.loop->task_done(limit.mapped(), why)); // if this ends the run, its calls are cut
  if (auto same = s.nodes.find(limit.mapped()); same != s.nodes.end() && same->second.actor == late)
    s.nodes.erase(same);
}

run_supervisor_actor::behavior_type
supervisor_behavior(run_pointer self, app_ptr app, run_plan_ptr plan, scheduler_actor scheduler,
                    presented_ptr credentials, sealed_ptr sealed) {
  install_fault_handlers(self);
  // A bug in here ends this run, not the server.
  self->set_exception_handler([scheduler, id = plan->run_id](std::exception_ptr& thrown) {
    log_thrown("run", thrown);
    log::error("run_supervisor_failed", {{"run_id", id}});
    caf::anon_send(scheduler, run_ended{id, run_ended::how::lost});
    return to_caf(fail(errc::internal, "the run's supervisor failed"));
  });
  auto& s = self->state;
  s.events = event_log{app->options.runs.event_bytes, app->events, plan->who->key().text()};
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
    [self](const cancel_run& m) { return cancel(self, m); },
    [self](task_event& m) {
      note_work(self);
      if (self->state.loop && !self->state.ending)
        apply(self, self->state.loop->written(m.task_id, std::move(*m.item)));
    },
    [self](task_finished& m) {
      note_work(self);
      ++self->state.tasks_done;
      self->state.nodes.erase(m.task_id);
      std::erase_if(self->state.limits, [&](const auto& one) { return one.second == m.task_id; });
      if (self->state.loop && !self->state.ending)
        apply(self, self->state.loop->task_done(m.task_id, std::move(*m.outcome)));
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
