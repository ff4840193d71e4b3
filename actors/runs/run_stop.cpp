// How a run is stopped from outside: cancelled, rolled back, parked, deleted, out of time.
#include "actors/runs/run_state.hpp"
#include "actors/storage/messages.hpp"

namespace behalf::runs {
namespace {

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
  end.as_before = !s.loop;
  if (!s.loop)
    return end;
  auto out = s.loop->cancel();
  s.checkpoints.add(std::move(out.checkpoints));
  if (!out.finish)
    return end;
  end = ending_of(*s.plan, *out.finish);
  end.status = "interrupted";
  if (!out.finish->next.empty()) {
    end.thread_status = "interrupted";
    end.error = interrupt_note();
  }
  return end;
}

// After a restart a run goes on from what it left itself: those rows go with it.
bool left_by(const run_plan& plan, const checkpoint_doc& at) {
  return at.base_metadata && string_or(*at.base_metadata, "run_id") == plan.run_id;
}

// As if the run had never been: the state before it counts again.
void undo(run_pointer self, run_ending& end) {
  auto& s = self->state;
  end = run_ending{};
  end.status = "interrupted";
  end.rollback = end.as_before = true;
  end.body = wait_error({{"error", "HTTPException"}, {"message", "404: Run not found"}});
  s.checkpoints.forget();
  if (s.from && !left_by(*s.plan, s.from->at)) // it may have written beside it: answers, tasks done
    s.checkpoints.add({s.from->at});
}

// The end that waits for its next try has it at once.
void save_now(run_pointer self) {
  auto& s = self->state;
  if (s.last->asked)
    return;
  s.last->again = ++s.generation;
  save_end(self);
}

// The server is stopping: what is done is kept, the run waits for the next start.
void park(run_pointer self) {
  auto& s = self->state;
  s.parked = true;
  if (s.last)
    return save_now(self);
  if (std::exchange(s.ending, true))
    return;
  stop_nodes(self);
  if (!s.begun && s.plan->waited) // it is stored so
    return leave_for_the_next_start(self);
  auto next = *s.plan;
  next.attempt += s.begun;
  next.delayed = false; // its time has come
  auto what = of_run(*s.plan);
  what.puts = unsaved(self);
  what.puts.push_back({to_record(next, "pending")});
  ask_core(
    self, s.app->writer, write_records{std::move(what), s.plan->who->key()},
    [self](written) { leave_for_the_next_start(self); },
    [self](const error&) { leave_for_the_next_start(self); });
}

} // namespace

caf::result<run_result> cancel(run_pointer self, const cancel_run& m) {
  auto& s = self->state;
  if (s.result)
    return *s.result;
  auto promise = self->make_response_promise<run_result>();
  s.stopping.push_back(promise);
  if (m.deleting) { // its rows have gone with the thread, and so did a place for its end
    s.ending = true;
    run_ending end;
    end.status = "interrupted";
    end.body = wait_error({{"error", "HTTPException"}, {"message", "404: Run not found"}});
    stop_nodes(self);
    ended(self, end);
    return promise;
  }
  if (m.park) {
    park(self);
    return promise;
  }
  if (s.last)
    save_now(self);
  if (s.ending)
    return promise;
  if (m.timed_out) {
    auto why =
      error{errc::timeout, "the run took longer than the server allows", {}, "TimeoutError"};
    auto end = failure(why);
    end.status = "timeout";
    finish(self, std::move(end));
    return promise;
  }
  auto end = cancelled(self);
  if (m.rollback)
    undo(self, end);
  finish(self, std::move(end));
  return promise;
}

} // namespace behalf::runs
