// The authenticator's way in for tokens only their issuer can read: it is asked (RFC 7662).
#include "actors/authenticator_state.hpp"
#include "runtime/auth/challenge.hpp"
#include "runtime/base/log.hpp"

#include <utility>

namespace behalf {
namespace {

// One token on its way along the providers that may know it. The first that calls it active
// decides; until then nobody's silence does, for the next one may know it.
struct inquiry {
  attempt_ptr a;
  std::vector<introspection_state*> to_ask; // in the order configured
  std::size_t asked = 0;
  std::string silent; // names of those that gave no usable answer
};
using inquiry_ptr = std::shared_ptr<inquiry>;

void ask_next(authenticator_pointer self, const inquiry_ptr& i);

std::string name_of(const introspection_provider& p) {
  return p.rules.issuer.empty() ? "for opaque tokens" : p.rules.issuer;
}

void no_answer(authenticator_pointer self, const inquiry_ptr& i, const introspection_provider& p,
               const error& why) {
  log::warning("identity_introspection_failed",
               {{"issuer", p.rules.issuer}, {"endpoint", p.endpoint}, {"reason", why.message}});
  i->silent += (i->silent.empty() ? "" : ", ") + name_of(p);
  ask_next(self, i);
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

void ask_one(authenticator_pointer self, introspection_state& at, const inquiry_ptr& i) {
  const auto& p = *at.provider;
  auto failed = [self, i, &p](const error& why) { no_answer(self, i, p, why); };
  if (at.endpoint.empty())
    return fetch(
      self, document_call(discovery_url(p.rules.issuer)),
      [self, &at, i, failed](const json::value& document, const header_list&) {
        auto found = parse_discovery(document, at.provider->rules.issuer, at.provider->allow_http);
        if (!found || found->introspection_endpoint.empty())
          return failed(fail(errc::upstream, "its discovery document names no endpoint"));
        at.endpoint = found->introspection_endpoint;
        ask_one(self, at, i);
      },
      failed);
  const auto& secret = self->state.setup->client_secrets.at(p.client_secret);
  fetch(
    self, introspection_call(at.endpoint, p.client_id, secret->view(), token_of(i->a)),
    [self, i, &p](const json::value& answer, const header_list&) { weigh(self, i, p, answer); },
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
      i->to_ask.push_back(at.get());
  if (i->to_ask.empty())
    return refuse(self, i->a, invalid_token("no configured identity provider issued this token"));
  ask_next(self, i);
}

} // namespace behalf
