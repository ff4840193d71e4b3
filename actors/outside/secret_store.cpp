// Mints sealed handles for runs and redeems them for egress. A credential is fetched once for all
// that wait for it; its bytes never leave this actor, only a writer of them does.
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "actors/outside/spawn.hpp"
#include "behalf/plugin.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/id.hpp"
#include "runtime/base/metrics.hpp"
#include "secrets/inject.hpp"
#include "secrets/secret_cache.hpp"
#include "secrets/secret_source.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <unordered_map>

namespace behalf::outside {
namespace {

constexpr std::chrono::seconds fetch_patience{15};
constexpr std::chrono::seconds soonest_sweep{1}, latest_sweep{10};

// A redeem that waits for a fetch. Its handle is checked again when the fetch ends.
struct waiting_redeem {
  redeem ask;
  promise_of<credential> promise;
};

// An operation of a source under way, and for which credential.
struct fetching {
  secret_source* from = nullptr;
  std::unique_ptr<secret_operation> operation;
  credential_key key; // of the cache: by service
  inbound_token_ptr as;
};
using fetching_ptr = std::shared_ptr<fetching>;

// A fetch that waits for another operation (a login, say).
struct waiting_fetch {
  std::shared_ptr<const secret_turn> turn;
  fetching_ptr job;
};

struct secret_store_state {
  static inline const char* name = "secret-store";
  secret_store_state() = default;

