// Runs: create, stream, wait, read, list and join, on a thread or without one.
#include "actors/admission/granted.hpp"
#include "actors/endpoints/answer_check.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/lasting_right.hpp"
#include "actors/endpoints/new_run.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/run_batch.hpp"
#include "actors/endpoints/run_rows.hpp"
#include "actors/endpoints/run_stream.hpp"
#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_assistant.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/runs/thread_graph.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/storage/messages.hpp"

#include <charconv>

namespace behalf::endpoints {
namespace {

// --- create ----------------------------------------------------------------------------------

result<json::object> prepare_create(request_pointer self) {
  auto& s = self->state;
  if (!s.params["thread_id"].empty())
    if (auto on = prepare_thread(self); !on)
      return on;
  auto run = read_new_run(std::move(s.body), s.thread_id, *s.app->options);
  if (!run)
    return run.error();
  s.run = std::move(run->order);
  s.cancel_on_disconnect = run->cancel_on_disconnect;
  return std::move(run->value);
}

// The run as the handlers left it.
result<void> take_granted(request_pointer self) {
  auto& s = self->state;
  auto& m = *s.run;
  if (auto ok = take_grant(m, s.granted, s.thread_id, *s.app->options); !ok)
    return ok;
  m.plan->request_id = s.ex->req().request_id;
  m.plan->memory = s.memory; // kept after the request, as the run keeps the input
  m.headers = s.ex->req().headers;
  m.credentials = s.credentials;
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

// The granted run's assistant, if the caller may use it.
template <class Then>
void with_assistant(request_pointer self, Then then) {
  const auto& s = self->state;
  runs::choose_assistant(
    self, *s.app, s.granted.who, std::string(string_or(s.granted.value, "assistant_id")),
    [self, then](runs::run_assistant chosen) mutable {
      auto& order = *self->state.run;
      order.plan->assistant_id = std::move(chosen.assistant_id);
      order.plan->graph_id = std::move(chosen.graph_id);
      order.assistant = std::move(chosen.made);
      then();
    },
    or_refuse(self), room_for_rows(self));
}

enum class client : uint8_t { goes, stays, waits_for_result };

template <class Then>
void start(request_pointer self, client is, Then then) {
  if (auto ok = take_granted(self); !ok)
    return refuse(self, ok.error());
  auto go = [self, is, then] {
    auto& s = self->state;
    s.run->client_stays = is != client::goes;
    s.run->answered_at_end = is == client::waits_for_result;
    ask(
      self, s.app->scheduler, std::move(*s.run), [then](run_ref& ref) mutable { then(ref); },
      or_refuse(self));
  };
  auto check = [self, go] { with_answer_checked(self, go); };
  with_assistant(self, [self, check] {
    with_right_to_create(self, [self, check] { with_right_to_displace(self, check); });
  });
}

void create(request_pointer self) {
  start(self, client::goes, [self](run_ref& ref) {
    auto where = locations_of(self, *ref.plan, "stream");
    answer(self, 200, runs::run_view(runs::shown_record(*ref.plan, "pending")),
           {{"Content-Location", where.run}});
  });
}

void create_stream(request_pointer self) {
  start(self, client::stays, [self](run_ref& ref) {
    auto where = locations_of(self, *ref.plan, "stream");
    stream_run(self, std::move(ref), {{"Location", where.rejoin}, {"Content-Location", where.run}});
  });
}

void create_wait(request_pointer self) {
  start(self, client::waits_for_result, [self](run_ref& ref) {
    auto where = locations_of(self, *ref.plan, "join");
    await_run(self, std::move(ref), {{"Location", where.rejoin}, {"Content-Location", where.run}});
  });
}

// --- create several --------------------------------------------------------------------------

result<json::object> prepare_batch(request_pointer self) {
  auto& s = self->state;
  if (!s.body.is_array() || s.body.get_array().empty())
    return fail(errc::invalid_argument, "the body must be a list of at least one run");
  auto& bodies = s.body.get_array();
  if (bodies.size() > shape_of(self).names)
    return fail(errc::invalid_argument, "the body is a list of more than "
                                          + std::to_string(shape_of(self).names) + " runs");
  s.batch = std::make_shared<run_batch>();
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    auto run = read_new_run(std::move(bodies[i]), {}, *s.app->options);
    if (!run)
      return error{run.error().code, "run " + std::to_string(i) + ": " + run.error().message};
    s.batch->runs.push_back({std::move(run->value), std::move(run->order), {}});
  }
  s.run = s.batch->runs.front().order;
  return std::move(s.batch->runs.front().value);
}

// Some could not be created, so none is: the threads made for them go.
void take_back(request_pointer self, const error& why) {
  auto& s = self->state;
  s.batch->open = 1;
  auto one_less = [self, why] {
    if (--self->state.batch->open == 0)
      refuse(self, why);
  };
  for (const auto& run : s.batch->runs) {
    if (!run.made)
      continue;
    stop_runs stop;
    stop.tenant = run.made->who->tenant;
    stop.thread_id = run.made->thread_id;
    stop.why = stop_reason::erased;
    stop.who = run.made->who->key();
    ++s.batch->open;
    ask(
      self, s.app->run_directory, std::move(stop), [one_less](runs_stopped) { one_less(); },
      [one_less](const error&) { one_less(); });
  }
  one_less();
}

void on_batch_created(request_pointer self) {
  auto& batch = *self->state.batch;
  if (--batch.open > 0)
    return;
  if (batch.failed)
    return take_back(self, *std::exchange(batch.failed, std::nullopt));
  json::array all;
  for (const auto& run : batch.runs)
    all.push_back(runs::run_view(runs::shown_record(*run.made, "pending")));
  answer(self, 200, all);
}

void start_batch(request_pointer self) {
  auto& batch = *self->state.batch;
  batch.open = batch.runs.size();
  for (auto& run : batch.runs)
    ask(
      self, self->state.app->scheduler, std::move(*run.order),
      [self, &run](run_ref& ref) { // the batch stays as long as the request
        run.made = std::move(ref.plan);
        on_batch_created(self);
      },
      [self](const error& why) {
        self->state.batch->failed = why;
        on_batch_created(self);
      });
}

void create_batch(request_pointer self);

void decide_on_next(request_pointer self) {
  auto& s = self->state;
  if (++s.batch->granted == s.batch->runs.size())
    return start_batch(self);
  auto& next = s.batch->runs[s.batch->granted];
  s.run = next.order;
  auto a = also(self, "create_run", std::move(next.value));
  a.sealed = s.granted.sealed;
  a.may_change = of_new_run;
  ask(
    self, s.app->authorizer, std::move(a),
    [self](grant& g) {
      self->state.granted = std::move(g);
      create_batch(self);
    },
    or_refuse(self));
}

// Every run is decided on before the first is created.
void create_batch(request_pointer self) {
  if (auto ok = take_granted(self); !ok)
    return refuse(self, ok.error());
  with_assistant(self, [self] { decide_on_next(self); });
}

// --- read -------------------------------------------------------------------------------------

void get(request_pointer self) {
  with_run(
    self, [self](const row_ptr& row) { answer(self, 200, runs::run_view(*row)); },
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
    return wanted.apply(runs::run_view(row));
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

// Whoever joins follows what others do.
void keep_seen(request_pointer self) {
  keep_right(self);
  note_right(self, std::chrono::steady_clock::now());
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
            auto where = locations_of(self, *ref.plan, "stream");
            keep_seen(self);
            stream_run(self, std::move(ref),
                       {{"Location", where.rejoin}, {"Content-Location", where.run}});
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

// Answers as those were who waited for the end: the values of the run's last checkpoint, and what
// it asked, though it may be answered by now.
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
      auto values =
        runs::shown_values(found.rows, runs::graph_of_run(*self->state.app, *row).get());
      if (!values)
        return refuse(self, values.error());
      const auto* asked = member(row->doc, "interrupts");
      answer(self, 200,
             with_interrupts(std::move(*values),
                             asked && asked->is_array() ? asked->get_array() : json::array{}));
    },
    or_refuse(self));
}

void join(request_pointer self) {
  auto gone = [self](std::string, std::string what) {
    answer(self, 200,
           json::object{{"__error__", {{"error", "HTTPException"}, {"message", "404: " + what}}}});
  };
  // Read once more: the row is of before the end.
  auto ended = [self, gone] {
    with_run(
      self, [self](const row_ptr& row) { answer_ended(self, row); }, gone);
  };
  auto wait = [self, ended] {
    ask(
      self, self->state.app->run_directory, find_run{tenant_of(self), self->state.run_id},
      [self](run_ref& ref) {
        auto where = locations_of(self, *ref.plan, "join");
        keep_seen(self);
        await_run(self, std::move(ref),
                  {{"Location", where.rejoin}, {"Content-Location", where.run}});
      },
      [self, ended](const error& why) {
        if (why.code != errc::not_found)
          return refuse(self, why);
        ended();
      });
  };
  with_run(
    self, [self, wait](const row_ptr& row) { with_right_to_leave(self, row, wait); }, gone);
}

} // namespace

std::vector<route> run_routes() {
  auto to_create = access::to("threads", "create_run");
  auto to_read = access::to("threads", "read");
  return {
    {verb::post, "/runs", to_create, prepare_create, create, "Create a run without a thread",
     of_new_run},
    {verb::post, "/runs/stream", to_create, prepare_create, create_stream,
     "Create a run without a thread and stream its events", of_new_run},
    {verb::post, "/runs/wait", to_create, prepare_create, create_wait,
     "Create a run without a thread and wait for its result", of_new_run},
    {verb::post, "/runs/batch", to_create, prepare_batch, create_batch,
     "Create several runs without threads", of_new_run},
    {verb::get, "/runs/{run_id}/stream", to_read, prepare_run, join_events,
     "Join a run's event stream"},
    {verb::post, "/threads/{thread_id}/runs", to_create, prepare_create, create, "Create a run",
     of_new_run},
    {verb::post, "/threads/{thread_id}/runs/stream", to_create, prepare_create, create_stream,
     "Create a run and stream its events", of_new_run},
    {verb::post, "/threads/{thread_id}/runs/wait", to_create, prepare_create, create_wait,
     "Create a run and wait for its result", of_new_run},
    {verb::get, "/threads/{thread_id}/runs", to_read, prepare_thread, list, "List runs"},
    {verb::get, "/threads/{thread_id}/runs/{run_id}", to_read, prepare_run, get, "Get a run"},
    {verb::get, "/threads/{thread_id}/runs/{run_id}/join", to_read, prepare_run, join,
     "Wait for a run's result"},
    {verb::get, "/threads/{thread_id}/runs/{run_id}/stream", to_read, prepare_run, join_events,
     "Join a run's event stream"},
  };
}

} // namespace behalf::endpoints
