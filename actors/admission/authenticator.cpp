// From what a client presented to a principal, before anything but the head of its request is read.
// Known tokens are answered from a cache; unknown ones wait for keys, introspection or userinfo
// without holding up anyone.
#include "actors/admission/authenticator_state.hpp"
#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "runtime/auth/challenge.hpp"
#include "runtime/base/log.hpp"

#include <caf/actor_system.hpp>

namespace behalf::admission {
namespace {

void admit(authenticator_pointer self, const attempt_ptr& a) {
  auto& s = self->state;
  if (auto ok = s.limits.take_request(a->found.who->key(), a->ask.body_bytes,
                                      std::chrono::steady_clock::now());
      !ok)
    return refuse(self, a, ok.error());
  s.accepted->add();
  a->promise.deliver(std::move(a->found));
}

} // namespace

void refuse(authenticator_pointer self, const attempt_ptr& a, error why) {
  self->state.refused->add();
  a->promise.deliver(std::move(why));
}

void conclude(authenticator_pointer self, const attempt_ptr& a, const claims& proven,
              const claim_mapping& mapping) {
  auto who = to_principal(proven, mapping);
  if (!who)
    return refuse(self, a, who.error());
  a->found.who = std::make_shared<const principal>(std::move(*who));
  if (a->generation == self->state.generation) // else it was decided by what no longer holds
    self->state.cache.put(a->digest, a->found.who, proven.expires, now());
  admit(self, a);
}

principal_ptr nobody() {
  static const auto who = [] {
    auto p = std::make_shared<principal>();
    p->tenant = "default";
    p->subject = "anonymous";
    p->display_name = "anonymous";
    return p;
  }();
  return who;
}

error unreachable(const std::string& whom) {
  return fail(errc::overloaded, "the identity provider " + whom + " cannot be reached",
              "Retry-After", "5");
}

namespace {

// --- OpenID Connect ----------------------------------------------------------------------------

void verify_token(authenticator_pointer self, oidc_state& at, attempt_ptr a);

void wake(authenticator_pointer self, oidc_state& at) {
  for (auto& a : std::exchange(at.waiting, {}))
    verify_token(self, at, std::move(a));
}

void fetch_failed(authenticator_pointer self, oidc_state& at, const error& why) {
  log::warning("identity_keys_unavailable",
               {{"issuer", at.provider->rules.issuer}, {"reason", why.message}});
  at.keys.failed(now());
  wake(self, at);
}

void fetch_keys(authenticator_pointer self, oidc_state& at) {
  auto failed = [self, &at, held = at.shared_from_this()](const error& why) {
    fetch_failed(self, at, why);
  };
  if (at.own) {
    at.keys.arrived(self->state.setup->own_keys.at(at.provider->rules.issuer), std::nullopt, now());
    return wake(self, at);
  }
  auto uri = !at.provider->jwks_uri.empty() ? at.provider->jwks_uri
             : at.metadata                  ? at.metadata->jwks_uri
                                            : std::string{};
  if (uri.empty() || (at.provider->userinfo && !at.metadata)) {
    auto url = discovery_url(at.provider->rules.issuer);
    return fetch(
      self, document_call(url),
      [self, &at, failed](const json::value& document, const header_list&) {
        auto found = parse_discovery(document, at.provider->rules.issuer, at.provider->allow_http);
        if (!found)
          return failed(found.error());
        at.metadata = std::move(*found);
        fetch_keys(self, at);
      },
      failed);
  }
  fetch(
    self, document_call(uri),
    [self, &at, failed](const json::value& document, const header_list& headers) {
      auto keys = key_set::parse(document);
      if (!keys)
        return failed(keys.error());
      const auto* control = find_header(headers, "cache-control");
      at.keys.arrived(std::move(*keys), control ? max_age(*control) : std::nullopt, now());
      wake(self, at);
    },
    failed);
}

void ask_userinfo(authenticator_pointer self, oidc_state& at, attempt_ptr a, claims proven) {
  auto held = std::make_shared<claims>(std::move(proven));
  auto alive = at.shared_from_this();
  if (!at.metadata || at.metadata->userinfo_endpoint.empty())
    return refuse(self, a, fail(errc::internal, "the provider offers no userinfo endpoint"));
  fetch(
    self, userinfo_call(at.metadata->userinfo_endpoint, token_of(a)),
    [self, &at, alive, a, held](const json::value& info, const header_list&) {
      if (auto ok = merge_userinfo(*held, info); !ok)
        return refuse(self, a, ok.error());
      conclude(self, a, *held, at.provider->mapping);
    },
    [self, &at, alive, a](const error& why) {
      log::warning("identity_userinfo_failed",
                   {{"issuer", at.provider->rules.issuer}, {"reason", why.message}});
      refuse(self, a,
             why.message == "answered 401"
               ? invalid_token("the identity provider no longer accepts this token")
               : unreachable(at.provider->rules.issuer));
    });
}

// What a plan of the key cache means for one attempt; true when it may verify now.
bool may_verify(authenticator_pointer self, oidc_state& at, const attempt_ptr& a,
                const jwks_cache::plan& plan, const error& otherwise) {
  if (plan.then == jwks_cache::keys::wait)
    at.waiting.push_back(a);
  else if (plan.then == jwks_cache::keys::refuse)
    refuse(self, a, otherwise);
  if (plan.fetch)
    fetch_keys(self, at);
  return plan.then == jwks_cache::keys::use;
}

void verify_token(authenticator_pointer self, oidc_state& at, attempt_ptr a) {
  const auto& rules = at.provider->rules;
  if (!may_verify(self, at, a, at.keys.decide(now()), unreachable(rules.issuer)))
    return;
  auto proven = verify(token_of(a), rules, at.keys.current(), now());
  if (!proven && is_unknown_key(proven.error()) && !a->retried) {
    a->retried = true;
    auto origin = peek_origin(token_of(a));
    auto plan = at.keys.unknown_key(origin ? origin->key_id : std::string{}, now());
    if (may_verify(self, at, a, plan, proven.error()))
      refuse(self, a, proven.error());
    return;
  }
  if (!proven)
    return refuse(self, a, proven.error());
  if (at.provider->userinfo)
    return ask_userinfo(self, at, a, std::move(*proven));
  conclude(self, a, *proven, at.provider->mapping);
}

// --- choosing the way in -----------------------------------------------------------------------

void by_key(authenticator_pointer self, const attempt_ptr& a, std::string_view key) {
  for (const auto& keys : self->state.keys)
    if (auto who = keys.find(key, now())) {
      a->found.who = *who;
      return admit(self, a);
    }
  refuse(self, a, fail(errc::unauthenticated, "unknown API key", "WWW-Authenticate", "Bearer"));
}

void by_token(authenticator_pointer self, const attempt_ptr& a) {
  auto& s = self->state;
  a->digest = digest_token(token_of(a));
  if (auto who = s.cache.find(a->digest, now())) {
    s.hits->add();
    a->found.who = std::move(who);
    return admit(self, a);
  }
  auto origin = peek_origin(token_of(a));
  auto issuer = origin ? origin->issuer : std::string{};
  for (auto& at : s.issuers)
    if (at->provider->rules.issuer == issuer)
      return verify_token(self, *at, a);
  introspect(self, a, issuer);
}

// A plugin's handler judges every request; what it said is not cached, for it may look at
// anything in the request.
void by_plugin(authenticator_pointer self, const attempt_ptr& a) {
  ask(
    self, self->state.plugin, judge{a->ask.credentials, a->ask.peer},
    [self, a](judged& j) {
      a->found = {std::move(j.who), std::move(j.sealed)};
      admit(self, a);
    },
    [self, a](error why) { refuse(self, a, std::move(why)); });
}

caf::result<authenticated> begin(authenticator_pointer self, authenticate& m) {
  auto& s = self->state;
  auto a = std::make_shared<attempt>();
  a->promise = promise_of<authenticated>{self};
  a->ask = std::move(m);
  a->generation = s.generation;
  const auto& c = *a->ask.credentials;
  if (s.setup->open()) {
    a->found.who = nobody();
    admit(self, a);
  } else if (s.plugin) {
    by_plugin(self, a);
  } else if (!c.api_key.empty() && !s.keys.empty()) {
    by_key(self, a, c.api_key.view());
  } else if (c.bearer().empty()) {
    refuse(self, a, missing_token());
  } else if (!s.keys.empty() && looks_like_api_key(c.bearer())) {
    by_key(self, a, c.bearer());
  } else {
    by_token(self, a);
  }
  return a->promise;
}

// The state of an issuer we knew before: its keys stay in use until they are fetched again.
std::shared_ptr<oidc_state> known_issuer(const authenticator_state& s, const oidc_provider& p,
                                         bool own) {
  for (const auto& at : s.issuers)
    if (at->provider->rules.issuer == p.rules.issuer && at->provider->jwks_uri == p.jwks_uri
        && at->own == own)
      return at;
  return nullptr;
}

std::shared_ptr<oidc_state> issuer_of(const authenticator_state& s, const oidc_provider& p,
                                      std::shared_ptr<const identity_setup> setup) {
  auto own = setup->own_keys.contains(p.rules.issuer);
  auto at = known_issuer(s, p, own);
  if (!at) {
    at = std::make_shared<oidc_state>();
    at->keys = jwks_cache{p.keys};
    at->own = own;
  }
  at->provider = &p;
  at->setup = std::move(setup);
  return at;
}

void fetch_anew(authenticator_state& s) {
  for (const auto& at : s.issuers)
    at->keys.expire(now());
}

void use(authenticator_state& s, std::shared_ptr<const identity_setup> setup) {
  fetch_anew(s);
  std::vector<std::shared_ptr<oidc_state>> issuers;
  s.introspectors.clear();
  s.keys.clear();
  for (const auto& any : setup->providers) {
    if (const auto* p = std::get_if<oidc_provider>(&any)) {
      issuers.push_back(issuer_of(s, *p, setup));
    } else if (const auto* i = std::get_if<introspection_provider>(&any)) {
      auto at = std::make_shared<introspection_state>();
      at->setup = setup;
      at->provider = i;
      at->endpoint = i->endpoint;
      s.introspectors.push_back(std::move(at));
    } else if (auto keys = api_keys::make(std::get<api_key_provider>(any).keys)) {
      s.keys.push_back(std::move(*keys));
    }
  }
  s.issuers = std::move(issuers);
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
