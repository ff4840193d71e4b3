// Every call of a run to a service: checks its address, waits for its place in the service's lane,
// redeems the handle, has the receipt written, and then sends it. Only egress can redeem. Calls and
// streams under way are cancelled when their node is stopped, or when the credential was withdrawn.
// As withdrawals are made in a store outside this process, the handles are checked every second
// while something is under way.
#include "actors/basics.hpp"
#include "actors/interfaces.hpp"
#include "actors/outside/egress_meters.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "actors/outside/stream_reader.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/call_pace.hpp"
#include "runtime/base/fair_lane.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/records.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <set>
#include <unordered_map>

namespace behalf::outside {
namespace {

using namespace std::chrono_literals;

constexpr auto check_every = 1s;
// The HTTP client has closed a stream that was not read for so long.
constexpr auto unread_limit = 10min;

// One call until its reply.
struct going_out {
  egress_call ask;
  promise_of<outbound_reply> promise;
  std::shared_ptr<const service_options> service;
  checked_url to;
  credential opened;
  redeem redemption; // what was redeemed; no handle: the call takes no credential
  int64_t receipt = 0;
  uint64_t ticket = 0;
  uint64_t place = 0;          // in its lane's queue; 0: not waiting
  call_pace::time began{};     // when it had its lane's turn
  bool holds = false;          // a place in its lane until its stream is over
  std::optional<error> cut_by; // set: the call fails with this
};
using going_ptr = std::shared_ptr<going_out>;

// The body of a reply, read by a node.
struct open_stream {
  going_ptr of;
  deadline used;
  bool reading = false;
};

// The calls to one origin of a service: at most `max_concurrent` at once, and `calls_per_minute`.
struct call_lane {
  explicit call_lane(const service_options& of)
    : calls(of.max_concurrent), pace(of.calls_per_minute) {}

  // Nothing would be lost with it.
  bool idle() const { return calls.idle() && !moving && !pace.limits(); }

  fair_lane<going_ptr> calls;
  call_pace pace;
  bool moving = false;
  bool called = false; // a lane_turn is on its way
};

struct egress_state {
  static inline const char* name = "egress";
  egress_state() = default;

