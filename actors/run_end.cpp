#include "actors/run_state.hpp"
#include "actors/thread_states.hpp"
#include "runtime/base/log.hpp"

#include <caf/send.hpp>

namespace behalf {
namespace {

void save_end(run_pointer self, std::shared_ptr<run_ending> end, int attempts = 0);

// Whoever waits must not take for done what nobody will find.
void not_saved(run_pointer self, run_ending& end, const error& why) {
  log::error("run_end_not_saved", {{"run_id", self->state.plan->run_id}, {"reason", why.message}});
  end.status = "error";
  end.body = wait_error({{"error", "StorageError"}, {"message", "the run's end was not saved"}});
  ended(self, end);
}

void write_end(run_pointer self, std::shared_ptr<run_ending> end, commit what, int attempts) {
  auto& s = self->state;
  what.puts.insert(what.puts.begin(), s.unsaved.begin(), s.unsaved.end());
  ask_core(
    self, s.with->writer, write_records{std::move(what)},
    [self, end](written) { ended(self, *end); },
    [self, end, attempts](const error& why) {
      if (why.code == errc::conflict && attempts < 16)
        return save_end(self, end, attempts + 1);
      not_saved(self, *end, why);
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
    [self, end](const error& why) { not_saved(self, *end, why); });
}

} // namespace

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

void keep(run_pointer self, const std::vector<checkpoint_doc>& docs) {
  auto& s = self->state;
  for (const auto& doc : docs)
    s.unsaved.push_back({to_record(doc, s.plan->who->tenant, s.plan->thread_id, s.plan->run_id)});
}

void stop_nodes(run_pointer self) {
  auto& s = self->state;
  for (auto& [id, node] : s.nodes) {
    node.stopped->store(true, std::memory_order_relaxed);
    self->send_exit(node.actor, caf::exit_reason::kill);
  }
  if (!s.nodes.empty() && s.with->egress)
    self->send(s.with->egress, cut_calls{s.plan->run_id});
  s.nodes.clear();
  s.retries.clear();
}

// Nobody else can take hold of the slot any more: what is left are turns that have not returned.
run_ended::how let_go_of_slot(run_supervisor_state& s) {
  auto lease = std::exchange(s.lease, nullptr);
  if (lease.use_count() > 1)
    return run_ended::how::holding;
  if (lease)
    lease->settled();
  return run_ended::how::done;
}

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
  self->send(s.scheduler, run_ended{s.plan->run_id, let_go_of_slot(s)});
  s.loop.reset();
  s.from.reset();
  s.unsaved.clear();
}

void finish(run_pointer self, run_ending end) {
  auto& s = self->state;
  if (s.ending)
    return;
  s.ending = true;
  stop_nodes(self);
  save_end(self, std::make_shared<run_ending>(std::move(end)));
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

} // namespace behalf
