// What the authenticator knows between messages, and the few things its .cpp files share.
#pragma once

#include "actors/admission/identity.hpp"
#include "actors/admission/identity_calls.hpp"
#include "actors/admission/messages.hpp"
#include "actors/basics.hpp"
#include "actors/caller.hpp"
#include "actors/interfaces.hpp"
#include "actors/outside/messages.hpp"
#include "runtime/auth/discovery.hpp"
#include "runtime/auth/silence.hpp"
#include "runtime/auth/token_cache.hpp"
#include "runtime/base/fair_lane.hpp"
#include "runtime/base/metrics.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf::admission {

/// How long one question to an identity provider may take.
inline constexpr std::chrono::seconds provider_patience{5};

/// One question that may not be answered at once.
struct attempt {
  authenticate ask;
  authenticated found;
  promise_of<authenticated> promise;
  token_digest digest{};
  uint64_t generation = 0; // of the setup it began under
  bool retried = false;    // the issuer's keys were fetched again for it
};
using attempt_ptr = std::shared_ptr<attempt>;

/// What checks under way refer to holds what it was configured with: a reload may take it away.
struct oidc_state : std::enable_shared_from_this<oidc_state> {
  std::shared_ptr<const identity_setup> setup;
  const oidc_provider* provider = nullptr; // of `setup`
  jwks_cache keys;
  std::optional<provider_metadata> metadata;
  bool own = false; // the keys are ours
  std::vector<attempt_ptr> waiting;
};

struct introspection_state {
  std::shared_ptr<const identity_setup> setup;
  const introspection_provider* provider = nullptr; // of `setup`
  std::string endpoint;
  silence quiet{provider_patience};
};

/// One token on its way along the introspection providers that may know it. The first that calls it
/// active decides; until then nobody's silence does, for the next one may know it.
struct inquiry {
  attempt_ptr a;
  std::string user;                                         // who has a share of the calls
  std::vector<std::shared_ptr<introspection_state>> to_ask; // in the order configured
  std::size_t asked = 0;
  std::string silent; // names of those that gave no usable answer
};
using inquiry_ptr = std::shared_ptr<inquiry>;

/// Tokens providers are asked about: so many at once. Strangers are one tenant, each peer a user of
/// it; whose token was good before takes turns with their own users.
struct inquiry_lane {
  static constexpr std::size_t most_at_once = 32;

  fair_lane<inquiry_ptr> tokens{most_at_once};
  bool moving = false;
};

struct authenticator_state {
  static inline const char* name = "authenticator";
  authenticator_state() = default;

  std::shared_ptr<const identity_setup> setup;
  http_client_actor http;
  plugin_auth_actor plugin; // null: the configured providers decide
  token_cache cache;
  token_cache unknown; // what every provider calls inactive; whose it is means nothing
  limiter limits;
  std::vector<std::shared_ptr<oidc_state>> issuers;
  std::vector<std::shared_ptr<introspection_state>> introspectors; // in the order configured
  inquiry_lane inquiries;
  std::vector<api_keys> keys;
  uint64_t generation = 0; // one more with every other setup
  metric *accepted = nullptr, *refused = nullptr, *hits = nullptr;
};

using authenticator_pointer = authenticator_actor::stateful_pointer<authenticator_state>;

inline std::string_view token_of(const attempt_ptr& a) {
  return a->ask.credentials->bearer();
}

/// The ends of every way in: a refusal, or claims that a provider vouches for.
void refuse(authenticator_pointer self, const attempt_ptr& a, error why);
void conclude(authenticator_pointer self, const attempt_ptr& a, const claims& proven,
              const claim_mapping& mapping);

/// Who comes to a server that asks nobody who they are.
principal_ptr nobody();

/// 503 with Retry-After. `whom`: an issuer, or words for who has no name.
error unreachable(const std::string& whom);

/// Asks the introspection providers that may know a token, one after the other. `issuer`: whom the
/// token itself names, empty when it is opaque; providers of another issuer do not get to see it.
void introspect(authenticator_pointer self, attempt_ptr a, std::string_view issuer);

/// Fetches a JSON document and goes on with it.
template <class Then, class Failed>
void fetch(authenticator_pointer self, std::shared_ptr<wire_request> request, Then then,
           Failed failed) {
  if (!request)
    return failed(fail(errc::upstream, "the provider's address is malformed"));
  wire_call call;
  call.request = std::move(request);
  call.by = std::chrono::steady_clock::now() + provider_patience;
  ask(
    self, self->state.http, std::move(call),
    [then, failed](outbound_reply& reply) mutable {
      auto document = parse_json(reply.body);
      if (reply.status != 200)
        return failed(fail(errc::upstream, "answered " + std::to_string(reply.status)));
      if (!document)
        return failed(fail(errc::upstream, "answered something other than JSON"));
      then(*document, reply.headers);
    },
    failed);
}

} // namespace behalf::admission