  std::shared_ptr<const service_registry> services;
  redeemer_actor redeemer; // null: no service takes a credential
  secret_store_actor secrets;
  audit_actor audit;
  http_client_actor http;
  std::weak_ptr<client> outbound;
  std::unordered_map<std::string, call_lane> lanes; // by service and origin
  std::unordered_map<std::string, std::set<going_ptr>> by_run;
  std::map<uint64_t, open_stream> streams;
  std::set<std::string> being_rechecked; // handles whose check is under way
  bool check_scheduled = false;
  egress_meters meters;
};

using egress_pointer = egress_actor::stateful_pointer<egress_state>;

// The name of a call's lane.
std::string lane_of(const going_out& call) {
  return call.service->name + " " + call.to.where.text();
}

// Takes a call out of its lane's queue.
void stop_waiting(egress_pointer self, const going_ptr& call) {
  auto& lanes = self->state.lanes;
  auto lane = lanes.find(lane_of(*call));
  lane->second.calls.remove(std::exchange(call->place, 0));
  self->state.meters.waiting(call->service->name, -1);
  if (lane->second.idle())
    lanes.erase(lane);
}

// A line for the audit log.
audit_record line_of(const going_out& call, std::string action, std::string outcome) {
  audit_record line;
  line.who = call.ask.who->key();
  line.run_id = call.ask.run_id;
  line.thread_id = call.ask.thread_id;
  line.service = call.service->name;
  line.method = call.ask.call.method;
  line.host = call.to.where.text();
  line.path = call.to.target.substr(0, call.to.target.find('?'));
  line.action = std::move(action);
  line.outcome = std::move(outcome);
  return line;
}

void leave_place(egress_pointer self, const going_ptr& call);

void forget_stream(egress_pointer self, uint64_t stream_id) {
  auto stream = self->state.streams.extract(stream_id);
  if (!stream.empty() && std::exchange(stream.mapped().of->holds, false))
    leave_place(self, stream.mapped().of);
}

void end_stream(egress_pointer self, uint64_t stream_id) {
  forget_stream(self, stream_id);
  tell(self->state.http, wire_cancel{0, stream_id});
}

// --- calls and streams under way ---------------------------------------------------------------

// Whether the error means that the credential was withdrawn. A store that cannot be asked (it is
// down, or wants the token of a user who has left) does not: the next call will fail.
bool withdrawn(const error& why) {
  return why.code == errc::not_found
         || (why.code == errc::denied && (why.kind.empty() || why.kind.starts_with("handle_")));
}

// As its operator knows it.
std::string words_for(const service_options& service) {
  const auto prefix = model_service("");
  return service.own && service.name.starts_with(prefix)
           ? "model '" + service.name.substr(prefix.size()) + "'"
           : "service '" + service.name + "'";
}

error revoked(const going_out& call) {
  return {errc::denied,
          "the credential for " + words_for(*call.service)
            + " was withdrawn while a call was under way",
          {},
          "revoked"};
}

void schedule_check(egress_pointer self) {
  if (std::exchange(self->state.check_scheduled, true))
    return;
  remind(self, check_every, recheck_credentials{});
}

// Calls `use` for each call or stream under way. It must not end one.
template <class Use>
void each_call_out(egress_state& s, Use use) {
  for (auto& [run_id, calls] : s.by_run)
    for (const auto& call : calls)
      if (call->ticket != 0)
        use(call, uint64_t{0});
  for (auto& [id, stream] : s.streams)
    use(stream.of, id);
}

void note_revoked(egress_pointer self, const going_out& call) {
  self->state.meters.ended(call.service->name, egress_meters::cut);
  log::info(
    "egress_call_revoked",
    {{"service", call.service->name}, {"host", call.to.where.text()}, {"run_id", call.ask.run_id}});
  auto line = line_of(call, "cut", "revoked");
  line.cred_fp = call.opened.fingerprint;
  tell(self->state.audit, audit_event{std::move(line)});
}

void withdraw(egress_pointer self, const std::string& handle) {
  auto& s = self->state;
  each_call_out(s, [&](const going_ptr& call, uint64_t stream_id) {
    if (call->redemption.handle.id != handle || call->cut_by)
      return;
    call->cut_by = revoked(*call);
    if (call->ask.reader)
      call->ask.reader->cut(*call->cut_by);
    note_revoked(self, *call);
    tell(s.http, wire_cancel{stream_id == 0 ? call->ticket : 0, stream_id});
  });
}

void ask_again(egress_pointer self, redeem what) {
  auto& s = self->state;
  if (!s.being_rechecked.insert(what.handle.id).second)
    return; // a check is under way
  what.again = true;
  auto handle = what.handle.id;
  ask(
    self, s.redeemer, std::move(what),
    [self, handle](const credential&) { self->state.being_rechecked.erase(handle); },
    [self, handle](const error& why) {
      self->state.being_rechecked.erase(handle);
      if (withdrawn(why))
        withdraw(self, handle);
    });
}

// Checks the call's credential until its reply has come or its stream is over.
void keep_checking(egress_pointer self, const going_ptr& call) {
  if (!call->redemption.handle.empty())
    schedule_check(self);
}

void track_stream(egress_pointer self, uint64_t stream_id, const going_ptr& call) {
  call->ticket = 0; // the call is over, its body is left
  call->opened.writer.reset();
  self->state.streams[stream_id] = {call, std::chrono::steady_clock::now()};
  schedule_check(self);
  if (const auto& reader = call->ask.reader; reader && !self->state.outbound.expired())
    reader->open(self->state.outbound, stream_id,
                 [me = egress_actor{self}, done = egress_close{stream_id, call->ask.run_id}] {
                   tell(me, done);
                 });
}

// Checks every handle that is in use.
void recheck_all(egress_pointer self) {
  auto& s = self->state;
  s.check_scheduled = false;
  auto now = std::chrono::steady_clock::now();
  for (auto at = s.streams.begin(); at != s.streams.end();) {
    const auto& [id, stream] = *at++;
    const auto& reader = stream.of->ask.reader;
    const auto used = reader ? std::max(stream.used, reader->used()) : stream.used;
    if (!stream.reading && now - used > unread_limit)
      forget_stream(self, id);
  }
  std::map<std::string, redeem> redemptions; // calls of a run on one service share a handle
  bool more = !s.streams.empty();
  each_call_out(s, [&](const going_ptr& call, uint64_t) {
    if (call->redemption.handle.empty() || call->cut_by)
      return;
    more = true;
    redemptions.emplace(call->redemption.handle.id, call->redemption);
  });
  for (auto& [handle, ask] : redemptions)
    ask_again(self, std::move(ask));
  if (more)
    schedule_check(self);
}

// Whether the node that asked was stopped, by its run or by its time limit, or goes on without it.
bool unwanted(const egress_call& ask) {
  const auto set = [](const auto& flag) { return flag && flag->load(std::memory_order_relaxed); };
  return set(ask.stopped) || set(ask.taken_back);
}

const error& stopped() {
  static const auto why =
    fail(errc::upstream, "the call was cut: nobody waits for its reply any more");
  return why;
}

// Tells the service of a call that it has got, and that nobody waits for any more. Whatever it
// answers: nobody waits for that either, nor for a place in its lane.
void tell_of_cut(egress_pointer self, going_out& call) {
  const auto told = std::exchange(call.ask.cancellation, nullptr);
  if (!told)
    return;
  egress_call out{*told, call.ask.who, call.ask.run_id, call.ask.thread_id};
  out.outside_lane = true;
  tell(egress_actor{self}, std::move(out));
}

// Cancels what the run's nodes wait for no more, or the calls of one service outside its lane.
void cut(egress_pointer self, const cut_calls& m) {
  auto& s = self->state;
  auto meant = [&m](const going_out& call) {
    return m.outside_lane.empty() ? unwanted(call.ask)
                                  : call.ask.outside_lane && call.service->name == m.outside_lane;
  };
  if (auto run = s.by_run.find(m.run_id); run != s.by_run.end()) {
    for (auto at = run->second.begin(); at != run->second.end();) {
      auto call = *at++;
      if (call->cut_by || !meant(*call))
        continue;
      s.meters.ended(call->service->name, egress_meters::cut);
      if (call->place != 0) {
        stop_waiting(self, call);
        call->promise.deliver(stopped());
        run->second.erase(call);
        continue;
      }
      call->cut_by = stopped();
      if (call->ticket == 0)
        continue;
      tell(s.http, wire_cancel{call->ticket, 0});
      tell_of_cut(self, *call);
    }
    if (run->second.empty())
      s.by_run.erase(run);
  }
  for (auto at = s.streams.begin(); at != s.streams.end();) {
    auto here = at++;
    const auto of = here->second.of;
    if (of->ask.run_id != m.run_id || !meant(*of))
      continue;
    end_stream(self, here->first);
    tell_of_cut(self, *of);
  }
}

caf::result<outbound_chunk> read_on(egress_pointer self, const egress_read& m) {
  auto& s = self->state;
  auto stream_id = m.stream_id;
  auto at = s.streams.find(stream_id);
  if (at == s.streams.end() || at->second.of->ask.run_id != m.run_id)
    return to_caf(fail(errc::not_found, "this run has no such stream"));
  if (at->second.reading) // a second read must not fail the stream
    return to_caf(fail(errc::conflict, "the stream is being read"));
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
        forget_stream(self, stream_id);
      else if (auto found = streams.find(stream_id); found != streams.end())
        found->second = {found->second.of, std::chrono::steady_clock::now(), false};
      promise.deliver(std::move(chunk));
    },
    [self, stream_id, call, promise](error why) mutable {
      forget_stream(self, stream_id);
      if (!call->cut_by && why.code == errc::timeout)
        tell_of_cut(self, *call);
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
  if (call.ask.reader) { // it was the other run's
    std::exchange(call.ask.reader, nullptr)->cut(fail(errc::not_found, "the stream is over"));
    at->second.used = std::chrono::steady_clock::now();
  }
  call.ask.run_id = m.to_run;
  call.ask.thread_id = m.to_thread;
  if (call.redemption.handle.empty())
    return;
  call.redemption.handle = m.handle;
  call.redemption.claim.run_id = m.to_run;
}

// --- sending a call ----------------------------------------------------------------------------

void open_credential(egress_pointer self, const going_ptr& call);

std::string user_of(const going_out& call) {
  return call.ask.who->key().text();
}

void forget_run_of(egress_pointer self, const going_ptr& call) {
  auto& runs = self->state.by_run;
  auto run = runs.find(call->ask.run_id);
  if (run != runs.end() && run->second.erase(call) && run->second.empty())
    runs.erase(run);
}

// Starts the calls whose turn it is. One that ends at once calls this again: then it only returns.
void start_queued(egress_pointer self, const std::string& name) {
  auto found = self->state.lanes.find(name);
  if (found == self->state.lanes.end() || std::exchange(found->second.moving, true))
    return;
  auto& lane = found->second;
  const auto now = std::chrono::steady_clock::now();
  while (lane.pace.may_begin(now)) {
    auto next = lane.calls.next();
    if (!next)
      break;
    lane.pace.begins(now);
    (*next)->began = now;
    (*next)->place = 0;
    self->state.meters.waiting((*next)->service->name, -1);
    open_credential(self, *next);
  }
  lane.moving = false;
  if (lane.calls.waiting() > 0 && !lane.pace.may_begin(now) && !std::exchange(lane.called, true))
    remind(self, std::chrono::ceil<std::chrono::milliseconds>(lane.pace.next() - now),
           lane_turn{name});
  if (lane.idle())
    self->state.lanes.erase(name);
}

void on_turn(egress_pointer self, const lane_turn& m) {
  if (auto lane = self->state.lanes.find(m.lane); lane != self->state.lanes.end())
    lane->second.called = false;
  start_queued(self, m.lane);
}

void leave_place(egress_pointer self, const going_ptr& call) {
  auto name = lane_of(*call);
  self->state.lanes.at(name).calls.done(user_of(*call));
  start_queued(self, name);
}

void leave_lane(egress_pointer self, const going_ptr& call) {
  forget_run_of(self, call);
  if (!call->ask.outside_lane && !call->holds)
    leave_place(self, call);
}

void give_up(egress_pointer self, const going_ptr& call, error why) {
  call->promise.deliver(std::move(why));
  leave_lane(self, call);
}

// Logs a refusal and puts it into the audit log, without waiting. `reason` may say more than the
// user is told.
void note_refusal(egress_pointer self, const going_out& call, const error& why,
                  const std::string& reason) {
  self->state.meters.ended(call.service->name, egress_meters::refused);
  auto outcome = why.kind.empty() ? std::string("refused") : why.kind;
  log::info("egress_refused", {{"service", call.service->name},
                               {"host", call.to.where.text()},
                               {"outcome", outcome},
                               {"reason", reason},
                               {"run_id", call.ask.run_id}});
  tell(self->state.audit, audit_event{line_of(call, "refuse", std::move(outcome))});
}

// Of the service or the way to it, in words of ours. Who asks the server's own says so itself.
void note_failure(egress_pointer self, const going_out& call, const error& why) {
  self->state.meters.ended(call.service->name, egress_meters::failed);
  if (call.service->own)
    return;
  log::warning("egress_failed", {{"service", call.service->name},
                                 {"host", call.to.where.text()},
                                 {"reason", why.message},
                                 {"run_id", call.ask.run_id}});
}

void on_reply(egress_pointer self, const going_ptr& call, outbound_reply& reply) {
  auto& s = self->state;
  if (call->cut_by) { // cancelled meanwhile
    if (reply.stream_id != 0)
      end_stream(self, reply.stream_id);
    return give_up(self, call, *call->cut_by);
  }
  s.meters.ended(call->service->name, egress_meters::outcome_of(reply.status));
  if (reply.status == 401 && s.secrets && call->opened.writer)
    tell(s.secrets,
         forget_credential{call->ask.who->key(), call->service->name, call->opened.fingerprint});
  reply.receipt = call->receipt;
  if (reply.stream_id != 0) {
    call->holds = call->service->whole_answers && !call->ask.outside_lane;
    track_stream(self, reply.stream_id, call);
  }
  call->promise.deliver(std::move(reply));
  leave_lane(self, call);
}

void dispatch(egress_pointer self, const going_ptr& call) {
  auto& s = self->state;
  if (call->cut_by)
    return give_up(self, call, *call->cut_by);
  wire_call out;
  out.request = std::make_shared<wire_request>();
  out.request->pool_key = call->ask.who->key().text() + call->service->name;
  out.request->policy = s.services->policy(call->service->name);
  out.request->credential = std::move(call->opened.writer);
  call->opened.writer = out.request->credential;
  out.request->max_reply_bytes = call->service->max_reply_bytes;
  const auto now = std::chrono::steady_clock::now();
  if (const auto most = call->service->total_timeout; most.count() > 0)
    out.request->until = now + most;
  out.request->sent = std::move(call->ask.sent);
  out.by = now + call->ask.call.timeout;
  out.request->call = std::move(call->ask.call);
  call->ask.call.method = out.request->call.method; // for the audit log
  call->ticket = out.ticket;
  keep_checking(self, call);
  ask(
    self, s.http, std::move(out),
    [self, call](outbound_reply& reply) { on_reply(self, call, reply); },
    [self, call](error why) {
      if (!call->cut_by && why.kind == "cancelled") // the client ends
        self->state.meters.ended(call->service->name, egress_meters::cut);
      else if (!call->cut_by)
        note_failure(self, *call, why);
      if (!call->cut_by && why.code == errc::timeout)
        tell_of_cut(self, *call);
      give_up(self, call, call->cut_by.value_or(std::move(why)));
    });
}

// Has the receipt stored before the credential is sent.
void record(egress_pointer self, const going_ptr& call) {
  auto line = line_of(*call, "call", "sent");
  line.cred_fp = call->opened.fingerprint;
  ask(
    self, self->state.audit, audit_event{std::move(line)},
    [self, call](audit_receipt r) {
      call->receipt = r.seq;
      self->state.meters.injected();
      dispatch(self, call);
    },
    [self, call](error why) {
      if (call->cut_by)
        return give_up(self, call, *call->cut_by);
      self->state.meters.ended(call->service->name, egress_meters::failed);
      if (why.kind != storage_full)
        why = fail(errc::overloaded, "no receipt could be written for this call");
      give_up(self, call, std::move(why));
    });
}

// For want of a credential nothing goes out: such calls take nobody's turn.
void refuse(egress_pointer self, const going_ptr& call, error why, const std::string& reason) {
  note_refusal(self, *call, why, reason);
  if (!call->ask.outside_lane)
    self->state.lanes.at(lane_of(*call)).pace.takes_back(call->began);
  give_up(self, call, std::move(why));
}

error needs_credential(const service_options& service) {
  const std::string name(service.credential_name());
  auto why = fail(errc::denied,
                  words_for(service) + " needs a credential of this user"
                    + (name == service.name ? "" : " ('" + name + "')") + ", and there is none"
                    + (service.own ? ": it is stored by behalf secret put --service " + name : ""));
  why.kind = "needs_auth";
  return why;
}

void open_credential(egress_pointer self, const going_ptr& call) {
  auto& s = self->state;
  if (!call->service->takes_credential())
    return dispatch(self, call);
  if (!s.redeemer || call->ask.call.handle.empty()) {
    auto why = needs_credential(*call->service);
    const auto reason = why.message;
    return refuse(self, call, std::move(why), reason);
  }
  call->redemption = {
    call->ask.call.handle,
    {call->ask.who->key(), call->ask.run_id, call->service->name, call->to.where.text()}};
  ask(
    self, s.redeemer, call->redemption,
    [self, call](credential& c) {
      call->opened = std::move(c);
      record(self, call);
    },
    [self, call](error why) {
      if (call->cut_by)
        return give_up(self, call, *call->cut_by);
      auto reason = why.message;
      if (why.code == errc::not_found)
        why = needs_credential(*call->service);
      refuse(self, call, std::move(why), reason);
    });
}

void enqueue(egress_pointer self, const going_ptr& call) {
  if (call->ask.outside_lane) {
    self->state.by_run[call->ask.run_id].insert(call);
    return open_credential(self, call);
  }
  auto name = lane_of(*call);
  auto& lane = self->state.lanes.try_emplace(name, *call->service).first->second;
  auto place = lane.calls.wait(call->ask.who->key().tenant, user_of(*call), call);
  if (!place) {
    call->promise.deliver(fail(errc::overloaded,
                               "too many calls to " + call->to.where.text() + " are waiting",
                               "Retry-After", "1"));
    return;
  }
  call->place = *place;
  self->state.meters.waiting(call->service->name, 1);
  self->state.by_run[call->ask.run_id].insert(call);
  start_queued(self, name);
}

caf::result<outbound_reply> go(egress_pointer self, egress_call& m) {
  auto& s = self->state;
  if (unwanted(m)) { // it was left while it was asked for: nobody will cut this one
    s.meters.ended(m.call.service, egress_meters::cut);
    return to_caf(stopped());
  }
  auto call = std::make_shared<going_out>();
  call->ask = std::move(m);
  call->service = s.services->find(call->ask.call.service);
  if (!call->service)
    return to_caf(fail(errc::not_found, "no service '" + call->ask.call.service + "'"));
  auto to = check_url(call->ask.call.url);
  if (!to)
    return to_caf(to.error());
  call->to = std::move(*to);
  if (auto ok = admit_url(call->to, s.services->policy(call->service->name)); !ok) {
    auto why = ok.error();
    why.kind = "host_denied";
    note_refusal(self, *call, why, why.message);
    return to_caf(std::move(why));
  }
  // Made last: once there is a promise, a returned error would not reach the asker.
  promise_of<outbound_reply> promise{self};
  call->promise = promise;
  enqueue(self, call);
  return promise;
}

egress_actor::behavior_type egress_behavior(egress_pointer self,
                                            std::shared_ptr<const service_registry> services,
                                            secret_store_actor secrets, audit_actor audit,
                                            http_client_actor http, metrics* meters,
                                            std::weak_ptr<client> outbound) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.services = std::move(services);
  s.redeemer = secrets;
  s.secrets = std::move(secrets);
  s.audit = std::move(audit);
  s.http = std::move(http);
  s.outbound = std::move(outbound);
  s.meters = egress_meters{*meters, *s.services};
  return {
    [self](egress_call& m) { return go(self, m); },
    [self](const egress_read& m) { return read_on(self, m); },
    [self](const egress_close& m) { close_for(self, m); },
    [self](const hand_stream& m) { hand_over(self, m); },
    [self](const cut_calls& m) { cut(self, m); },
    [self](const recheck_credentials&) { recheck_all(self); },
    [self](const lane_turn& m) { on_turn(self, m); },
  };
}

} // namespace

egress_actor spawn_egress(caf::actor_system& sys, std::shared_ptr<const service_registry> services,
                          secret_store_actor secrets, audit_actor audit, http_client_actor http,
                          metrics& meters, std::weak_ptr<client> outbound) {
  return sys.spawn(egress_behavior, std::move(services), std::move(secrets), std::move(audit),
                   std::move(http), &meters, std::move(outbound));
}

} // namespace behalf::outside
