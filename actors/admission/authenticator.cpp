// Turns the credentials of a request into a principal, from the request's head alone. Known tokens
// are in a cache; for others the identity providers are asked in order. A provider's check says
// which HTTP call it needs, and this actor makes it.
#include "actors/admission/identity.hpp"
#include "actors/admission/identity_calls.hpp"
#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "actors/basics.hpp"
#include "actors/outside/messages.hpp"
#include "runtime/auth/challenge.hpp"
#include "runtime/auth/identity_provider.hpp"
#include "runtime/auth/token_cache.hpp"
#include "runtime/base/fair_lane.hpp"
#include "runtime/base/metrics.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <utility>

namespace behalf::admission {
namespace {

// Holds a provider. A reload may exchange it for the same provider with other settings while a call
// of the old one is under way.
struct provider_place {
  identity_provider_ptr provider;
};
using place_ptr = std::shared_ptr<provider_place>;

/// One request to authenticate that may need calls.
struct attempt {
  authenticate ask;
  caller_proof proof; // of `ask`
  authenticated found;
  promise_of<authenticated> promise;
  token_digest digest{};
  uint64_t generation = 0;       // of the setup when it began
  std::vector<place_ptr> to_ask; // in the order configured
  std::size_t asked = 0;         // how many of `to_ask`
  std::unique_ptr<identity_check> check = {};
  std::optional<error> unknown = {}; // the error when no provider knows the credential
  std::string silent = {};           // names of providers that gave no usable reply
  std::string lane_user = {};        // whose share of the lane it counts to; empty: it is in none
  bool cacheable = false;
};
using attempt_ptr = std::shared_ptr<attempt>;

struct waiting_check {
  place_ptr at;
  attempt_ptr a;
};

/// Bounds the unknown tokens that providers are called about at once. Unknown callers count as one
/// tenant with a user per peer; the owner of a token that was valid before counts as that user.
struct token_lane {
  static constexpr std::size_t most_at_once = 32;

  fair_lane<attempt_ptr> tokens{most_at_once};
  bool moving = false;
};

struct authenticator_state {
  static inline const char* name = "authenticator";
  authenticator_state() = default;

  std::shared_ptr<const identity_setup> setup;
  http_client_actor http;
  plugin_auth_actor plugin; // null: the configured providers decide
  token_cache cache;
  token_cache unknown; // tokens every provider calls inactive; the principal is unused
  limiter limits;
  std::vector<place_ptr> providers;   // in the order configured
  std::vector<waiting_check> waiting; // checks that wait for a provider's own call (its keys)
  token_lane lane;
  uint64_t generation = 0; // counts the setups
  metric *accepted = nullptr, *refused = nullptr, *hits = nullptr;
};

using authenticator_pointer = authenticator_actor::stateful_pointer<authenticator_state>;

// The principal of everyone on a server without authentication.
principal_ptr anonymous_principal() {
  static const auto who = [] {
    auto p = std::make_shared<principal>();
    p->tenant = "default";
    p->subject = "anonymous";
    p->display_name = "anonymous";
    return p;
  }();
  return who;
}

// --- outcomes ----------------------------------------------------------------------------------

void ask_next(authenticator_pointer self, const attempt_ptr& a);

// Starts the attempts whose turn it is. One that ends at once calls this again: then it only
// returns.
void start_queued(authenticator_pointer self) {
  auto& lane = self->state.lane;
  if (std::exchange(lane.moving, true))
    return;
  while (auto next = lane.tokens.next())
    ask_next(self, *next);
  lane.moving = false;
}

void leave_lane(authenticator_pointer self, attempt& a) {
  if (a.lane_user.empty())
    return;
  self->state.lane.tokens.done(std::exchange(a.lane_user, {}));
  start_queued(self);
}

void refuse(authenticator_pointer self, const attempt_ptr& a, error why) {
  self->state.refused->add();
  a->promise.deliver(std::move(why));
  leave_lane(self, *a);
}

void accept_caller(authenticator_pointer self, const attempt_ptr& a) {
  auto& s = self->state;
  if (auto ok = s.limits.take_request(a->found.who->key(), a->ask.body_bytes,
                                      std::chrono::steady_clock::now());
      !ok)
    return refuse(self, a, ok.error());
  s.accepted->add();
  a->promise.deliver(std::move(a->found));
  leave_lane(self, *a);
}

void conclude(authenticator_pointer self, const attempt_ptr& a, vouched by) {
  auto& s = self->state;
  if (a->cacheable && a->generation == s.generation) // else the setup has changed since
    s.cache.put(a->digest, by.who, by.until, now());
  a->found.who = std::move(by.who);
  accept_caller(self, a);
}

// No provider knows the credential.
void end_unknown(authenticator_pointer self, const attempt_ptr& a) {
  auto& s = self->state;
  if (!a->silent.empty())
    return refuse(self, a, unreachable(a->silent));
  if (a->cacheable && a->generation == s.generation)
    s.unknown.put(a->digest, anonymous_principal(), time_point::max(), now());
  refuse(self, a, std::move(*a->unknown));
}

// --- asking providers --------------------------------------------------------------------------

// Makes a call and goes on with the reply.
template <class Then>
void call(authenticator_pointer self, provider_call what, Then then) {
  auto request = to_wire(std::move(what));
  if (!request)
    return then(fail(errc::upstream, "the provider's address is malformed"));
  wire_call out;
  out.request = std::move(request);
  out.by = std::chrono::steady_clock::now() + provider_patience;
  ask(
    self, self->state.http, std::move(out),
    [then](outbound_reply& reply) mutable {
      provider_reply answer{static_cast<unsigned>(reply.status), std::move(reply.headers), {}};
      if (auto document = parse_json(reply.body))
        answer.document = std::move(*document);
      then(std::move(answer));
    },
    [then](error why) mutable { then(std::move(why)); });
}

void drive(authenticator_pointer self, const place_ptr& at, const attempt_ptr& a,
           identity_step step);

// A provider's own call is over: continues the checks that waited for it.
void wake(authenticator_pointer self, const place_ptr& at) {
  auto& waiting = self->state.waiting;
  auto others = [&](const waiting_check& w) { return w.at != at; };
  auto first = std::stable_partition(waiting.begin(), waiting.end(), others);
  std::vector<waiting_check> ready(std::make_move_iterator(first),
                                   std::make_move_iterator(waiting.end()));
  waiting.erase(first, waiting.end());
  for (const auto& w : ready)
    drive(self, at, w.a, w.a->check->start(now()));
}

// Makes the calls that a provider needs for itself (its keys, say), one after the other.
void make_provider_call(authenticator_pointer self, const place_ptr& at) {
  auto due = at->provider->next_call();
  if (!due)
    return;
  call(self, std::move(*due), [self, at](result<provider_reply> reply) {
    if (at->provider->take_reply(std::move(reply), now()))
      return wake(self, at);
    make_provider_call(self, at);
  });
}

void ask_next(authenticator_pointer self, const attempt_ptr& a) {
  if (a->asked == a->to_ask.size())
    return end_unknown(self, a);
  auto at = a->to_ask[a->asked++];
  a->check = at->provider->check(a->proof);
  drive(self, at, a, a->check->start(now()));
}

// Does what a check asks for next.
struct step_of_check {
  authenticator_pointer self;
  const place_ptr& at;
  const attempt_ptr& a;

