// The stream of one thread: follows its runs one after another and numbers their events. Exists
// while somebody reads it, and for as long as runs are kept for viewers.
#include "actors/basics.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/spawn.hpp"
#include "actors/runs/thread_graph.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/runs/watched_log.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/base/json.hpp"
#include "runtime/graph/protocol_events.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <list>
#include <memory>
#include <optional>

namespace behalf::runs {
namespace {

struct thread_stream_state {
  static inline const char* name = "thread";
  thread_stream_state() = default;

  app_ptr app;
  thread_form form = thread_form::runs;
  principal_key who;
  int64_t seq = 0; // of the newest event, as the protocol numbers them
  watched_log events;

  std::optional<run_ref> run;                                      // the one followed now
  int64_t seen = 0;                                                // of its events
  std::shared_ptr<const int> here = std::make_shared<const int>(); // see next_events::viewer
  std::unique_ptr<protocol_events> words;
  std::list<run_ref> next;
  bool recalling = false; // reads what the thread asks
};

using thread_pointer = thread_stream_actor::stateful_pointer<thread_stream_state>;

void append_words(thread_pointer self, std::vector<protocol_event> words) {
  auto& s = self->state;
  for (auto& e : words)
    s.events->append(std::move(e.address), std::move(e.text));
  s.seq = s.words->seq();
}

void append_run(thread_pointer self, event_batch& batch) {
  auto& s = self->state;
  for (auto& e : batch.events)
    if (s.words)
      append_words(self, s.words->next(e.name, *e.data, e.at));
    else
      s.events->append(std::move(e.name), std::move(e.data), e.at);
  if (s.words && !batch.more && !batch.last)
    append_words(self, s.words->rest(now()));
}

void pull(thread_pointer self);

void follow_next(thread_pointer self) {
  auto& s = self->state;
  s.run.reset();
  s.words.reset();
  s.events.answer();
  if (s.next.empty())
    return;
  s.run = std::move(s.next.front());
  s.next.pop_front();
  s.seen = 0;
  if (s.form == thread_form::protocol)
    s.words = std::make_unique<protocol_events>(s.run->plan->run_id, s.run->plan->graph_id, s.seq);
  pull(self);
}

// A run that this process does not finish, as it stops or another took it over, is still pending:
// whoever goes on with it tells its end.
void end_run(thread_pointer self, const run_result& how) {
  auto& s = self->state;
  if (how.status != "pending") {
    if (s.words)
      append_words(self, s.words->end(how.status, *how.body, now()));
    else
      s.events->append("metadata",
                       dump(json::object{{"status", "run_done"}, {"run_id", s.run->plan->run_id}}));
  }
  follow_next(self);
}

void on_batch(thread_pointer self, event_batch& batch) {
  auto& s = self->state;
  s.seen = batch.last_seq; // of events that were dropped, nothing is told
  append_run(self, batch);
  if (!batch.last) {
    s.events.answer();
    return pull(self);
  }
  ask(
    self, s.run->run, await_result{}, [self](const run_result& how) { end_run(self, how); },
    [self](const error&) { follow_next(self); });
}

void pull(thread_pointer self) {
  auto& s = self->state;
  next_events question{s.seen};
  question.viewer = s.here;
  ask(
    self, s.run->run, std::move(question), [self](event_batch& b) { on_batch(self, b); },
    [self](const error&) { follow_next(self); });
}

void append_state(thread_pointer self, const thread_changed& m, const kept_state& kept) {
  const auto& s = self->state;
  storage::read(
    self, *s.app, storage::read_checkpoints{m.thread_id, kept.ns, m.checkpoint_id, s.who},
    [self, m, kept](const storage::found_checkpoints& found) {
      auto state = shown_state(found.rows, kept.flow.get(), m.thread_id, m.checkpoint_id, kept.ns);
      if (!state) // deleted meanwhile
        return;
      json::object event{{"state", std::move(*state)}, {"thread_id", m.thread_id}};
      self->state.events->append("state_update", dump(event));
      self->state.events.answer();
    },
    [](const error&) {});
}

void append_change(thread_pointer self, const thread_changed& m) {
  const auto& s = self->state;
  record thread;
  thread.tenant = m.tenant;
  thread.id = m.thread_id;
  thread.metadata = {{"graph_id", m.graph_id}};
  with_graph_of_state(
    self, *s.app, thread, {}, nullptr,
    [self, m](const std::shared_ptr<const graph>& flow) {
      if (auto kept = state_at(flow, m.checkpoint_ns))
        append_state(self, m, *kept);
    },
    [](const error&) {});
}

// --- questions of runs that are no longer in memory ----------------------------------------------

// A run that began meanwhile may be their answer, and tells its own.
void go_on(thread_pointer self) {
  self->state.recalling = false;
  follow_next(self);
}

// As the run told them when it ended, by the same names, so that who saw them sees nothing new. A
// thread keeps no places of its questions: each is told as the root graph's.
void append_questions(thread_pointer self, const std::string& run_id, const record& thread) {
  auto& s = self->state;
  json::array all;
  for (const auto& task : object_or_empty(thread.doc, "interrupts"))
    if (const auto* asked = task.value().if_array())
      all.insert(all.end(), asked->begin(), asked->end());
  if (!s.next.empty() || all.empty())
    return;
  s.words = std::make_unique<protocol_events>(
    run_id, std::string(string_or(thread.metadata, "graph_id")), s.seq);
  append_words(self, s.words->end("interrupted", json::object{{"__interrupt__", all}}, now()));
}

void recall_questions(thread_pointer self, const std::string& thread_id) {
  auto& s = self->state;
  s.recalling = true;
  auto room = s.app->memory.open(s.who.tenant, s.who.text());
  auto of_state = storage::load_run_of_state{s.who.tenant, thread_id, {}, room};
  storage::read(
    self, *s.app, std::move(of_state),
    [self, thread_id, room](const storage::row_ptr& run) {
      const auto run_id = run ? run->id : thread_id;
      storage::get_record of_thread{{kind::thread, self->state.who.tenant, thread_id}, room};
      storage::read(
        self, *self->state.app, std::move(of_thread),
        [self, run_id](const storage::row_ptr& thread) {
          if (thread)
            append_questions(self, run_id, *thread);
          go_on(self);
        },
        [self](const error&) { go_on(self); });
    },
    [self](const error&) { go_on(self); });
}

void end(thread_pointer self, caf::error why) {
  self->state.events->close();
  self->state.events.answer();
  self->quit(std::move(why));
}

thread_stream_actor::behavior_type thread_stream_behavior(thread_pointer self, app_ptr app,
                                                          const follow_thread& what, int64_t base) {
  install_fault_handlers(self);
  self->set_exit_handler([self](caf::exit_msg& m) { // the thread is deleted, or nobody reads it
    end(self, std::move(m.reason));
  });
  auto& s = self->state;
  s.app = std::move(app);
  s.form = what.form;
  s.who = what.who;
  s.seq = base;
  s.events = watched_log{s.app->events->open(what.thread_id, what.who.text())};
  if (what.asks && what.form == thread_form::protocol)
    recall_questions(self, what.thread_id);
  return {
    [self](next_events& m) { return self->state.events.next(self, std::move(m)); },
    [self](follow_run& m) {
      self->state.next.push_back(std::move(m.run));
      if (!self->state.run && !self->state.recalling)
        follow_next(self);
    },
    [self](const thread_changed& m) { append_change(self, m); },
  };
}

} // namespace

thread_stream_actor spawn_thread_stream(caf::actor_system& sys, app_ptr app, follow_thread what,
                                        int64_t base) {
  return sys.spawn(thread_stream_behavior, std::move(app), std::move(what), base);
}

} // namespace behalf::runs
