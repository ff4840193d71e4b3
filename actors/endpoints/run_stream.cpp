#include "actors/endpoints/run_stream.hpp"

#include "actors/endpoints/long_answer.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "runtime/base/json_cost.hpp"
#include "runtime/http/sse.hpp"

#include <algorithm>

namespace behalf::endpoints {
namespace {

constexpr std::chrono::seconds keep_alive_period{5};

void finish(request_pointer self) {
  note_answer(self->state, 200);
  self->state.ex->finish();
  self->quit();
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

std::string event_id(const run_event& e) {
  return std::to_string(to_micros(e.at) / 1000) + "-" + std::to_string(e.seq);
}

void pull(request_pointer self);

void append_lost(std::string& frames) {
  append_sse(frames, "error",
             R"({"error":"StreamLost","message":"This client read too slowly and missed )"
             R"(events; read the thread's state and join again."})");
}

void on_batch(request_pointer self, event_batch& batch) {
  auto& s = self->state;
  s.seen = batch.last_seq;
  std::string frames;
  if (batch.lost)
    append_lost(frames);
  auto resumable = s.live_run->plan->resumable();
  for (const auto& e : batch.events)
    if (wanted(s.modes, e.name))
      append_sse(frames, e.name, *e.data, resumable ? event_id(e) : std::string{});
  s.last = batch.last || batch.lost;
  if (frames.empty())
    return s.last ? finish(self) : pull(self);
  if ((s.room || frames.size() > longest_uncounted) && !hold_room(self, frames.size())) {
    frames.clear();
    append_lost(frames); // the client reads too slowly: ends with the error event
    s.last = true;
  }
  s.writing = true;
  s.ex->write(std::move(frames), [me = request_actor{self}] { tell(me, part_written{}); });
}

void pull(request_pointer self) {
  auto& s = self->state;
  ask(
    self, s.live_run->run, next_events{s.seen}, [self](event_batch& b) { on_batch(self, b); },
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

void attend(request_pointer self) {
  auto& s = self->state;
  auto me = request_actor{self};
  drop_request_body(s);
  s.ex->clear_deadline();
  // Not for a client that only waits for the result of a run that continues anyway: the next
  // keep-alive notices that it has left.
  if (s.as == delivery::events || s.cancel_on_disconnect)
    s.ex->on_gone([me] { tell(me, client_gone{}); });
  s.ex->every(keep_alive_period, [me] { tell(me, keep_alive_tick{}); });
}

} // namespace

void stream_run(request_pointer self, run_ref run, header_list headers) {
  auto& s = self->state;
  s.as = delivery::events;
  s.begun = true;
  s.rows.reset(); // releases the share: the wait may be long
  s.live_run = std::make_shared<const run_ref>(std::move(run));
  auto fields = sse_headers();
  fields.insert(fields.end(), headers.begin(), headers.end());
  s.ex->begin_stream(200, std::move(fields));
  attend(self);
  pull(self);
}

void await_run(request_pointer self, run_ref run, header_list headers) {
  auto& s = self->state;
  s.as = delivery::awaited;
  s.rows.reset();
  s.live_run = std::make_shared<const run_ref>(std::move(run));
  s.head = std::move(headers);
  attend(self);
  ask(
    self, s.live_run->run, await_result{},
    [self](run_result& r) {
      auto& s = self->state;
      if (!s.begun)
        return answer(self, 200, *r.body, std::move(s.head));
      auto text = dump(*r.body);
      if (auto room = hold_room(self, text.size()); !room)
        return break_off(self, room.error());
      write_last(self, std::move(text));
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
  s.writing = false;
  if (s.ex->gone())
    return on_client_gone(self);
  if (s.last)
    return finish(self);
  if (s.out)
    return s.out->more();
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

void on_keep_alive(request_pointer self) {
  auto& s = self->state;
  if (s.ex->gone())
    return on_client_gone(self);
  if (s.as == delivery::events) {
    if (!s.writing)
      s.ex->write(std::string(sse_heartbeat), {});
    return;
  }
  if (!s.begun) {
    s.begun = true;
    auto fields = std::move(s.head);
    fields.emplace_back("Content-Type", "application/json");
    s.ex->begin_stream(200, std::move(fields));
  }
  s.ex->write("\n", {});
}

} // namespace behalf::endpoints