  secret_sources sources;    // none: credentials come from the principal alone
  sealed_fields server_keys; // by service
  std::shared_ptr<const service_registry> services;
  http_client_actor http;
  std::chrono::milliseconds lease_time{};
  lease_book leases;
  secret_cache cache;
  secret fingerprint_key{random_hex(32)};
  std::unordered_map<std::string, inbound_token_ptr> tokens; // by run: the user's own
  std::unordered_map<uint64_t, waiting_redeem> waiters;
  std::vector<waiting_fetch> waiting;
  uint64_t last_waiter = 0;
  bool sweeping = false; // a sweep is scheduled
  metric *redeemed = nullptr, *refused = nullptr, *fetched = nullptr;
};

using store_pointer = secret_store_actor::stateful_pointer<secret_store_state>;

std::vector<std::string> hosts_of(const service_options& service) {
  std::vector<std::string> hosts;
  if (auto policy = service.policy())
    for (const auto& o : policy->allowed)
      hosts.push_back(o.text());
  return hosts;
}

// Drops credentials and leases that have expired, also when nobody asks for them again.
void sweep(store_pointer self) {
  auto& s = self->state;
  auto t = now();
  auto next = s.cache.sweep(t);
  s.leases.sweep(t);
  s.sources.sweep(t);
  if ((!next && s.leases.size() == 0) || std::exchange(s.sweeping, true))
    return;
  auto wait = next ? std::clamp<time_point::duration>(*next - t, soonest_sweep, latest_sweep)
                   : time_point::duration{latest_sweep};
  remind(self, wait, retry_call{std::make_shared<std::function<void()>>([self] {
           self->state.sweeping = false;
           sweep(self);
         })});
}

caf::result<run_handles> open(store_pointer self, const open_leases& m) {
  auto& s = self->state;
  if (!s.sweeping)
    sweep(self);
  run_handles handles;
  for (const auto& service : s.services->all()) {
    if (!service->takes_credential())
      continue;
    lease what{m.who->key(), m.run_id, service->name, hosts_of(*service), now() + s.lease_time};
    if (const auto from = service->credential.from; from != credential_source::secrets) {
      const auto* fields = from == credential_source::server ? &s.server_keys : m.sealed.get();
      auto found = fields ? fields->find(std::string(service->credential_name()))
                          : sealed_fields::const_iterator{};
      if (!fields || found == fields->end())
        continue;
      what.held = found->second;
    }
    auto handle = s.leases.open(std::move(what), now());
    if (handle) {
      handles.by_service.emplace_back(service->name, std::move(*handle));
    } else if (handle.error().code == errc::overloaded) { // not: the user has no credential
      s.leases.close_run(m.run_id);
      return to_caf(handle.error());
    }
  }
  if (m.credentials && !m.credentials->bearer().empty())
    s.tokens[m.run_id] = std::make_shared<const inbound_token>(m.credentials->bearer());
  return handles;
}

// --- fetching ----------------------------------------------------------------------------------

result<ready_credential> make_ready(store_pointer self, const service_options& service,
                                    const stored_credential_ptr& found) {
  auto writer = make_writer(service.credential.inject, found);
  if (!writer)
    return writer.error();
  return ready_credential{std::move(*writer), found->expires_at,
                          credential_fingerprint(self->state.fingerprint_key, found->value)};
}

inbound_token_ptr token_of(store_pointer self, const std::string& run_id) {
  auto& tokens = self->state.tokens;
  auto at = tokens.find(run_id);
  return at == tokens.end() ? nullptr : at->second;
}

void deliver(waiting_redeem& w, const result<ready_credential>& value) {
  if (value)
    w.promise.deliver(credential{value->writer, value->fingerprint});
  else
    w.promise.deliver(value.error());
}

void look_up(store_pointer self, waiting_redeem w);

// The fetch failed for its run's user token: the token of this run may be better.
bool try_own(store_pointer self, const fetching& ended, const error& why, const redeem& ask) {
  return (why.kind == "needs_login" || why.kind == "login_refused")
         && !inbound_token::same(ended.as, token_of(self, ask.claim.run_id));
}

void conclude(store_pointer self, const fetching& job, result<ready_credential> value) {
  auto& s = self->state;
  auto ended = s.cache.finish(job.key, std::move(value), now());
  if (!s.sweeping)
    sweep(self);
  std::vector<waiting_redeem> rest;
  for (auto id : ended.waiters) {
    auto waiter = s.waiters.extract(id);
    if (waiter.empty())
      continue;
    auto& w = waiter.mapped();
    // The run may have ended while the token was fetched.
    if (auto still = s.leases.find(w.ask.handle, w.ask.claim, now()); !still)
      deliver(w, still.error());
    else if (!ended.value && try_own(self, job, ended.value.error(), w.ask))
      rest.push_back(std::move(w));
    else
      deliver(w, ended.value);
  }
  for (auto& w : rest)
    look_up(self, std::move(w));
}

void drive(store_pointer self, fetching_ptr job, secret_step step);

void send_call(store_pointer self, fetching_ptr job, const secret_call& call) {
  auto& s = self->state;
  auto wire = to_wire(call, job->from->policy(), "secrets " + job->key.who.text());
  if (!wire)
    return drive(self, job, job->operation->resume(wire.error(), now()));
  wire_call out;
  out.request = std::make_shared<wire_request>(std::move(*wire));
  out.by = std::chrono::steady_clock::now() + fetch_patience;
  auto body = out.request->secret_reply;
  s.fetched->add();
  ask(
    self, s.http, std::move(out),
    [self, job, body](outbound_reply& reply) {
      drive(self, job, job->operation->resume(from_wire(std::move(reply), body), now()));
    },
    [self, job](error why) { drive(self, job, job->operation->resume(std::move(why), now())); });
}

void do_step(store_pointer self, fetching_ptr job, secret_step step) {
  if (auto* wait = std::get_if<secret_wait>(&step)) {
    self->state.waiting.push_back({std::move(wait->turn), std::move(job)});
    return;
  }
  if (auto* call = std::get_if<secret_call>(&step)) {
    if (call->delay.count() == 0)
      return send_call(self, job, *call);
    // A retry after a pause.
    remind(self, call->delay,
           retry_call{std::make_shared<std::function<void()>>(
             [self, job, again = *call] { send_call(self, job, again); })});
    return;
  }
  auto& answer = std::get<result<secret_answer>>(step);
  auto service = self->state.services->find(job->key.service);
  if (!answer)
    conclude(self, *job, answer.error());
  else
    conclude(self, *job, make_ready(self, *service, answer->found));
}

// Does the step, then continues the fetches whose wait it ended.
void drive(store_pointer self, fetching_ptr job, secret_step step) {
  do_step(self, std::move(job), std::move(step));
  auto& waiting = self->state.waiting;
  auto waits = [](const waiting_fetch& p) { return !p.turn->over; };
  auto first = std::stable_partition(waiting.begin(), waiting.end(), waits);
  std::vector<waiting_fetch> ready(std::make_move_iterator(first),
                                   std::make_move_iterator(waiting.end()));
  waiting.erase(first, waiting.end());
  for (auto& p : ready)
    drive(self, p.job, p.job->operation->start(now()));
}

void fetch(store_pointer self, const credential_key& key, const std::string& run_id) {
  auto& s = self->state;
  auto service = s.services->find(key.service);
  auto job = std::make_shared<fetching>();
  job->key = key;
  job->as = token_of(self, run_id);
  job->from = s.sources.find(service->credential.store);
  if (!job->from)
    return conclude(self, *job, fail(errc::internal, "there is no such secret store"));
  job->operation = job->from->read({key.who, std::string(service->credential_name())}, job->as);
  drive(self, job, job->operation->start(now()));
}

void look_up(store_pointer self, waiting_redeem w) {
  auto& s = self->state;
  credential_key key{w.ask.claim.who, w.ask.claim.service};
  auto id = ++s.last_waiter;
  auto look = s.cache.begin(key, id, now());
  if (look.what == secret_cache::outcome::hit)
    return deliver(w, look.value);
  auto run_id = w.ask.claim.run_id;
  s.waiters.emplace(id, std::move(w));
  if (look.what == secret_cache::outcome::lead)
    fetch(self, key, run_id);
}

caf::result<credential> open_handle(store_pointer self, const redeem& m) {
  auto& s = self->state;
  auto found = s.leases.find(m.handle, m.claim, now());
  if (!found) {
    s.refused->add();
    return to_caf(found.error());
  }
  if (!m.again)
    s.redeemed->add();
  if ((*found)->held) {
    auto ready = make_ready(self, *s.services->find(m.claim.service), (*found)->held);
    if (!ready)
      return to_caf(ready.error());
    return credential{ready->writer, ready->fingerprint};
  }
  if (s.sources.changed_elsewhere())
    s.cache.clear();
  promise_of<credential> promise{self};
  look_up(self, {m, promise});
  return promise;
}

secret_store_actor::behavior_type
store_behavior(store_pointer self, std::shared_ptr<secret_sources> sources,
               std::shared_ptr<const service_registry> services, http_client_actor http,
               std::chrono::milliseconds lease_time, metrics* meters, sealed_fields server_keys) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.sources = std::move(*sources);
  s.server_keys = std::move(server_keys);
  s.services = std::move(services);
  s.http = std::move(http);
  s.lease_time = lease_time;
  s.redeemed = &meters->counter("behalf_redeems_total", "Handles opened for egress");
  s.refused = &meters->counter("behalf_redeem_refusals_total", "Handles that did not open");
  s.fetched = &meters->counter("behalf_secret_fetches_total", "Calls on the secret store");
  return {
    [self](const redeem& m) { return open_handle(self, m); },
    [self](const open_leases& m) { return open(self, m); },
    [self](const close_leases& m) {
      self->state.leases.close_run(m.run_id, m.except);
      if (m.except.empty())
        self->state.tokens.erase(m.run_id);
    },
    [self](const forget_credential& m) {
      self->state.cache.refuse({m.who, m.service}, m.fingerprint);
    },
    [](const retry_call& m) { (*m.again)(); },
  };
}

} // namespace

secret_store_actor spawn_secret_store(caf::actor_system& sys, secret_sources sources,
                                      std::shared_ptr<const service_registry> services,
                                      http_client_actor http, std::chrono::milliseconds lease_time,
                                      metrics& meters, sealed_fields server_keys) {
  auto held = std::make_shared<secret_sources>(std::move(sources));
  return sys.spawn(store_behavior, held, std::move(services), std::move(http), lease_time, &meters,
                   std::move(server_keys));
}

} // namespace behalf::outside
