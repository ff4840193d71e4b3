// One run: asks the engine what to do, starts nodes, keeps checkpoints, hands out events, and
// makes the end durable before anyone hears of it.
#include "actors/basics.hpp"
#include "actors/event_log.hpp"
#include "actors/spawn.hpp"
#include "actors/step.hpp"
#include "actors/thread_states.hpp"
#include "actors/thread_updates.hpp"
#include "runtime/base/log.hpp"
#include "runtime/graph/thread_state.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <optional>

namespace behalf {
namespace {

struct viewer {
  next_events ask;
  caf::typed_response_promise<event_batch> promise;
};

struct run_supervisor_state {
  static inline const char* name = "run";
  run_supervisor_state() : events(0) {}

  core_ptr with;
  run_plan_ptr plan;
  load_ptr load;
  scheduler_actor scheduler;
  presented_ptr credentials;
  sealed_ptr sealed;

  std::shared_ptr<const graph> flow;
  std::optional<loaded_checkpoint> from; // the state before the run
  std::optional<run_loop> loop;
  std::shared_ptr<const handle_list> handles = std::make_shared<handle_list>();
  std::map<std::string, graph_node_actor> nodes; // by task
  std::map<int64_t, task_spec> retries;          // by generation
  std::map<int64_t, std::string> limits;         // by generation: tasks with a time limit
  int64_t generation = 0;
  std::vector<commit::put> unsaved; // checkpoints to write with the end
  bool begun = false, ending = false;

