// Runs: create, stream, wait, read, list, join and cancel, on a thread or without one.
#include "actors/admission/granted.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/run_request.hpp"
#include "actors/endpoints/run_stream.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/storage/messages.hpp"
#include "runtime/base/id.hpp"

#include <charconv>

namespace behalf::endpoints {
namespace {

// --- create ----------------------------------------------------------------------------------

json::value taken(json::object& from, std::string_view key) {
  auto* v = from.if_contains(key);
  return v ? std::move(*v) : json::value(nullptr);
}

result<json::object> prepare_create(request_pointer self) {
  auto& s = self->state;
  auto stateless = s.params["thread_id"].empty();
  if (!stateless)
    if (auto on = prepare_thread(self); !on)
      return on;
  // Moved, not copied: it may be most of the body.
  auto input = s.body.is_object() ? taken(s.body.get_object(), "input") : json::value(nullptr);
  auto parsed = run_request::parse(s.body, stateless, shape_of(self));
  if (!parsed)
    return parsed.error();
  s.body = nullptr; // all that is needed is in the prepared value
  s.run_id = uuid7();
  s.run = std::make_shared<start_run>();
  s.run->plan = std::make_shared<runs::run_plan>();
  s.run->plan->checkpoint_id = std::move(parsed->checkpoint_id);
  s.cancel_on_disconnect = parsed->cancel_on_disconnect;
  auto& value = parsed->value;
  value["kwargs"].as_object()["input"] = std::move(input);
  value["thread_id"] = stateless ? json::value(nullptr) : json::value(s.thread_id);
  value["run_id"] = s.run_id;
  value["status"] = "pending";
  value["prevent_insert_if_inflight"] = string_or(value, "multitask_strategy") == "reject";
  return std::move(value);
}

// The fields of a new run that handlers may change.
const std::vector<std::string_view> of_create{
  "assistant_id", "metadata", "multitask_strategy", "if_not_exists", "after_seconds", "kwargs"};

void check_breakpoints(admission::granted_reader& in, std::string_view key,
                       const json::object& kwargs) {
  const auto* v = member(kwargs, key);
  if (v && !v->is_null() && !(v->is_string() && v->get_string() == "*"))
    in.texts(key);
}

// Handlers may write anything into `kwargs`: checks that a run can be made of it.
std::optional<error> fault_of_kwargs(const json::object& kwargs) {
  admission::granted_reader in{kwargs};
  admission::granted_reader config{in.object("config")};
  if (config.has("configurable"))
    config.object("configurable");
  in.object("context");
  if (in.has("command"))
    in.object("command");
  in.texts("stream_mode");
  for (auto key : {"interrupt_before", "interrupt_after"})
    check_breakpoints(in, key, kwargs);
  for (auto key : {"temporary", "subgraphs", "resumable", "checkpoint_during"})
    in.flag(key);
  in.one_of("durability", {"sync", "async", "exit"});
  return in.fault() ? in.fault() : config.fault();
}

result<const catalog_entry*> assistant_of(request_pointer self, const std::string& name) {
  const auto& graphs = self->state.app->graphs;
  if (const auto* entry = graphs.by_graph(name))
    return entry;
  auto id = parse_uuid(name, "assistant");
  if (!id)
    return fail(errc::invalid_argument,
                "Invalid assistant: '" + name
                  + "'. Must be either:\n- A valid assistant UUID, or\n- One of the registered "
                    "graphs: "
                  + graphs.names());
  if (const auto* entry = graphs.by_assistant(*id))
    return entry;
  return fail(errc::not_found, "Thread or assistant not found.");
}

json::object taken_object(json::object& from, std::string_view key) {
  auto v = taken(from, key);
  return v.is_object() ? std::move(v.get_object()) : json::object{};
}

void take_plan(request_pointer self, const catalog_entry& entry, double after_seconds) {
  auto& s = self->state;
  auto& plan = *s.run->plan;
  plan.run_id = s.run_id;
  plan.thread_id = s.thread_id.empty() ? uuid7() : s.thread_id;
  plan.assistant_id = entry.assistant_id;
  plan.graph_id = entry.graph_id;
  plan.who = s.granted.who;
  plan.kwargs = taken_object(s.granted.value, "kwargs");
  plan.request_id = s.ex->req().request_id;
  auto delay = std::chrono::microseconds(static_cast<int64_t>(after_seconds * 1e6));
  plan.created_at = now() + delay;
  plan.delayed = delay.count() > 0;
  plan.memory = s.memory; // kept after the request, as the run keeps the input
  plan.temporary = plan.drop_thread = bool_or(plan.kwargs, "temporary");
}

// The run as the handlers left it.
result<void> take_granted(request_pointer self) {
  auto& s = self->state;
  auto& m = *s.run;
  admission::granted_reader in{s.granted.value};
  auto assistant = in.text("assistant_id");
  m.plan->multitask_strategy =
    in.one_of("multitask_strategy", {"enqueue", "reject", "interrupt", "rollback"});
  m.create_thread = in.one_of("if_not_exists", {"create", "reject"}) == "create";
  auto after_seconds = in.number("after_seconds", 0, run_request::longest_delay);
  in.object("metadata");
  auto fault = fault_of_kwargs(in.object("kwargs"));
  if (in.fault() || fault)
    return in.fault() ? *in.fault() : *fault;
  auto entry = assistant_of(self, assistant);
  if (!entry)
    return entry.error();
  take_plan(self, **entry, after_seconds);
  m.config = taken_object(m.plan->kwargs, "config");
  m.context = taken(m.plan->kwargs, "context");
  m.metadata = taken_object(s.granted.value, "metadata");
  m.headers = s.ex->req().headers;
  m.auth_filter = s.granted.auth_filter;
  m.credentials = s.credentials;
  m.sealed = s.granted.sealed;
  m.stateless = s.thread_id.empty();
  return {};
}

struct locations {
  std::string run, rejoin;
};

locations locations_of(request_pointer self, const runs::run_plan& plan, std::string_view verb) {
  auto on_thread = "/threads/" + plan.thread_id + "/runs/" + plan.run_id;
  if (!self->state.thread_id.empty() || verb == "join")
    return {on_thread, on_thread + "/" + std::string(verb)};
  auto alone = "/runs/" + plan.run_id;
  return {alone, alone + "/" + std::string(verb)};
}

// The question whether the caller may also do `action`.
authorize also(request_pointer self, std::string_view action, json::object value) {
  authorize a;
  a.who = self->state.granted.who;
  a.resource = "threads";
  a.action = action;
  a.value = std::move(value);
  return a;
}

// `if_not_exists: create` needs the right to create threads when there is no such thread. When
// there is one, none is created, even if it is deleted meanwhile.
template <class Then>
void with_right_to_create(request_pointer self, Then then) {
  auto& s = self->state;
  if (!s.run->create_thread || s.thread_id.empty())
    return then();
  storage::read(
    self, *s.app, storage::get_head{thread_key(self, s.thread_id)},
    [self, then](const row_ptr& thread) mutable {
      auto& s = self->state;
      if (thread) {
        s.run->create_thread = false;
        return then();
      }
      static const std::vector<std::string_view> of_thread{"metadata"};
      auto a =
        also(self, "create",
             {{"thread_id", s.thread_id}, {"metadata", s.run->metadata}, {"if_exists", "raise"}});
      a.may_change = of_thread;
      ask(
        self, s.app->authorizer, std::move(a),
        [self, then](grant& g) mutable {
          admission::granted_reader in{g.value};
          self->state.run->thread_metadata = in.object("metadata");
          if (in.fault())
            return refuse(self, *in.fault());
          then();
        },
        or_refuse(self));
    },
    or_refuse(self));
}

// Operations that end a thread's runs on the way need the right to cancel them. `none`: there is no
// such thread; `refused`: the caller may not cancel its runs.
template <class Then, class None, class Refused>
void with_right_to_stop(request_pointer self, const std::string& thread_id, json::object value,
                        Then then, None none, Refused refused) {
  ask(
    self, self->state.app->authorizer, also(self, "update", std::move(value)),
    [self, thread_id, then, none, refused](grant& g) mutable {
      storage::read(
        self, *self->state.app, storage::get_head{thread_key(self, thread_id)},
        [then, none, refused, auth_filter = g.auth_filter](const row_ptr& thread) mutable {
          if (!thread)
            return none();
          if (!auth_filter.matches(thread->metadata))
            return refused();
          then();
        },
        or_refuse(self));
    },
    or_refuse(self));
}

// The strategies `interrupt` and `rollback` end the thread's runs.
template <class Then>
void with_right_to_displace(request_pointer self, Then then) {
  const auto& s = self->state;
  const auto& strategy = s.run->plan->multitask_strategy;
  if (s.thread_id.empty() || (strategy != "interrupt" && strategy != "rollback"))
    return then();
  with_right_to_stop(
    self, s.thread_id,
    {{"thread_id", s.thread_id},
     {"action", strategy},
     {"metadata", {{"run_ids", nullptr}, {"status", nullptr}}}},
    then, then, [self] { refuse(self, fail(errc::not_found, "Thread or assistant not found.")); });
}

template <class Then>
void start(request_pointer self, bool client_stays, Then then) {
  if (auto ok = take_granted(self); !ok)
    return refuse(self, ok.error());
  auto go = [self, client_stays, then] {
    auto& s = self->state;
    s.run->client_stays = client_stays;
    ask(
      self, s.app->scheduler, std::move(*s.run), [then](run_ref& ref) mutable { then(ref); },
      or_refuse(self));
  };
  with_right_to_create(self, [self, go] { with_right_to_displace(self, go); });
}

void create(request_pointer self) {
  start(self, false, [self](run_ref& ref) {
    auto where = locations_of(self, *ref.plan, "stream");
    answer(self, 200, run_view(runs::shown_record(*ref.plan, "pending")),
           {{"Content-Location", where.run}});
  });
}

void create_stream(request_pointer self) {
  start(self, true, [self](run_ref& ref) {
    auto where = locations_of(self, *ref.plan, "stream");
    stream_run(self, std::move(ref), {{"Location", where.rejoin}, {"Content-Location", where.run}});
  });
}

void create_wait(request_pointer self) {
  start(self, true, [self](run_ref& ref) {
    auto where = locations_of(self, *ref.plan, "join");
    await_run(self, std::move(ref), {{"Location", where.rejoin}, {"Content-Location", where.run}});
  });
}

// --- one run ---------------------------------------------------------------------------------

result<json::object> prepare_run(request_pointer self) {
  auto run = uuid_param(self, "run_id", "run");
  if (!run)
    return run.error();
  self->state.run_id = *run;
  if (self->state.params["thread_id"].empty())
    return json::object{{"thread_id", nullptr}};
  return prepare_thread(self);
}

// Calls `then` with the run's row if the caller may see its thread, else `missing`.
template <class Then, class Missing>
void with_run(request_pointer self, Then then, Missing missing) {
  auto& s = self->state;
  storage::read(
    self, *s.app, storage::get_record{{kind::run, tenant_of(self), s.run_id}, room_for_rows(self)},
    [self, then, missing](const row_ptr& run) mutable {
      auto& s = self->state;
      auto thread_id = !s.thread_id.empty() ? s.thread_id : run ? run->parent : "";
      auto check = [then, missing, row = run, thread_id](const row_ptr& thread) mutable {
        if (!thread)
          return missing(no_thread(thread_id).message, "Thread not found");
        if (!row || row->parent != thread_id)
          return missing("Not Found", "Run not found");
        then(row);
      };
      look_up_head(self, thread_key(self, thread_id), std::move(check));
    },
    or_refuse(self));
}

void get(request_pointer self) {
  with_run(
    self, [self](const row_ptr& row) { answer(self, 200, run_view(*row)); },
    [self](std::string what, std::string) { refuse(self, fail(errc::not_found, what)); });
}

void list_runs_of(request_pointer self) {
  auto& s = self->state;
  auto limit = int_query(self, "limit", 10, 1, 1000);
  auto offset = int_query(self, "offset", 0, 0, 1'000'000'000);
  if (!limit || !offset)
    return refuse(self, limit ? offset.error() : limit.error());
  query q;
  q.type = kind::run;
  q.tenant = tenant_of(self);
  q.parent = s.thread_id;
  if (const auto* status = text_query(self, "status"))
    q.status = {*status};
  q.sort = sort_key::created_at;
  q.descending = true;
  q.limit = *limit;
  q.offset = *offset;
  auto fields = list_query(self, "select");
  if (!fields)
    return refuse(self, fields.error());
  auto wanted = projection::of(std::move(*fields), run_fields);
  if (!wanted)
    return refuse(self, wanted.error());
  row_style style;
  style.show = [wanted = std::move(*wanted)](const record& row) {
    return wanted.apply(run_view(row));
  };
  answer_rows(self, std::move(q), std::move(style));
}

void list(request_pointer self) {
  const auto& id = self->state.thread_id;
  look_up_head(self, thread_key(self, id), [self](const row_ptr& thread) {
    if (!thread)
      return refuse(self, no_thread(self->state.thread_id));
    list_runs_of(self);
  });
}

// --- join ------------------------------------------------------------------------------------

// The sequence number after which events are sent, by Last-Event-ID "<ms>-<seq>". "-1", "-" and
// "0": all events; none, or what is no such id: only new ones, as the reference has it.
int64_t resume_point(request_pointer self, const runs::run_plan& plan) {
  const auto* header = find_header(self->state.ex->req().headers, "last-event-id");
  constexpr auto from_now = std::numeric_limits<int64_t>::max();
  if (!header || !plan.resumable())
    return from_now;
  if (*header == "-1" || *header == "-" || *header == "0")
    return 0;
  const auto* end = header->data() + header->size();
  uint64_t ms = 0;
  int64_t seq = -1;
  const auto time = std::from_chars(header->data(), end, ms);
  if (time.ec != std::errc{} || time.ptr == end || *time.ptr != '-')
    return from_now;
  const auto number = std::from_chars(time.ptr + 1, end, seq);
  return number.ec == std::errc{} && number.ptr == end && seq >= 0 ? seq : from_now;
}

json::object cancellation(const std::string& run_id) {
  return {{"run_ids", {run_id}}, {"status", nullptr}};
}

// Joining with `cancel_on_disconnect` needs the right to cancel, as leaving cancels the run.
template <class Then>
void with_right_to_leave(request_pointer self, const row_ptr& run, Then then) {
  auto& s = self->state;
  s.cancel_on_disconnect = flag_query(self, "cancel_on_disconnect");
  if (!s.cancel_on_disconnect)
    return then();
  auto denied = [self] {
    refuse(self, fail(errc::denied, "cancel_on_disconnect needs the right to cancel this run"));
  };
  with_right_to_stop(
    self, run->parent,
    {{"thread_id", run->parent}, {"action", "interrupt"}, {"metadata", cancellation(run->id)}},
    then, denied, denied);
}

void join_events(request_pointer self) {
  with_run(
    self,
    [self](const row_ptr& row) {
      auto modes = list_query(self, "stream_mode");
      if (!modes)
        return refuse(self, modes.error());
      self->state.modes = std::move(*modes);
      with_right_to_leave(self, row, [self] {
        ask(
          self, self->state.app->run_directory, find_run{tenant_of(self), self->state.run_id},
          [self](run_ref& ref) {
            self->state.seen = resume_point(self, *ref.plan);
            stream_run(self, std::move(ref), {});
          },
          [self](const error& why) {
            if (why.code != errc::not_found)
              return refuse(self, why);
            answer_ended_events(self);
          });
      });
    },
    [self](std::string, std::string what) {
      answer_error_event(self, "HTTPException", "404: " + what);
    });
}

// The run's graph; null when it is not served any more or cannot be made.
std::shared_ptr<const graph> graph_of(request_pointer self, const record& row) {
  const auto* entry = self->state.app->graphs.by_graph(string_or(row.doc, "graph_id"));
  if (!entry || !entry->make)
    return entry ? entry->flow : nullptr;
  auto plan = runs::plan_from(row);
  if (!plan)
    return nullptr;
  auto run = runs::facts_of(std::make_shared<const runs::run_plan>(std::move(*plan)));
  auto made = entry->graph_for(std::move(run));
  return made ? *made : nullptr;
}

// Answers the values of the run's last checkpoint.
void answer_ended(request_pointer self, const row_ptr& row) {
  const auto* why = member(row->doc, "error"); // a cancelled run has an error too, but also values
  if (row->status != "interrupted" && why && why->is_object())
    return answer(self, 200, json::object{{"__error__", *why}});
  auto checkpoint = std::string(string_or(row->doc, "checkpoint_id"));
  if (checkpoint.empty())
    return answer(self, 200, json::object{});
  storage::read(
    self, *self->state.app,
    storage::read_checkpoints{row->parent, "", checkpoint, self->state.granted.who->key(),
                              room_for_rows(self)},
    [self, row](const storage::found_checkpoints& found) {
      auto values = runs::shown_values(found.rows, graph_of(self, *row).get());
      if (!values)
        return refuse(self, values.error());
      answer(self, 200, *values);
    },
    or_refuse(self));
}

void join(request_pointer self) {
  with_run(
    self,
    [self](const row_ptr& row) {
      with_right_to_leave(self, row, [self, row] {
        ask(
          self, self->state.app->run_directory, find_run{tenant_of(self), self->state.run_id},
          [self](run_ref& ref) { await_run(self, std::move(ref), {}); },
          [self, row](const error& why) {
            if (why.code != errc::not_found)
              return refuse(self, why);
            answer_ended(self, row);
          });
      });
    },
    [self](std::string, std::string what) {
      answer(
        self, 200,
        json::object{{"__error__", {{"error", "HTTPException"}, {"message", "404: " + what}}}});
    });
}

// --- cancel ----------------------------------------------------------------------------------

result<json::object> prepare_cancel(request_pointer self) {
  auto& s = self->state;
  s.body = json::object{};
  auto value = prepare_run(self);
  if (!value)
    return value;
  const auto* action = text_query(self, "action");
  if (action && *action != "interrupt" && *action != "rollback")
    return fail(errc::invalid_argument, "'" + *action + "' is not one of: interrupt, rollback");
  (*value)["action"] = action ? *action : "interrupt";
  (*value)["metadata"] = cancellation(s.run_id);
  return value;
}

void cancel(request_pointer self) {
  admission::granted_reader granted{self->state.granted.value};
  auto rollback = granted.one_of("action", {"interrupt", "rollback"}) == "rollback";
  if (granted.fault())
    return refuse(self, *granted.fault());
  with_run(
    self,
    [self, rollback](const row_ptr& row) {
      auto& s = self->state;
      stop_runs stop;
      stop.tenant = tenant_of(self);
      stop.thread_id = row->parent;
      stop.run_ids = {s.run_id};
      stop.why = rollback ? stop_reason::rolled_back : stop_reason::cancelled;
      auto wait = flag_query(self, "wait");
      ask(
        self, s.app->run_directory, std::move(stop),
        [self, wait, row](runs_stopped n) {
          if (n.count == 0)
            return refuse(self, fail(errc::not_found,
                                     "No matching runs to cancel. Please verify the thread ID and "
                                     "run IDs are correct, and the runs haven't been deleted or "
                                     "completed."));
          if (!wait)
            return answer_empty(self, 202);
          answer(self, 200, json::object{},
                 {{"Location", "/threads/" + row->parent + "/runs/" + row->id + "/join"}});
        },
        or_refuse(self));
    },
    [self](std::string, std::string) {
      refuse(self, fail(errc::not_found, "No runs found to cancel."));
    });
}

} // namespace

std::vector<route> run_routes() {
  auto to_create = access::to("threads", "create_run");
  auto to_read = access::to("threads", "read");
  return {
    {verb::post, "/runs", to_create, prepare_create, create, "Create a run without a thread",
     of_create},
    {verb::post, "/runs/stream", to_create, prepare_create, create_stream,
     "Create a run without a thread and stream its events", of_create},
    {verb::post, "/runs/wait", to_create, prepare_create, create_wait,
     "Create a run without a thread and wait for its result", of_create},
    {verb::get, "/runs/{run_id}/stream", to_read, prepare_run, join_events,
     "Join a run's event stream"},
    {verb::post, "/threads/{thread_id}/runs", to_create, prepare_create, create, "Create a run",
     of_create},
    {verb::post, "/threads/{thread_id}/runs/stream", to_create, prepare_create, create_stream,
     "Create a run and stream its events", of_create},
    {verb::post, "/threads/{thread_id}/runs/wait", to_create, prepare_create, create_wait,
     "Create a run and wait for its result", of_create},
    {verb::get, "/threads/{thread_id}/runs", to_read, prepare_thread, list, "List runs"},
    {verb::get, "/threads/{thread_id}/runs/{run_id}", to_read, prepare_run, get, "Get a run"},
    {verb::get, "/threads/{thread_id}/runs/{run_id}/join", to_read, prepare_run, join,
     "Wait for a run's result"},
    {verb::get, "/threads/{thread_id}/runs/{run_id}/stream", to_read, prepare_run, join_events,
     "Join a run's event stream"},
    {verb::post,
     "/threads/{thread_id}/runs/{run_id}/cancel",
     access::to("threads", "update"),
     prepare_cancel,
     cancel,
     "Cancel a run",
     {"action"}},
  };
}

} // namespace behalf::endpoints
