#include "actors/endpoints/run_stream.hpp"

#include "actors/endpoints/inner_request.hpp"
#include "actors/endpoints/lasting_right.hpp"
#include "actors/endpoints/long_answer.hpp"
#include "actors/endpoints/thread_stream.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/storage/messages.hpp"
#include "runtime/http/sse.hpp"

#include <algorithm>

namespace behalf::endpoints {
namespace {

constexpr std::chrono::seconds keep_alive_period{5};
// Ten thousand readers that take nothing hold so much each, beside the answers' budget.
constexpr std::size_t longest_uncounted_part = 16 * 1024;

void finish(request_pointer self) {
  note_answer(self->state, 200);
  self->state.ex->finish();
  self->quit();
}

// They are not known any more, or have no right to the run.
void refuse_viewer(request_pointer self, const error& why) {
  if (self->state.as == delivery::awaited)
    return break_off(self, why);
  finish(self);
}

// `values` also selects `values|ns`; both names of the messages mode select `messages…`.
bool wanted(const std::vector<std::string>& modes, std::string_view name) {
  if (modes.empty())
    return true;
  auto base = name.substr(0, name.find_first_of("|/"));
  return std::any_of(modes.begin(), modes.end(), [&](const std::string& mode) {
    return base == (mode == "messages-tuple" ? "messages" : mode);
  });
}

void pull(request_pointer self);

void write_part(request_pointer self, std::string frames) {
  auto& s = self->state;
  s.writing = true;
  s.ex->write(std::move(frames), [me = request_actor{self}] { tell(me, part_written{}); });
}

// A token that comes alone: the next one is asked for meanwhile, and nobody is told that the socket
// took this one, as it mostly did long before there is another.
void write_ahead(request_pointer self, std::string frames) {
  const auto& s = self->state;
  using part = run_viewer::part;
  s.here->last.store(part::under_way);
  s.ex->write(std::move(frames), [me = request_actor{self}, here = s.here] {
    if (here->last.exchange(part::written) == part::waited_for)
      tell(me, part_written{});
  });
  pull(self);
}

// The socket has not taken what was written last, but will say so: what came now is dropped, and
// asked for again. So a client that reads slowly holds one part in memory, not two.
bool must_wait(const request_state& s) {
  auto now = run_viewer::part::under_way;
  return s.here->last.compare_exchange_strong(now, run_viewer::part::waited_for);
}

// All events are sent.
void end_events(request_pointer self) {
  auto& s = self->state;
  if (!std::exchange(s.tells_result, false))
    return finish(self);
  const auto fail_with = [self](const error& why) {
    std::string frames;
    append_sse(frames, "error",
               dump(json::object{{"error", "RuntimeError"}, {"message", why.message}}));
    write_part(self, std::move(frames));
  };
  ask(
    self, s.live_run->run, await_result{},
    [self, fail_with](run_result& r) {
      std::string frames;
      append_sse(frames, "result", dump(*r.body));
      if (auto room = hold_room(self, frames.size()); !room)
        return fail_with(room.error());
      write_part(self, std::move(frames));
    },
    fail_with);
}

std::string event_id(const run_event& e) {
  return std::to_string(to_micros(e.at) / 1000) + "-" + std::to_string(e.seq);
}

void append_lost(std::string& frames) {
  append_sse(frames, "error",
             R"({"error":"StreamLost","message":"Events are missing: they came faster than they )"
             R"(were read, or are longer than what is kept of a run's (runs.event_bytes); read )"
             R"(the thread's state and join again."})");
}

void send(request_pointer self, const event_batch& batch) {
  auto& s = self->state;
  std::string frames;
  if (batch.lost)
    append_lost(frames);
  auto resumable = s.live_run->plan->resumable();
  for (const auto& e : batch.events)
    if (wanted(s.modes, e.name))
      append_sse(frames, e.name, *e.data, resumable ? event_id(e) : std::string{});
  if (frames.empty())
    return s.last ? end_events(self) : pull(self);
  if (!hold_stream_room(self, frames.size())) {
    frames.clear();
    append_lost(frames); // ends with the error event
    s.last = true;
  }
  if (batch.events.size() == 1 && !batch.more && !s.last && !s.room)
    return write_ahead(self, std::move(frames));
  write_part(self, std::move(frames));
}

// Of somebody's own run they are told all; what others do, as long as they may see it.
void on_batch(request_pointer self, event_batch& batch) {
  auto& s = self->state;
  if (must_wait(s))
    return;
  s.seen = batch.last_seq;
  s.last = batch.last || batch.lost;
  if (!s.right)
    return send(self, batch);
  with_right(self, [self, batch = std::move(batch)](const result<void>& sees) {
    if (!sees)
      return refuse_viewer(self, sees.error());
    send(self, batch);
  });
}

void pull(request_pointer self) {
  auto& s = self->state;
  if (!s.here)
    s.here = std::make_shared<run_viewer>();
  next_events question{s.seen};
  question.viewer = s.here;
  ask(
    self, s.live_run->run, std::move(question), [self](event_batch& b) { on_batch(self, b); },
    [self](const error&) { finish(self); });
}

// Frees what is not needed while the request waits for its run, as many requests may.
void drop_request_body(request_state& s) {
  s.body = nullptr;
  s.memory.reset();
  s.params = {};
  s.credentials = nullptr;
  s.granted.value = {};
  s.granted.sealed = nullptr;
  s.run.reset();
}