  event_log events;
  std::vector<viewer> viewers;
  std::optional<run_result> result;
  std::vector<caf::typed_response_promise<run_result>> waiting;
};

using run_pointer = run_supervisor_actor::stateful_pointer<run_supervisor_state>;

void apply(run_pointer self, loop_output out);

// --- viewers -----------------------------------------------------------------------------------

void show_news(run_pointer self) {
  auto& s = self->state;
  std::erase_if(s.viewers, [&](viewer& v) {
    if (!s.events.has_news(v.ask.after))
      return false;
    v.promise.deliver(s.events.read(v.ask.after, v.ask.max));
    return true;
  });
}

caf::result<event_batch> next(run_pointer self, next_events m) {
  auto& s = self->state;
  m.after = std::min(m.after, s.events.last_seq()); // "from now on" is a number from now on
  if (s.events.has_news(m.after))
    return s.events.read(m.after, m.max);
  viewer v{m, self->make_response_promise<event_batch>()};
  s.viewers.push_back(v);
  return v.promise;
}

caf::result<run_result> when_ended(run_pointer self) {
  auto& s = self->state;
  if (s.result)
    return *s.result;
  s.waiting.push_back(self->make_response_promise<run_result>());
  return s.waiting.back();
}

// --- the end -----------------------------------------------------------------------------------

// It is durable: tell everyone.
void ended(run_pointer self, const run_ending& end) {
  auto& s = self->state;
  s.result = run_result{end.status, std::make_shared<const json::value>(end.body)};
  s.events.close();
  show_news(self);
  for (auto& promise : std::exchange(s.waiting, {}))
    promise.deliver(*s.result);
  if (s.with->secrets)
    self->send(s.with->secrets, close_leases{s.plan->run_id});
  self->send(s.scheduler, run_ended{s.plan->run_id});
  s.loop.reset();
  s.from.reset();
  s.unsaved.clear();
}

void save_end(run_pointer self, std::shared_ptr<run_ending> end, int attempts = 0);

void write_end(run_pointer self, std::shared_ptr<run_ending> end, commit what, int attempts) {
  auto& s = self->state;
  what.puts.insert(what.puts.begin(), s.unsaved.begin(), s.unsaved.end());
  ask_core(
    self, s.with->writer, write_records{std::move(what)},
    [self, end](written) { ended(self, *end); },
    [self, end, attempts](const error& why) {
      if (why.code == errc::conflict && attempts < 16)
        return save_end(self, end, attempts + 1);
      log::error("run_end_not_saved",
                 {{"run_id", self->state.plan->run_id}, {"reason", why.message}});
      end->status = "error";
      end->body = json::object{
        {"__error__", {{"error", "StorageError"}, {"message", "the run's end was not saved"}}}};
      ended(self, *end);
    });
}

void save_end(run_pointer self, std::shared_ptr<run_ending> end, int attempts) {
  auto& s = self->state;
  record_key thread{kind::thread, s.plan->who->tenant, s.plan->thread_id};
  if (s.plan->drop_thread) {
    s.unsaved.clear();
    commit what;
    what.erases.push_back({thread});
    return write_end(self, end, std::move(what), attempts);
  }
  ask_core(
    self, s.with->reader(), get_record{std::move(thread)},
    [self, end, attempts](found_record& found) {
      auto& s = self->state;
      if (!found.row) // the thread was deleted under the run
        return ended(self, *end);
      write_end(self, end, ending_on(*s.plan, *end, *found.row, s.load->count() > 1), attempts);
    },
    [self, end](const error&) { ended(self, *end); });
}

void finish(run_pointer self, run_ending end) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.ending = true;
  for (auto& [id, node] : s.nodes)
    self->send_exit(node, caf::exit_reason::kill);
  if (!s.nodes.empty() && s.with->egress)
    self->send(s.with->egress, cut_calls{s.plan->run_id});
  s.nodes.clear();
  s.retries.clear();
  save_end(self, std::make_shared<run_ending>(std::move(end)));
}

json::value error_body(const json::value& failure) {
  return json::object{{"__error__", failure}};
}

run_ending ending_of(const run_finish& f) {
  run_ending end;
  end.status = f.is == run_finish::status::success ? "success"
               : f.is == run_finish::status::error ? "error"
                                                   : "interrupted";
  end.thread_status = f.thread_status();
  end.values = f.values.to_json();
  end.error = f.failure_json();
  end.interrupts = f.interrupts_by_task();
  end.checkpoint_id = f.checkpoint_id;
  end.body = f.is == run_finish::status::error ? error_body(end.error) : f.wait_body();
  return end;
}

run_ending failure(const error& why) {
  run_ending end;
  end.status = end.thread_status = "error";
  end.error = json::object{{"error", error_class(why)}, {"message", why.message}};
  end.body = error_body(end.error);
  return end;
}

void fail_run(run_pointer self, const error& why) {
  auto& s = self->state;
  if (s.loop)
    return apply(self, s.loop->fail_with(why));
  auto end = failure(why);
  s.events.append("error", dump(end.error));
  finish(self, std::move(end));
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
  step what{std::move(task), s.loop->facts(), s.plan->who, s.handles, run_supervisor_actor{self}};
  s.nodes[id] = spawn_graph_node(self->system(), s.with, std::move(what));
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

// Checkpoints on their way to the storage. The writer keeps their order, so the end, which is
// waited for, comes after all of them.
void keep(run_pointer self, const std::vector<checkpoint_doc>& docs) {
  auto& s = self->state;
  for (const auto& doc : docs)
    s.unsaved.push_back({to_record(doc, s.plan->who->tenant, s.plan->thread_id, s.plan->run_id)});
}

commit take_unsaved(run_pointer self) {
  commit what;
  what.puts = std::exchange(self->state.unsaved, {});
  return what;
}

void apply(run_pointer self, loop_output out) {
  auto& s = self->state;
  for (const auto& e : out.events)
    s.events.append(e.name, *e.data);
  keep(self, out.checkpoints);
  if (out.finish) {
    finish(self, ending_of(*out.finish));
    return show_news(self);
  }
  auto lasting = string_or(s.plan->kwargs, "durability");
  if (s.unsaved.empty() || lasting == "exit") {
    start_tasks(self, std::move(out.start));
    return show_news(self);
  }
  auto lost = [self](const error& why) {
    if (!self->state.ending)
      fail_run(self, why);
  };
  if (lasting == "sync") {
    auto tasks = std::make_shared<std::vector<task_spec>>(std::move(out.start));
    ask_core(
      self, s.with->writer, write_records{take_unsaved(self)},
      [self, tasks](written) {
        if (!self->state.ending)
          start_tasks(self, std::move(*tasks));
      },
      lost);
  } else {
    ask_core(
      self, s.with->writer, write_records{take_unsaved(self)}, [](written) {}, lost);
    start_tasks(self, std::move(out.start));
  }
  show_news(self);
}

std::shared_ptr<const run_facts> facts_of(const run_plan& plan) {
  auto facts = std::make_shared<run_facts>();
  facts->run_id = plan.run_id;
  facts->thread_id = plan.thread_id;
  facts->graph_id = plan.graph_id;
  facts->assistant_id = plan.assistant_id;
  facts->config = object_or_empty(plan.kwargs, "config");
  if (const auto* context = member(plan.kwargs, "context"))
    facts->run_context = *context;
  facts->metadata = plan.metadata;
  facts->metadata["run_id"] = plan.run_id;
  facts->metadata["thread_id"] = plan.thread_id;
  facts->metadata["graph_id"] = plan.graph_id;
  facts->metadata["run_attempt"] = plan.attempt;
  return facts;
}

void run(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  auto spec = run_spec::from_kwargs(s.plan->kwargs, facts_of(*s.plan));
  spec.checkpointing = !s.plan->temporary;
  spec.from_checkpoint = !s.plan->checkpoint_id.empty();
  spec.after_crash = s.plan->attempt > 1;
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
    self, s.with->reader(), read_checkpoints{s.plan->who->tenant, s.plan->thread_id, "", at},
    [self, at](found_checkpoints& found) {
      auto loaded = load_chain(found.rows);
      if (!loaded)
        return fail_run(self, loaded.error());
      if (!*loaded && !at.empty())
        return fail_run(
          self, {errc::not_found, "No checkpoint " + at + " on this thread", {}, "ValueError"});
      self->state.from = std::move(*loaded);
      run(self);
    },
    [self](const error& why) { fail_run(self, why); });
}

// A run that waited is stored as running now; one that did not was stored so when created.
void note_running(run_pointer self) {
  auto& s = self->state;
  commit what;
  what.puts.push_back({to_record(*s.plan, "running")});
  ask_core(
    self, s.with->writer, write_records{std::move(what)}, [](written) {}, [](const error&) {});
}

void execute(run_pointer self) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.begun = true;
  const auto* entry = s.with->graphs.by_graph(s.plan->graph_id);
  s.events.append("metadata",
                  dump(json::object{{"run_id", s.plan->run_id}, {"attempt", s.plan->attempt}}));
  show_news(self);
  if (!entry)
    return fail_run(
      self, {errc::not_found, "Graph '" + s.plan->graph_id + "' is not served", {}, "ValueError"});
  s.flow = entry->flow;
  if (s.plan->given_up)
    return fail_run(
      self, {errc::internal, "the run was interrupted by crashes too often", {}, "RuntimeError"});
  if (s.plan->waited || s.plan->attempt > 1)
    note_running(self);
  if (!s.with->secrets)
    return load(self);
  ask_core(
    self, s.with->secrets,
    open_leases{s.plan->who, s.plan->run_id, std::exchange(s.credentials, nullptr),
                std::exchange(s.sealed, nullptr)},
    [self](run_handles& m) {
      self->state.handles = std::make_shared<handle_list>(std::move(m.by_service));
      load(self);
    },
    [self](const error& why) { fail_run(self, why); });
}

