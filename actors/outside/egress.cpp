// The way out: a call with a handle becomes a call with a credential, in this order: may it go
// there, is there room, does the handle open, is the receipt on disk. Only egress can redeem.
#include "actors/outside/egress_state.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "runtime/base/log.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/records.hpp"

#include <caf/actor_system.hpp>

namespace behalf::outside {

std::string lane_of(const going_out& call) {
  return call.service->name + " " + call.to.where.text();
}

void stop_waiting(egress_pointer self, const going_ptr& call) {
  auto& lanes = self->state.lanes;
  auto lane = lanes.find(lane_of(*call));
  lane->second.calls.remove(std::exchange(call->place, 0));
  if (lane->second.calls.idle() && !lane->second.moving)
    lanes.erase(lane);
}

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

namespace {

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

// Lets out whoever's turn it is. A call that ends at once comes back here: then the loop goes on.
void move_on(egress_pointer self, const std::string& name) {
  auto found = self->state.lanes.find(name);
  if (found == self->state.lanes.end() || std::exchange(found->second.moving, true))
    return;
  auto& lane = found->second;
  while (auto next = lane.calls.next()) {
    (*next)->place = 0;
    open_credential(self, *next);
  }
  lane.moving = false;
  if (lane.calls.idle())
    self->state.lanes.erase(name);
}

void leave(egress_pointer self, const going_ptr& call) {
  forget_run_of(self, call);
  if (call->ask.beside)
    return;
  auto name = lane_of(*call);
  self->state.lanes.at(name).calls.done(user_of(*call));
  move_on(self, name);
}

void give_up(egress_pointer self, const going_ptr& call, error why) {
  call->promise.deliver(std::move(why));
  leave(self, call);
}

// A refusal is worth a line too, but nobody waits for it. The reason may tell the operator more
// than the user hears.
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

void on_reply(egress_pointer self, const going_ptr& call, outbound_reply& reply) {
  auto& s = self->state;
  if (call->cut_by) { // too late
    if (reply.stream_id != 0)
      end_stream(self, reply.stream_id);
    return give_up(self, call, *call->cut_by);
  }
  s.meters.ended(call->service->name, egress_meters::outcome_of(reply.status));
  if (reply.status == 401 && s.secrets && call->opened.writer)
    tell(s.secrets,
         forget_credential{call->ask.who->key(), call->service->name, call->opened.fingerprint});
  reply.receipt = call->receipt;
  if (reply.stream_id != 0)
    watch_stream(self, reply.stream_id, call);
  call->promise.deliver(std::move(reply));
  leave(self, call);
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
  out.by = std::chrono::steady_clock::now() + call->ask.call.timeout;
  out.request->call = std::move(call->ask.call);
  call->ask.call.method = out.request->call.method; // for the audit log
  call->ticket = out.ticket;
  watch(self, call);
  ask(
    self, s.http, std::move(out),
    [self, call](outbound_reply& reply) { on_reply(self, call, reply); },
    [self, call](error why) {
      if (!call->cut_by)
        self->state.meters.ended(call->service->name, egress_meters::failed);
      give_up(self, call, call->cut_by.value_or(std::move(why)));
    });
}

// The receipt is on disk before the credential leaves.
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
      self->state.meters.ended(call->service->name, egress_meters::failed);
      if (why.kind != storage_full)
        why = fail(errc::overloaded, "no receipt could be written for this call");
      give_up(self, call, std::move(why));
    });
}

error needs_credential(const service_options& service) {
  auto why = fail(errc::denied, "service '" + service.name
                                  + "' needs a credential of this user, and there is none");
  why.kind = "needs_auth";
  return why;
}

void open_credential(egress_pointer self, const going_ptr& call) {
  auto& s = self->state;
  if (!call->service->takes_credential())
    return dispatch(self, call);
  if (!s.redeemer || call->ask.call.handle.empty()) {
    auto why = needs_credential(*call->service);
    note_refusal(self, *call, why, why.message);
    return give_up(self, call, std::move(why));
  }
  call->lent = {
    call->ask.call.handle,
    {call->ask.who->key(), call->ask.run_id, call->service->name, call->to.where.text()}};
  ask(
    self, s.redeemer, call->lent,
    [self, call](credential& c) {
      call->opened = std::move(c);
      record(self, call);
    },
    [self, call](error why) {
      auto reason = why.message;
      if (why.code == errc::not_found)
        why = needs_credential(*call->service);
      note_refusal(self, *call, why, reason);
      give_up(self, call, std::move(why));
    });
}

void admit(egress_pointer self, const going_ptr& call) {
  if (call->ask.beside) {
    self->state.by_run[call->ask.run_id].insert(call);
    return open_credential(self, call);
  }
  auto name = lane_of(*call);
  auto& lane = self->state.lanes.try_emplace(name, call->service->max_concurrent).first->second;
  auto place = lane.calls.wait(call->ask.who->key().tenant, user_of(*call), call);
  if (!place) {
    call->promise.deliver(fail(errc::overloaded,
                               "too many calls to " + call->to.where.text() + " are waiting",
                               "Retry-After", "1"));
    return;
  }
  call->place = *place;
  self->state.by_run[call->ask.run_id].insert(call);
  move_on(self, name);
}

caf::result<outbound_reply> go(egress_pointer self, egress_call& m) {
  auto& s = self->state;
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
  // Made last: once there is a promise, what is returned instead of it goes nowhere.
  promise_of<outbound_reply> promise{self};
  call->promise = promise;
  admit(self, call);
  return promise;
}

egress_actor::behavior_type egress_behavior(egress_pointer self,
                                            std::shared_ptr<const service_registry> services,
                                            secret_store_actor secrets, audit_actor audit,
                                            http_client_actor http, metrics* meters) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.services = std::move(services);
  s.redeemer = secrets;
  s.secrets = std::move(secrets);
  s.audit = std::move(audit);
  s.http = std::move(http);
  s.meters = egress_meters{*meters, *s.services};
  return {
    [self](egress_call& m) { return go(self, m); },
    [self](const egress_read& m) { return read_on(self, m); },
    [self](const egress_close& m) { close_for(self, m); },
    [self](const hand_stream& m) { hand_over(self, m); },
    [self](const cut_calls& m) { cut_run(self, m); },
    [self](const look_after_calls&) { look_after(self); },
  };
}

} // namespace

egress_actor spawn_egress(caf::actor_system& sys, std::shared_ptr<const service_registry> services,
                          secret_store_actor secrets, audit_actor audit, http_client_actor http,
                          metrics& meters) {
  return sys.spawn(egress_behavior, std::move(services), std::move(secrets), std::move(audit),
                   std::move(http), &meters);
}

} // namespace behalf::outside
