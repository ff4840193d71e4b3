// Looks after calls and streams that are out: when the run stops, or what its user lent is
// withdrawn, they are cut. Nobody tells this process of a withdrawal (the user's store is changed
// by others), so it asks: now and then, and only while something is out.
#include "actors/outside/egress_state.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>

namespace behalf::outside {
namespace {

using namespace std::chrono_literals;

constexpr auto every = 1s;
// Longer than any stream is left open with nobody reading: the door has closed such a one.
constexpr auto forgotten_after = 10min;

// Which answers mean that the grant is gone. That the store cannot be asked (it is down, or wants
// a token of a user who has left) is none: the next call will show it.
bool withdrawn(const error& why) {
  return why.code == errc::not_found
         || (why.code == errc::denied && (why.kind.empty() || why.kind.starts_with("handle_")));
}

error revoked(const going_out& call) {
  return {errc::denied,
          "the credential for service '" + call.service->name
            + "' was withdrawn while a call was under way",
          {},
          "revoked"};
}

void arm(egress_pointer self) {
  if (std::exchange(self->state.watching, true))
    return;
  remind(self, every, look_after_calls{});
}

// Each call or stream that is out. `use` may change it, but not end it.
template <class Use>
void each_out(egress_state& s, Use use) {
  for (auto& [run_id, calls] : s.by_run)
    for (const auto& call : calls)
      if (call->ticket != 0)
        use(call, uint64_t{0});
  for (auto& [id, stream] : s.streams)
    use(stream.of, id);
}

void note_cut(egress_pointer self, const going_out& call) {
  self->state.meters.ended(call.service->name, egress_meters::cut);
  log::info(
    "egress_cut",
    {{"service", call.service->name}, {"host", call.to.where.text()}, {"run_id", call.ask.run_id}});
  auto line = line_of(call, "cut", "revoked");
  line.cred_fp = call.opened.fingerprint;
  tell(self->state.audit, audit_event{std::move(line)});
}

void withdraw(egress_pointer self, const std::string& handle) {
  auto& s = self->state;
  each_out(s, [&](const going_ptr& call, uint64_t stream_id) {
    if (call->lent.handle.id != handle || call->cut_by)
      return;
    call->cut_by = revoked(*call);
    note_cut(self, *call);
    tell(s.http, wire_cancel{stream_id == 0 ? call->ticket : 0, stream_id});
  });
}

void question(egress_pointer self, redeem lent) {
  auto& s = self->state;
  if (!s.in_question.insert(lent.handle.id).second)
    return; // the last answer is still to come
  lent.again = true;
  auto handle = lent.handle.id;
  ask(
    self, s.redeemer, std::move(lent),
    [self, handle](const credential&) { self->state.in_question.erase(handle); },
    [self, handle](const error& why) {
      self->state.in_question.erase(handle);
      if (withdrawn(why))
        withdraw(self, handle);
    });
}

} // namespace

void watch(egress_pointer self, const going_ptr& call) {
  if (!call->lent.handle.empty())
    arm(self);
}

void watch_stream(egress_pointer self, uint64_t stream_id, const going_ptr& call) {
  call->ticket = 0; // that call is over
  call->opened.writer.reset();
  self->state.streams[stream_id] = {call, std::chrono::steady_clock::now()};
  arm(self);
}

void look_after(egress_pointer self) {
  auto& s = self->state;
  s.watching = false;
  auto now = std::chrono::steady_clock::now();
  std::erase_if(s.streams, [&](const auto& entry) {
    return !entry.second.reading && now - entry.second.used > forgotten_after;
  });
  std::map<std::string, redeem> lent; // calls of a run on one service share a handle
  bool more = !s.streams.empty();
  each_out(s, [&](const going_ptr& call, uint64_t) {
    if (call->lent.handle.empty() || call->cut_by)
      return;
    more = true;
    lent.emplace(call->lent.handle.id, call->lent);
  });
  for (auto& [handle, ask] : lent)
    question(self, std::move(ask));
  if (more)
    arm(self);
}

void cut_run(egress_pointer self, const cut_calls& m) {
  auto& s = self->state;
  const auto stopped = fail(errc::upstream, "the run was stopped");
  auto meant = [&m](const going_out& call) {
    return m.beside.empty() ? !call.ask.beside : call.ask.beside && call.service->name == m.beside;
  };
  if (auto run = s.by_run.find(m.run_id); run != s.by_run.end()) {
    for (auto at = run->second.begin(); at != run->second.end();) {
      auto call = *at++;
      if (!meant(*call))
        continue;
      if (call->place != 0) {
        stop_waiting(self, call);
        call->promise.deliver(stopped);
        run->second.erase(call);
        continue;
      }
      call->cut_by = stopped;
      if (call->ticket != 0)
        tell(s.http, wire_cancel{call->ticket, 0});
    }
    if (run->second.empty())
      s.by_run.erase(run);
  }
  for (auto at = s.streams.begin(); at != s.streams.end();) {
    auto here = at++;
    if (here->second.of->ask.run_id == m.run_id && meant(*here->second.of))
      end_stream(self, here->first);
  }
}

caf::result<outbound_chunk> read_on(egress_pointer self, const egress_read& m) {
  auto& s = self->state;
  auto stream_id = m.stream_id;
  auto at = s.streams.find(stream_id);
  if (at == s.streams.end() || at->second.of->ask.run_id != m.run_id)
    return to_caf(fail(errc::not_found, "this run has no such stream"));
  promise_of<outbound_chunk> promise{self};
  auto call = at->second.of;
  if (call->cut_by) {
    auto why = *call->cut_by;
    end_stream(self, stream_id);
    promise.deliver(std::move(why));
    return promise;
  }
  at->second.reading = true;
  ask(
    self, s.http, wire_read{stream_id, std::chrono::steady_clock::now() + 1h},
    [self, stream_id, promise](outbound_chunk& chunk) mutable {
      auto& streams = self->state.streams;
      if (chunk.last)
        streams.erase(stream_id);
      else if (auto found = streams.find(stream_id); found != streams.end())
        found->second = {found->second.of, std::chrono::steady_clock::now(), false};
      promise.deliver(std::move(chunk));
    },
    [self, stream_id, call, promise](error why) mutable {
      self->state.streams.erase(stream_id);
      promise.deliver(call->cut_by ? *call->cut_by : std::move(why));
    });
  return promise;
}

void close_for(egress_pointer self, const egress_close& m) {
  auto& s = self->state;
  auto at = s.streams.find(m.stream_id);
  if (at != s.streams.end() && at->second.of->ask.run_id == m.run_id)
    end_stream(self, m.stream_id);
}

void hand_over(egress_pointer self, const hand_stream& m) {
  auto& s = self->state;
  auto at = s.streams.find(m.stream_id);
  if (at == s.streams.end() || at->second.of->ask.run_id != m.run_id)
    return;
  auto& call = *at->second.of;
  call.ask.run_id = m.to_run;
  call.ask.thread_id = m.to_thread;
  if (call.lent.handle.empty())
    return;
  call.lent.handle = m.handle;
  call.lent.claim.run_id = m.to_run;
}

void end_stream(egress_pointer self, uint64_t stream_id) {
  self->state.streams.erase(stream_id);
  tell(self->state.http, wire_cancel{0, stream_id});
}

} // namespace behalf::outside