// --- stopping ----------------------------------------------------------------------------------

json::value interrupt_note() {
  return json::object{{"error", "UserInterrupt"},
                      {"message", "interrupt requested via POST "
                                  "/threads/{thread_id}/runs/{run_id}/cancel"}};
}

run_ending cancelled(run_pointer self) {
  auto& s = self->state;
  run_ending end;
  end.status = "interrupted";
  end.body = json::object{};
  if (!s.loop)
    return end;
  auto out = s.loop->cancel();
  keep(self, out.checkpoints);
  if (!out.finish)
    return end;
  end = ending_of(*out.finish);
  end.status = "interrupted";
  if (!out.finish->next.empty()) {
    end.thread_status = "interrupted";
    end.error = interrupt_note();
  }
  return end;
}

// As if the run had never been: the state before it counts again.
void undo(run_pointer self, run_ending& end) {
  auto& s = self->state;
  end = run_ending{};
  end.status = "interrupted";
  end.rollback = true;
  end.body = error_body({{"error", "HTTPException"}, {"message", "404: Run not found"}});
  if (s.from)
    end.values = thread_values(*s.from, s.flow.get());
  else if (s.begun)
    end.values = json::value(nullptr);
  s.unsaved.clear();
}

// The server is stopping: what is done is kept, the run waits for the next start.
void park(run_pointer self) {
  auto& s = self->state;
  s.ending = true;
  run_ending end;
  end.status = "pending";
  end.body = error_body({{"error", "ServerStopping"}, {"message", "the server is restarting"}});
  for (auto& [id, node] : std::exchange(s.nodes, {}))
    self->send_exit(node, caf::exit_reason::kill);
  if (!s.begun) {
    return ended(self, end);
  }
  auto next = *s.plan;
  ++next.attempt;
  commit what;
  what.puts = std::exchange(s.unsaved, {});
  what.puts.push_back({to_record(next, "pending")});
  ask_core(
    self, s.with->writer, write_records{std::move(what)},
    [self, end](written) { ended(self, end); }, [self, end](const error&) { ended(self, end); });
}

