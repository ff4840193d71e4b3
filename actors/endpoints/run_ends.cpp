// Ends runs that clients do not want any more: cancels one or many, deletes one.
#include "actors/admission/granted.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/run_rows.hpp"
#include "actors/runs/messages.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/scans.hpp"
#include "runtime/base/id.hpp"

#include <algorithm>

namespace behalf::endpoints {
namespace {

error nothing_to_cancel() {
  return fail(errc::not_found, "No runs found to cancel.");
}

error nothing_active() {
  return fail(
    errc::not_found,
    "No matching runs to cancel. Please verify the thread ID and run IDs are correct, and "
    "the runs haven't been deleted or completed.");
}

// --- one -------------------------------------------------------------------------------------

result<std::string> read_action(request_pointer self) {
  const auto* action = text_query(self, "action");
  if (action && *action != "interrupt" && *action != "rollback")
    return fail(errc::invalid_argument, "'" + *action + "' is not one of: interrupt, rollback");
  return action ? *action : std::string{"interrupt"};
}

// What the handlers left of `action`.
result<stop_reason> granted_reason(request_pointer self) {
  admission::granted_reader granted{self->state.granted.value};
  auto rollback = granted.one_of("action", {"interrupt", "rollback"}) == "rollback";
  if (granted.fault())
    return *granted.fault();
  return rollback ? stop_reason::rolled_back : stop_reason::cancelled;
}

result<json::object> prepare_cancel(request_pointer self) {
  auto& s = self->state;
  s.body = json::object{};
  auto value = prepare_run(self);
  if (!value)
    return value;
  auto action = read_action(self);
  if (!action)
    return action.error();
  (*value)["action"] = *action;
  (*value)["metadata"] = cancellation(s.run_id);
  return value;
}

// `then` is called with the number of runs that were stopped.
template <class Then>
void stop_run_of(request_pointer self, const row_ptr& run, stop_reason why, Then then) {
  stop_runs stop;
  stop.tenant = tenant_of(self);
  stop.thread_id = run->parent;
  stop.run_ids = {run->id};
  stop.why = why;
  ask(
    self, self->state.app->run_directory, std::move(stop),
    [then](runs_stopped n) mutable { then(n.count); }, or_refuse(self));
}

void cancel(request_pointer self) {
  auto why = granted_reason(self);
  if (!why)
    return refuse(self, why.error());
  auto wait = flag_query(self, "wait");
  with_run(
    self,
    [self, wait, why = *why](const row_ptr& row) {
      stop_run_of(self, row, why, [self, wait, row](int64_t stopped) {
        if (stopped == 0)
          return refuse(self, nothing_active());
        if (!wait)
          return answer_empty(self, 202);
        auto run = "/threads/" + row->parent + "/runs/" + row->id;
        answer(self, 200, json::object{}, {{"Location", run + "/join"}, {"Content-Location", run}});
      });
    },
    [self](std::string, std::string) { refuse(self, nothing_to_cancel()); });
}

result<json::object> prepare_delete(request_pointer self) {
  self->state.body = json::object{};
  auto value = prepare_run(self);
  if (value)
    (*value)["run_id"] = self->state.run_id;
  return value;
}

// A live run is rolled back, which leaves nothing of it; what is left of one that is over is
// erased.
void erase(request_pointer self) {
  with_run(
    self,
    [self](const row_ptr& row) {
      stop_run_of(self, row, stop_reason::rolled_back, [self, row](int64_t) {
        auto erasing = writes_of(self);
        erasing.what.erases.push_back({row->key()});
        erasing.what.checkpoint_erases.push_back({row->tenant, row->parent, row->id});
        ask(
          self, self->state.app->writer, std::move(erasing),
          [self](written) { answer_empty(self, 204); }, or_refuse(self));
      });
    },
    [self](std::string, std::string) { refuse(self, fail(errc::not_found, "Run not found")); });
}

// --- many ------------------------------------------------------------------------------------

// Either {"status"} or {"thread_id", "run_ids"}.
result<json::object> prepare_cancel_many(request_pointer self) {
  auto& s = self->state;
  body_reader in{s.body, shape_of(self)};
  auto status = in.one_of("status", {"pending", "running", "all"});
  auto thread = in.uuid("thread_id", "thread");
  auto runs = in.texts("run_ids", &shape_limits::names);
  if (in.fault())
    return *in.fault();
  if (status ? thread || runs : !thread || !runs)
    return fail(
      errc::invalid_argument,
      "the body must have either 'status', which means runs on any thread, or 'thread_id' "
      "and 'run_ids'");
  json::value ids = nullptr;
  if (runs) {
    ids.emplace_array();
    for (const auto& one : *runs) {
      auto id = parse_uuid(one, "run");
      if (!id)
        return id.error();
      ids.get_array().push_back(json::value(*id));
    }
  }
  auto action = read_action(self);
  if (!action)
    return action.error();
  s.thread_id = thread.value_or("");
  s.body = json::object{{"run_ids", ids}, {"status", status ? json::value(*status) : nullptr}};
  return json::object{{"thread_id", thread ? json::value(*thread) : nullptr},
                      {"action", *action},
                      {"metadata", s.body}};
}

// The runs named, of one thread.
void cancel_named(request_pointer self, stop_reason why) {
  look_up_head(self, thread_key(self, self->state.thread_id), [self, why](const row_ptr& thread) {
    auto& s = self->state;
    const auto& named = s.body.at("run_ids").as_array();
    if (!thread || named.empty())
      return refuse(self, nothing_to_cancel());
    stop_runs stop;
    stop.tenant = tenant_of(self);
    stop.thread_id = s.thread_id;
    for (const auto& id : named)
      stop.run_ids.emplace_back(id.as_string());
    std::sort(stop.run_ids.begin(), stop.run_ids.end());
    stop.run_ids.erase(std::unique(stop.run_ids.begin(), stop.run_ids.end()), stop.run_ids.end());
    query of_thread;
    of_thread.type = kind::run;
    of_thread.tenant = stop.tenant;
    of_thread.parent = stop.thread_id;
    of_thread.ids = stop.run_ids;
    stop.why = why;
    ask(
      self, s.app->run_directory, std::move(stop),
      [self, of_thread](runs_stopped n) {
        if (n.count > 0)
          return answer_empty(self, 204);
        auto found = storage::new_search(*self->state.app, of_thread, record_scan::wants::count);
        storage::each_slice(
          self, self->state.app, found, self->state.granted.who,
          [self, found](scan_part& part) {
            if (part.done)
              refuse(self, found->found > 0 ? nothing_active() : nothing_to_cancel());
            return true;
          },
          or_refuse(self));
      },
      or_refuse(self));
  });
}

// A cancellation by status.
struct cancel_by_status {
  stop_runs ask; // with everything but the threads
  int64_t stopped = 0;
};
using by_status_ptr = std::shared_ptr<cancel_by_status>;

constexpr std::size_t most_threads = 10'000; // of one round

void answer_cancelled(request_pointer self, const cancel_by_status& job) {
  job.stopped > 0 ? answer_empty(self, 204) : refuse(self, nothing_to_cancel());
}

void cancel_on_listed(request_pointer self, const by_status_ptr& job);

// All at once: what was begun is ended, also when this request's time is over.
void cancel_on(request_pointer self, const by_status_ptr& job, std::vector<std::string> threads) {
  const bool perhaps_more = threads.size() == most_threads;
  auto stop = job->ask;
  stop.threads = std::move(threads);
  ask(
    self, self->state.app->run_directory, std::move(stop),
    [self, job, perhaps_more](runs_stopped n) {
      job->stopped += n.count;
      if (perhaps_more && n.count > 0)
        return cancel_on_listed(self, job);
      answer_cancelled(self, *job);
    },
    or_refuse(self));
}

// Runs on threads that a search finds: whoever's they are, the grant's filter decides.
void cancel_on_listed(request_pointer self, const by_status_ptr& job) {
  query q;
  q.tenant = tenant_of(self);
  q.status = {"busy"};
  q.auth_filter = self->state.granted.auth_filter;
  q.limit = static_cast<int64_t>(most_threads);
  auto search = storage::new_search(*self->state.app, std::move(q), record_scan::wants::heads);
  search->room = room_for_rows(self);
  auto threads = std::make_shared<std::vector<std::string>>();
  storage::each_slice(
    self, self->state.app, search, self->state.granted.who,
    [self, job, threads](scan_part& part) {
      for (auto& thread : part.rows)
        threads->push_back(std::move(thread.id));
      if (!part.done)
        return true;
      if (!threads->empty())
        cancel_on(self, job, std::move(*threads));
      else
        answer_cancelled(self, *job);
      return true;
    },
    or_refuse(self));
}

// First the caller's own: threads of stateless runs are listed by no search.
void cancel_status(request_pointer self, stop_reason why) {
  auto& s = self->state;
  auto job = std::make_shared<cancel_by_status>();
  const auto& status = s.body.at("status").as_string();
  job->ask.tenant = tenant_of(self);
  job->ask.which = status == "pending"   ? stop_runs::state::pending
                   : status == "running" ? stop_runs::state::running
                                         : stop_runs::state::any;
  job->ask.why = why;
  auto own = job->ask;
  own.who = s.granted.who->key();
  own.auth_filter = s.granted.auth_filter;
  ask(
    self, s.app->run_directory, std::move(own),
    [self, job](runs_stopped n) {
      job->stopped = n.count;
      cancel_on_listed(self, job);
    },
    or_refuse(self));
}

void cancel_many(request_pointer self) {
  auto why = granted_reason(self);
  if (!why)
    return refuse(self, why.error());
  if (self->state.thread_id.empty())
    cancel_status(self, *why);
  else
    cancel_named(self, *why);
}

} // namespace

std::vector<route> run_end_routes() {
  auto to_update = access::to("threads", "update");
  return {
    {verb::post,
     "/threads/{thread_id}/runs/{run_id}/cancel",
     to_update,
     prepare_cancel,
     cancel,
     "Cancel a run",
     {"action"}},
    {verb::post,
     "/runs/cancel",
     to_update,
     prepare_cancel_many,
     cancel_many,
     "Cancel runs by their ids or status",
     {"action"}},
    {verb::del, "/threads/{thread_id}/runs/{run_id}", access::to("threads", "delete"),
     prepare_delete, erase, "Delete a run with its checkpoints"},
  };
}

} // namespace behalf::endpoints
