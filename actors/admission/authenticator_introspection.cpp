// The authenticator's way in for tokens only their issuer can read: it is asked (RFC 7662).
#include "actors/admission/authenticator_state.hpp"
#include "runtime/auth/challenge.hpp"
#include "runtime/base/log.hpp"

#include <utility>

namespace behalf::admission {
namespace {

void ask_next(authenticator_pointer self, const inquiry_ptr& i);

std::string name_of(const introspection_provider& p) {
  return p.rules.issuer.empty() ? "for opaque tokens" : p.rules.issuer;
}

// Lets out whoever's turn it is. One that ends at once comes back here: then the loop goes on.
void move_on(authenticator_pointer self) {
  auto& lane = self->state.inquiries;
  if (std::exchange(lane.moving, true))
    return;
  while (auto next = lane.tokens.next())
    ask_next(self, *next);
  lane.moving = false;
}

void leave(authenticator_pointer self, const inquiry_ptr& i) {
  self->state.inquiries.tokens.done(i->user);
  move_on(self);
}

void turn_away(authenticator_pointer self, const inquiry_ptr& i, error why) {
  refuse(self, i->a, std::move(why));
  leave(self, i);
}

void pass_over(authenticator_pointer self, const inquiry_ptr& i, const introspection_provider& p) {
  i->silent += (i->silent.empty() ? "" : ", ") + name_of(p);
  ask_next(self, i);
}

// Only a deadline counts: what fails fast holds nobody up, and a token can be made to fail.
void note(introspection_state& at, deadline asked, const error& why) {
  if (why.code == errc::timeout)
    at.quiet.silent(asked, std::chrono::steady_clock::now());
  else
    at.quiet.answered();
}

void no_answer(authenticator_pointer self, const inquiry_ptr& i, const introspection_provider& p,
               const error& why) {
  log::warning("identity_introspection_failed",
               {{"issuer", p.rules.issuer}, {"endpoint", p.endpoint}, {"reason", why.message}});
  pass_over(self, i, p);
}

void weigh(authenticator_pointer self, const inquiry_ptr& i, const introspection_provider& p,
           const json::value& answer) {
  auto proven = read_introspection(answer, p.rules, now());
  if (proven) {
    conclude(self, i->a, *proven, p.mapping);
    return leave(self, i);
  }
  if (is_not_responsible(proven.error()))
    return ask_next(self, i);
  if (proven.error().code != errc::unauthenticated)
    return no_answer(self, i, p, proven.error());
  turn_away(self, i, proven.error());
}

void put(authenticator_pointer self, introspection_state& at, const inquiry_ptr& i);

void ask_one(authenticator_pointer self, introspection_state& at, const inquiry_ptr& i) {
  const auto& p = *at.provider;
  if (!at.quiet.may_ask(std::chrono::steady_clock::now()))
    return pass_over(self, i, p);
  put(self, at, i);
}

void put(authenticator_pointer self, introspection_state& at, const inquiry_ptr& i) {
  const auto& p = *at.provider;
  const auto asked = std::chrono::steady_clock::now();
  auto failed = [self, i, &at, asked](const error& why) {
    note(at, asked, why);
    no_answer(self, i, *at.provider, why);
  };
  if (at.endpoint.empty())
    return fetch(
      self, document_call(discovery_url(p.rules.issuer)),
      [self, &at, i, failed](const json::value& document, const header_list&) {
        auto found = parse_discovery(document, at.provider->rules.issuer, at.provider->allow_http);
        if (!found || found->introspection_endpoint.empty())
          return failed(fail(errc::upstream, "its discovery document names no endpoint"));
        at.endpoint = found->introspection_endpoint;
        put(self, at, i);
      },
      failed);
  const auto& secret = at.setup->client_secrets.at(p.client_secret);
  fetch(
    self, introspection_call(at.endpoint, p.client_id, secret->view(), token_of(i->a)),
    [self, i, &at](const json::value& answer, const header_list&) {
      at.quiet.answered();
      weigh(self, i, *at.provider, answer);
    },
    failed);
}

void ask_next(authenticator_pointer self, const inquiry_ptr& i) {
  if (i->asked < i->to_ask.size())
    return ask_one(self, *i->to_ask[i->asked++], i);
  if (!i->silent.empty())
    return turn_away(self, i, unreachable(i->silent));
  auto& s = self->state;
  if (i->a->generation == s.generation)
    s.unknown.put(i->a->digest, nobody(), time_point::max(), now());
  turn_away(self, i, inactive_token());
}

} // namespace

void introspect(authenticator_pointer self, attempt_ptr a, std::string_view issuer) {
  auto& s = self->state;
  auto i = std::make_shared<inquiry>();
  i->a = std::move(a);
  for (auto& at : s.introspectors)
    if (const auto& theirs = at->provider->rules.issuer;
        issuer.empty() || theirs.empty() || theirs == issuer)
      i->to_ask.push_back(at);
  if (i->to_ask.empty())
    return refuse(self, i->a, invalid_token("no configured identity provider issued this token"));
  if (s.unknown.find(i->a->digest, now()))
    return refuse(self, i->a, inactive_token());
  const auto owner = s.cache.last_owner(i->a->digest);
  i->user = owner ? owner->key().text() : "peer " + i->a->ask.peer;
  if (!s.inquiries.tokens.wait(owner ? owner->tenant : std::string{}, i->user, i))
    return refuse(self, i->a,
                  fail(errc::too_many, "too many unknown tokens from one place; others wait",
                       "Retry-After", "1"));
  move_on(self);
}

} // namespace behalf::admission
