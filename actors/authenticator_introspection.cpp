// The authenticator's way in for tokens only their issuer can read: it is asked (RFC 7662).
#include "actors/authenticator_state.hpp"
#include "runtime/auth/challenge.hpp"
#include "runtime/base/log.hpp"

#include <algorithm>
#include <utility>

namespace behalf {
namespace {

// One token on its way along the providers that may know it. The first that calls it active
// decides; until then nobody's silence does, for the next one may know it.
struct inquiry {
  attempt_ptr a;
  std::vector<std::shared_ptr<introspection_state>> to_ask; // in the order configured
  std::size_t asked = 0;
  std::string silent; // names of those that gave no usable answer
};
using inquiry_ptr = std::shared_ptr<inquiry>;

void ask_next(authenticator_pointer self, const inquiry_ptr& i);

std::string name_of(const introspection_provider& p) {
  return p.rules.issuer.empty() ? "for opaque tokens" : p.rules.issuer;
}

void pass_over(authenticator_pointer self, const inquiry_ptr& i, const introspection_provider& p) {
  i->silent += (i->silent.empty() ? "" : ", ") + name_of(p);
  ask_next(self, i);
}

// Whether it may be asked now.
bool ask_now(introspection_state& at) {
  auto t = std::chrono::steady_clock::now();
  if (t < at.silent_until)
    return false;
  if (at.pause.count() > 0)
    at.silent_until = t + provider_patience; // one question at a time until it answers
  return true;
}

// Only a deadline counts: what fails fast holds nobody up, and a token can be made to fail.
void note_silence(introspection_state& at, const error& why) {
  at.pause = why.code == errc::timeout
               ? std::clamp(2 * at.pause, at.shortest_pause, at.longest_pause)
               : std::chrono::seconds{0};
  at.silent_until = std::chrono::steady_clock::now() + at.pause;
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
  if (proven)
    return conclude(self, i->a, *proven, p.mapping);
  if (is_not_responsible(proven.error()))
    return ask_next(self, i);
  if (proven.error().code != errc::unauthenticated)
    return no_answer(self, i, p, proven.error());
  refuse(self, i->a, proven.error());
}

void put(authenticator_pointer self, introspection_state& at, const inquiry_ptr& i);

void ask_one(authenticator_pointer self, introspection_state& at, const inquiry_ptr& i) {
  const auto& p = *at.provider;
  if (!ask_now(at))
    return pass_over(self, i, p);
  put(self, at, i);
}

void put(authenticator_pointer self, introspection_state& at, const inquiry_ptr& i) {
  const auto& p = *at.provider;
  auto failed = [self, i, &at](const error& why) {
    note_silence(at, why);
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
      note_silence(at, {});
      weigh(self, i, *at.provider, answer);
    },
    failed);
}

void ask_next(authenticator_pointer self, const inquiry_ptr& i) {
  if (i->asked < i->to_ask.size())
    return ask_one(self, *i->to_ask[i->asked++], i);
  if (!i->silent.empty())
    return refuse(self, i->a, unreachable(i->silent));
  refuse(self, i->a, inactive_token());
}

} // namespace

void introspect(authenticator_pointer self, attempt_ptr a, std::string_view issuer) {
  auto i = std::make_shared<inquiry>();
  i->a = std::move(a);
  for (auto& at : self->state.introspectors)
    if (const auto& theirs = at->provider->rules.issuer;
        issuer.empty() || theirs.empty() || theirs == issuer)
      i->to_ask.push_back(at);
  if (i->to_ask.empty())
    return refuse(self, i->a, invalid_token("no configured identity provider issued this token"));
  ask_next(self, i);
}

} // namespace behalf
