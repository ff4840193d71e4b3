#include "actors/outside/messages.hpp"
#include "actors/runs/run_state.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/storage/messages.hpp"
#include "runtime/base/log.hpp"

#include <caf/send.hpp>

namespace behalf::runs {
namespace {

constexpr std::chrono::milliseconds first_pause{100}, longest_pause{5'000};

// Whoever waits must not take for done what nobody will find.
void not_saved(run_pointer self, run_ending end, const error& why) {
  log::error("run_end_not_saved", {{"run_id", self->state.plan->run_id}, {"reason", why.message}});
  end.status = "error";
  end.error = json::object{{"error", "StorageError"}, {"message", "the run's end was not saved"}};
  end.body = wait_error(end.error);
  ended(self, end);
}

commit end_of_run(run_pointer self) {
  auto& s = self->state;
  if (s.plan->drop_thread) {
    auto what = of_run(*s.plan);
    what.erases.push_back({{kind::thread, s.plan->who->tenant, s.plan->thread_id}});
    return what;
  }
  auto what = ending_on(*s.plan, s.last->end);
  auto rows = unsaved(self);
  what.puts.insert(what.puts.begin(), std::make_move_iterator(rows.begin()),
                   std::make_move_iterator(rows.end()));
  // Should a checkpoint that was sent before turn out not to be stored, neither is this.
  for (auto& id : s.checkpoints.on_the_way())
    what.needs.push_back({kind::checkpoint, s.plan->who->tenant, id, s.plan->thread_id});
  return what;
}

// A full disk, a damaged file: not the run's fault, and each may pass. So may a checkpoint before
// it that failed, once: the next try brings it along.
bool may_pass(end_to_store& last, errc why) {
  if (why == errc::conflict)
    return ++last.conflicts < 2;
  last.conflicts = 0;
  return why == errc::internal || why == errc::overloaded || why == errc::timeout;
}

// What the run did does not go with what is stored. That it failed does.
void save_bare(run_pointer self, const error& why) {
  auto& s = self->state;
  log::error("run_end_refused", {{"run_id", s.plan->run_id}, {"reason", why.message}});
  s.last->bare = true;
  s.last->end = failure({errc::internal, "the run's end could not be stored", {}, "StorageError"});
  s.checkpoints.forget();
  save_end(self);
}

// Who asked for the end need not wait with it for a disk that takes it, or mends itself.
void tell_who_stopped_it(run_pointer self, const error& why) {
  if (why.code != errc::overloaded && why.code != errc::internal)
    return;
  error wait{errc::overloaded,
             "The run has ended; that is stored as soon as the storage can be written",
             {{"Retry-After", "5"}},
             why.kind};
  for (auto& promise : std::exchange(self->state.stopping, {}))
    promise.deliver(to_caf(wait));
}

void save_later(run_pointer self, const error& why) {
  auto& s = self->state;
  auto& last = *s.last;
  if (last.tries++ == 0)
    s.app->runs.ends_waiting().add();
  if ((last.tries & (last.tries - 1)) == 0) // less and less often
    log::warning("run_end_waits",
                 {{"run_id", s.plan->run_id}, {"tries", last.tries}, {"reason", why.message}});
  tell_who_stopped_it(self, why);
  last.again = ++s.generation;
  self->delayed_send(self, pause_after(last.tries), wake_up{last.again});
}

} // namespace

std::chrono::milliseconds pause_after(int tries) {
  return std::min(longest_pause, first_pause * (1 << std::min(tries - 1, 6)));
}

void save_end(run_pointer self) {
  if (self->state.result)
    return;
  self->state.last->asked = true;
  ask_core(
    self, self->state.app->writer, write_records{end_of_run(self), self->state.plan->who->key()},
    [self](written) { ended(self, self->state.last->end); },
    [self](const error& why) {
      auto& s = self->state;
      if (s.result)
        return;
      auto& last = *s.last;
      last.asked = false;
      if (why.code == errc::not_found) // the thread was deleted under the run
        return ended(self, last.end);
      if (may_pass(last, why.code))
        return s.parked ? leave_for_the_next_start(self) : save_later(self, why);
      if (last.bare)
        return not_saved(self, last.end, why);
      save_bare(self, why);
    });
}

void leave_for_the_next_start(run_pointer self) {
  run_ending end;
  end.status = "pending";
  end.body = wait_error({{"error", "ServerStopping"}, {"message", "the server is restarting"}});
  ended(self, end);
}

void show_news(run_pointer self) {
  auto& s = self->state;
  std::erase_if(s.viewers, [&](viewer& v) {
    if (!s.events.has_news(v.ask.after))
      return false;
    v.promise.deliver(s.events.read(v.ask.after, v.ask.max));
    return true;
  });
}

caf::result<run_result> when_ended(run_pointer self) {
  auto& s = self->state;
  if (s.result)
    return *s.result;
  s.waiting.push_back(self->make_response_promise<run_result>());
  return s.waiting.back();
}

std::vector<commit::put> unsaved(run_pointer self) {
  auto& s = self->state;
  std::vector<commit::put> rows;
  for (const auto& doc : s.checkpoints.waiting())
    rows.push_back({to_record(doc, s.plan->who->tenant, s.plan->thread_id, s.plan->run_id)});
  return rows;
}

void stop_nodes(run_pointer self) {
  auto& s = self->state;
  for (auto& [id, node] : s.nodes) {
    node.stopped->store(true, std::memory_order_relaxed);
    self->send_exit(node.actor, caf::exit_reason::kill);
  }
  if (!s.nodes.empty() && s.app->egress)
    self->send(s.app->egress, cut_calls{s.plan->run_id});
  s.nodes.clear();
  s.retries.clear();
}

// Nobody else can take hold of the slot any more: what is left are turns that have not returned.
run_ended::how end_with(const slot_lease_ptr& lease) {
  if (lease.use_count() > 1)
    return run_ended::how::holding;
  if (lease)
    lease->settled();
  return run_ended::how::done;
}

// Parked ones are not over: they go on after the next start.
void note_end(run_pointer self, const run_ending& end) {
  const auto& s = self->state;
  const auto& plan = *s.plan;
  if (end.status == "pending")
    return log::info("run_parked", {{"run_id", plan.run_id}, {"thread_id", plan.thread_id}});
  auto took = s.begun ? std::chrono::steady_clock::now() - s.turn : std::chrono::nanoseconds{0};
  s.app->runs.ended(plan.graph_id, end.status, std::chrono::duration<double>(took).count());
  const bool failed = end.status == "error" || end.status == "timeout";
  const auto write = failed ? log::warning : log::info;
  write("run_ended",
        {{"run_id", plan.run_id},
         {"thread_id", plan.thread_id},
         {"assistant_id", plan.assistant_id},
         {"graph", plan.graph_id},
         {"identity", plan.who->identity},
         {"status", end.status},
         {"ms", std::chrono::duration<double, std::milli>(took).count()},
         {"error", end.error.is_object() ? string_or(end.error.get_object(), "error") : ""}});
}

// It is durable: tell everyone.
void ended(run_pointer self, const run_ending& end) {
  auto& s = self->state;
  if (s.result) // its thread was deleted while the end was on its way
    return;
  note_end(self, end);
  s.result = run_result{end.status, std::make_shared<const json::value>(end.body)};
  if (end.status == "error" || end.status == "timeout")
    s.events.append("error", dump(end.error));
  s.events.close();
  show_news(self);
  // Before anyone hears of it: what is asked of the keeper next comes behind this.
  if (s.app->mcp)
    self->send(s.app->mcp, run_left{s.plan->run_id});
  else if (s.app->secrets)
    self->send(s.app->secrets, close_leases{s.plan->run_id});
  for (auto* those : {&s.waiting, &s.stopping})
    for (auto& promise : std::exchange(*those, {}))
      promise.deliver(*s.result);
  // Until it is said that the slot is still taken, nobody may say that it is free.
  auto lease = std::exchange(s.lease, nullptr);
  self->send(s.scheduler, run_ended{s.plan->run_id, end_with(lease)});
  s.loop.reset();
  s.from.reset();
  s.checkpoints.forget();
  if (!s.last || s.last->tries == 0)
    return;
  s.app->runs.ends_waiting().add(-1);
  if (end.status != "pending")
    log::info("run_end_saved", {{"run_id", s.plan->run_id}, {"tries", s.last->tries}});
}

void finish(run_pointer self, run_ending end) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.ending = true;
  stop_nodes(self);
  s.last = end_to_store{std::move(end)};
  save_end(self);
}

json::value wait_error(const json::value& failure) {
  return json::object{{"__error__", failure}};
}

run_ending ending_of(const run_plan& plan, const run_finish& f) {
  run_ending end;
  end.status = f.is == run_finish::status::success ? "success"
               : f.is == run_finish::status::error ? "error"
                                                   : "interrupted";
  end.thread_status = f.thread_status();
  if (!plan.drop_thread)
    end.values = f.values.to_json();
  end.error = f.failure_json();
  end.interrupts = f.interrupts_by_task();
  end.checkpoint_id = f.checkpoint_id;
  end.body = f.is == run_finish::status::error ? wait_error(end.error) : f.wait_body();
  return end;
}

run_ending failure(const error& why) {
  run_ending end;
  end.status = end.thread_status = "error";
  end.error = json::object{{"error", error_class(why)}, {"message", why.message}};
  end.body = wait_error(end.error);
  return end;
}

} // namespace behalf::runs