  void operator()(provider_call& what) const {
    call(self, std::move(what), [self = self, at = at, a = a](result<provider_reply> reply) {
      drive(self, at, a, a->check->resume(std::move(reply), now()));
    });
  }
  void operator()(await_provider) const { self->state.waiting.push_back({at, a}); }
  void operator()(vouched& by) const { conclude(self, a, std::move(by)); }
  void operator()(not_responsible& by) const {
    a->unknown = std::move(by.why);
    ask_next(self, a);
  }
  void operator()(no_answer& by) const {
    a->silent += (a->silent.empty() ? "" : ", ") + by.from;
    ask_next(self, a);
  }
  void operator()(error& why) const { refuse(self, a, std::move(why)); }
};

void drive(authenticator_pointer self, const place_ptr& at, const attempt_ptr& a,
           identity_step step) {
  std::visit(step_of_check{self, at, a}, step);
  make_provider_call(self, at);
}

// --- choosing the providers
// -----------------------------------------------------------------------

std::vector<place_ptr> with_responsibility(const authenticator_state& s, std::string_view issuer,
                                           responsibility which) {
  std::vector<place_ptr> found;
  for (const auto& at : s.providers)
    if (at->provider->of_token(issuer) == which)
      found.push_back(at);
  return found;
}

// Each unknown token costs a call: they wait in the lane.
void wait_for_turn(authenticator_pointer self, const attempt_ptr& a) {
  auto& s = self->state;
  if (s.unknown.find(a->digest, now()))
    return refuse(self, a, inactive_token());
  const auto owner = s.cache.last_owner(a->digest);
  const auto who = owner ? owner->key() : stranger(a->ask.peer);
  auto user = who.text();
  if (!s.lane.tokens.wait(who.tenant, user, a))
    return refuse(self, a,
                  fail(errc::too_many, "too many unknown tokens from one place; others wait",
                       "Retry-After", "1"));
  a->lane_user = std::move(user);
  start_queued(self);
}

void by_token(authenticator_pointer self, const attempt_ptr& a) {
  auto& s = self->state;
  a->digest = digest_token(a->proof.bearer);
  if (auto who = s.cache.find(a->digest, now())) {
    s.hits->add();
    a->found.who = std::move(who);
    return accept_caller(self, a);
  }
  a->cacheable = true;
  auto origin = peek_origin(a->proof.bearer);
  auto issuer = origin ? origin->issuer : std::string{};
  a->to_ask = with_responsibility(s, issuer, responsibility::sole);
  if (a->to_ask.empty())
    a->to_ask = with_responsibility(s, issuer, responsibility::shared);
  if (a->to_ask.empty())
    return refuse(self, a, invalid_token("no configured identity provider issued this token"));
  if (a->to_ask.front()->provider->calls_for_each_token())
    return wait_for_turn(self, a);
  ask_next(self, a);
}

void by_providers(authenticator_pointer self, const attempt_ptr& a) {
  for (const auto& at : self->state.providers)
    if (at->provider->recognizes(a->proof))
      a->to_ask.push_back(at);
  if (!a->to_ask.empty())
    return ask_next(self, a);
  if (a->proof.bearer.empty())
    return refuse(self, a, missing_token());
  by_token(self, a);
}

// A plugin's handler is called for every request: it may decide by any header, so nothing is
// cached.
void by_plugin(authenticator_pointer self, const attempt_ptr& a) {
  ask(
    self, self->state.plugin, call_auth_handler{a->ask.credentials, a->ask.peer},
    [self, a](vouched_by_handler& j) {
      a->found = {std::move(j.who), std::move(j.sealed)};
      accept_caller(self, a);
    },
    [self, a](error why) { refuse(self, a, std::move(why)); });
}

caf::result<authenticated> begin(authenticator_pointer self, authenticate& m) {
  auto& s = self->state;
  auto a = std::make_shared<attempt>();
  a->promise = promise_of<authenticated>{self};
  a->ask = std::move(m);
  a->proof = {a->ask.credentials->bearer(), a->ask.credentials->api_key.view()};
  a->generation = s.generation;
  if (s.setup->open()) {
    a->found.who = anonymous_principal();
    accept_caller(self, a);
  } else if (s.plugin) {
    by_plugin(self, a);
  } else {
    by_providers(self, a);
  }
  return a->promise;
}

// --- the configuration -------------------------------------------------------------------------

void fetch_anew(authenticator_state& s) {
  for (const auto& at : s.providers)
    at->provider->expire(now());
}

// Keeps the place of a provider that was there before, with the keys it has fetched.
place_ptr place_of(const authenticator_state& s, identity_provider_ptr provider) {
  for (const auto& at : s.providers)
    if (provider->take_over(*at->provider)) {
      at->provider = std::move(provider);
      return at;
    }
  return std::make_shared<provider_place>(provider_place{std::move(provider)});
}

void use(authenticator_state& s, std::shared_ptr<const identity_setup> setup) {
  fetch_anew(s);
  std::vector<place_ptr> providers;
  for (const auto& settings : setup->providers)
    if (auto made = make_provider(settings, {setup->own_keys, setup->client_secrets}))
      providers.push_back(place_of(s, std::move(made)));
  s.providers = std::move(providers);
  s.setup = std::move(setup);
  s.cache = token_cache{s.setup->cached_tokens};
  s.unknown = token_cache{1000, std::chrono::seconds{5}};
  s.limits = limiter{s.setup->limits};
  ++s.generation;
}

authenticator_actor::behavior_type
authenticator_behavior(authenticator_pointer self, std::shared_ptr<const identity_setup> setup,
                       http_client_actor http, plugin_auth_actor plugin, metrics* meters) {
  install_fault_handlers(self);
  auto& s = self->state;
  s.http = std::move(http);
  s.plugin = std::move(plugin);
  s.accepted = &meters->counter("behalf_authentications_total", "Requests by outcome",
                                {{"outcome", "accepted"}});
  s.refused = &meters->counter("behalf_authentications_total", "Requests by outcome",
                               {{"outcome", "refused"}});
  s.hits = &meters->counter("behalf_token_cache_hits_total", "Tokens known already");
  use(s, std::move(setup));
  return {
    [self](authenticate& m) { return begin(self, m); },
    [self](const count_body& m) {
      self->state.limits.add_bytes(m.who->key(), m.bytes, std::chrono::steady_clock::now());
    },
    [self](use_identity& m) {
      if (!m.setup)
        return fetch_anew(self->state);
      use(self->state, std::move(m.setup));
    },
  };
}

} // namespace

authenticator_actor spawn_authenticator(caf::actor_system& sys,
                                        std::shared_ptr<const identity_setup> setup,
                                        http_client_actor http, plugin_auth_actor plugin,
                                        metrics& meters) {
  return sys.spawn(authenticator_behavior, std::move(setup), std::move(http), std::move(plugin),
                   &meters);
}

} // namespace behalf::admission