void answer_result(request_pointer self, const json::value& body) {
  auto& s = self->state;
  if (!s.begun)
    return answer(self, 200, body, std::move(s.head));
  auto text = dump(body);
  if (auto room = hold_room(self, text.size()); !room)
    return break_off(self, room.error());
  write_last(self, std::move(text));
}

// The answer begins, so that nothing on the way takes the connection for dead.
void keep_alive(request_pointer self) {
  auto& s = self->state;
  if (!std::exchange(s.begun, true)) {
    auto fields = std::move(s.head);
    if (s.as == delivery::awaited)
      fields.emplace_back("Content-Type", "application/json");
    s.ex->begin_stream(200, std::move(fields));
  }
  if (s.as == delivery::awaited)
    s.ex->write("\n", {});
  else if (!s.writing && (!s.here || s.here->last == run_viewer::part::written))
    s.ex->write(std::string(sse_heartbeat), {});
}

void check_right(request_pointer self) {
  if (self->state.right && right_is_due(self))
    with_right(self, [self](const result<void>& sees) {
      if (!sees)
        refuse_viewer(self, sees.error());
    });
}

} // namespace

bool hold_stream_room(request_pointer self, std::size_t bytes) {
  return bytes <= longest_uncounted_part || hold_room(self, bytes).has_value();
}

void attend_stream(request_pointer self, stream_kind kind) {
  auto& s = self->state;
  s.counted = s.app->requests->count_open(kind);
  auto me = request_actor{self};
  drop_request_body(s);
  s.ex->clear_deadline();
  // Not for a client that only waits for the result of a run that continues anyway: the next
  // keep-alive notices that it has left.
  if (s.as == delivery::events || s.cancel_on_disconnect)
    s.ex->on_gone([me] { tell(me, client_gone{}); });
  if (s.right)
    s.ex->on_drain([me] { tell(me, server_stops{}); });
  s.ex->every(keep_alive_period, [me] { tell(me, keep_alive_tick{}); });
}

void stream_run(request_pointer self, run_ref run, header_list headers) {
  auto& s = self->state;
  s.as = delivery::events;
  s.begun = true;
  s.rows.reset(); // releases the share: the wait may be long
  s.live_run = std::make_shared<const run_ref>(std::move(run));
  auto fields = sse_headers();
  fields.insert(fields.end(), headers.begin(), headers.end());
  s.ex->begin_stream(200, std::move(fields));
  attend_stream(self, stream_kind::run);
  pull(self);
}

void await_run(request_pointer self, run_ref run, header_list headers) {
  auto& s = self->state;
  s.as = delivery::awaited;
  s.rows.reset();
  s.live_run = std::make_shared<const run_ref>(std::move(run));
  s.head = std::move(headers);
  attend_stream(self, stream_kind::result);
  ask(
    self, s.live_run->run, await_result{},
    [self](const run_result& r) {
      if (self->state.last) // the server stops, which was the answer
        return;
      if (!self->state.right)
        return answer_result(self, *r.body);
      with_right(self, [self, body = r.body](const result<void>& sees) {
        if (!sees)
          return refuse_viewer(self, sees.error());
        answer_result(self, *body);
      });
    },
    [self](const error& why) {
      if (!self->state.begun)
        return refuse(self, why);
      finish(self);
    });
}

void answer_ended_events(request_pointer self) {
  self->state.ex->begin_stream(200, sse_headers());
  finish(self);
}

void answer_error_event(request_pointer self, std::string_view kind, std::string_view message) {
  auto& ex = *self->state.ex;
  ex.begin_stream(200, sse_headers());
  ex.write(sse_frame("error", dump(json::object{{"error", kind}, {"message", message}})), {});
  finish(self);
}

void on_part_written(request_pointer self) {
  auto& s = self->state;
  if (s.thread)
    return on_thread_part_written(self);
  s.writing = false;
  if (s.ex->gone())
    return on_client_gone(self);
  if (s.last)
    return end_events(self);
  if (s.out)
    return s.out->more();
  s.room.reset();
  pull(self);
}

void on_client_gone(request_pointer self) {
  auto& s = self->state;
  note_answer(s, 499); // the common status for a client that has left
  if (s.cancel_on_disconnect && s.live_run) {
    stop_runs stop;
    stop.tenant = s.live_run->plan->who->tenant;
    stop.thread_id = s.live_run->plan->thread_id;
    stop.run_ids = {s.live_run->plan->run_id};
    tell(s.app->run_directory, std::move(stop));
  }
  self->quit();
}

// What others do goes on after the next start: whoever follows it need not wait here for that.
void on_server_stops(request_pointer self) {
  auto& s = self->state;
  if (s.thread)
    return end_thread_stream(self);
  if (!s.right)
    return drain_inner(self);
  if (s.as == delivery::events)
    return finish(self);
  if (s.last)
    return;
  answer_result(
    self, json::object{
            {"__error__", {{"error", "ServerStopping"}, {"message", "the server is restarting"}}}});
}

void on_keep_alive(request_pointer self) {
  auto& s = self->state;
  if (s.thread)
    return on_thread_keep_alive(self);
  if (s.ex->gone())
    return on_client_gone(self);
  check_right(self);
  if (s.begun || !s.live_run || s.as == delivery::events)
    return keep_alive(self);
  // The head names the run. Without an answer to this there is none to `await_result` either.
  ask(
    self, s.live_run->run, store_run{}, [self](written) { keep_alive(self); }, [](const error&) {});
}

} // namespace behalf::endpoints