caf::result<run_result> cancel(run_pointer self, const cancel_run& m) {
  auto& s = self->state;
  if (s.result)
    return *s.result;
  auto promise = when_ended(self);
  if (s.ending)
    return promise;
  if (m.park) {
    park(self);
    return promise;
  }
  if (m.timed_out) {
    auto why =
      error{errc::timeout, "the run took longer than the server allows", {}, "TimeoutError"};
    auto end = failure(why);
    end.status = "timeout";
    s.events.append("error", dump(end.error));
    finish(self, std::move(end));
    return promise;
  }
  auto end = cancelled(self);
  if (m.rollback)
    undo(self, end);
  if (m.deleting) { // its rows go with the thread
    s.ending = true;
    end.body = error_body({{"error", "HTTPException"}, {"message", "404: Run not found"}});
    for (auto& [id, node] : std::exchange(s.nodes, {}))
      self->send_exit(node, caf::exit_reason::kill);
    ended(self, end);
  } else {
    finish(self, std::move(end));
  }
  return promise;
}

void on_wake(run_pointer self, int64_t generation) {
  auto& s = self->state;
  if (auto retry = s.retries.extract(generation); !retry.empty() && !s.ending)
    return start_task(self, std::move(retry.mapped()));
  auto limit = s.limits.extract(generation);
  if (limit.empty() || s.ending)
    return;
  auto node = s.nodes.find(limit.mapped());
  if (node == s.nodes.end())
    return;
  self->send_exit(node->second, caf::exit_reason::kill);
  s.nodes.erase(node);
  error why{errc::timeout, "the node took longer than its limit", {}, "NodeTimeoutError"};
  apply(self, s.loop->task_done(limit.mapped(), why));
}

run_supervisor_actor::behavior_type
supervisor_behavior(run_pointer self, core_ptr with, run_plan_ptr plan, load_ptr load,
                    scheduler_actor scheduler, presented_ptr credentials, sealed_ptr sealed) {
  contain(self);
  // A bug in here ends this run, and frees its slot; not the server.
  self->set_exception_handler([scheduler, id = plan->run_id](std::exception_ptr&) {
    log::error("run_supervisor_failed", {{"run_id", id}});
    caf::anon_send(scheduler, run_ended{id});
    return to_caf(fail(errc::internal, "the run's supervisor failed"));
  });
  auto& s = self->state;
  s.events = event_log{with->options.runs.event_bytes};
  s.with = std::move(with);
  s.plan = std::move(plan);
  s.load = std::move(load);
  s.scheduler = std::move(scheduler);
  s.credentials = std::move(credentials);
  s.sealed = std::move(sealed);
  return {
    [self](execute_run) { execute(self); },
    [self](const next_events& m) { return next(self, m); },
    [self](await_result) { return when_ended(self); },
    [self](const cancel_run& m) { return cancel(self, m); },
    [self](task_event& m) {
      if (self->state.loop && !self->state.ending)
        apply(self, self->state.loop->written(m.task_id, std::move(*m.item)));
    },
    [self](task_finished& m) {
      self->state.nodes.erase(m.task_id);
      if (self->state.loop && !self->state.ending)
        apply(self, self->state.loop->task_done(m.task_id, std::move(*m.outcome)));
    },
    [self](const wake_up& m) { on_wake(self, m.generation); },
  };
}

} // namespace

run_supervisor_actor spawn_run_supervisor(caf::actor_system& sys, core_ptr with, run_plan_ptr plan,
                                          load_ptr load, scheduler_actor scheduler,
                                          presented_ptr credentials, sealed_ptr sealed) {
  return sys.spawn(supervisor_behavior, std::move(with), std::move(plan), std::move(load),
                   std::move(scheduler), std::move(credentials), std::move(sealed));
}

} // namespace behalf
