// The admission chain with a scripted OpenID provider behind it: down, slow, or with new keys when
// the test says so.
#pragma once

#include "actors/admission/identity.hpp"
#include "actors/admission/messages.hpp"
#include "actors/admission/spawn.hpp"
#include "actors/outside/messages.hpp"
#include "runtime/auth/rules.hpp"
#include "runtime/auth/signing.hpp"
#include "runtime/base/id.hpp"
#include "runtime/http/client.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace behalf {

/// To the provider: answer everyone you keep waiting.
struct answer_now {};

} // namespace behalf

BEHALF_MESSAGE(behalf::answer_now)

namespace behalf {

inline constexpr auto test_issuer = "https://id.example";

/// What the provider answers: the discovery document, and these keys.
struct provider_script {
  signing_key key = signing_key::generate().value();
  int fetches = 0;
  bool down = false;
  bool hold = false; // until answer_now

  result<outbound_reply> answer(const outbound_call& call) const {
    if (down)
      return fail(errc::upstream, "connection refused");
    outbound_reply reply;
    reply.status = 200;
    auto discovery = call.url.ends_with("openid-configuration");
    reply.body = dump(
      discovery ? json::object{{"issuer", test_issuer}, {"jwks_uri", "https://id.example/jwks"}}
                : key.jwks());
    return reply;
  }
};

using scripted_provider = http_client_actor::extend<takes<answer_now>>;

struct scripted_provider_state {
  static inline const char* name = "scripted-provider";
  scripted_provider_state() = default;
  std::vector<std::pair<outbound_call, promise_of<outbound_reply>>> held;
};

inline scripted_provider::behavior_type
scripted_provider_behavior(scripted_provider::stateful_pointer<scripted_provider_state> self,
                           provider_script* script) {
  return {
    [self, script](wire_call& m) -> caf::result<outbound_reply> {
      ++script->fetches;
      if (!script->hold)
        return reply(script->answer(m.request->call));
      self->state.held.emplace_back(m.request->call, promise_of<outbound_reply>{self});
      return self->state.held.back().second;
    },
    [](const wire_read&) -> caf::result<outbound_chunk> {
      return to_caf(fail(errc::not_found, "no stream"));
    },
    [](const wire_cancel&) {},
    [](wire_ended&) {},
    [self, script](answer_now) {
      for (auto& [call, promise] : std::exchange(self->state.held, {}))
        promise.deliver(script->answer(call));
    },
  };
}

struct provider_fixture : actor_fixture {
  provider_script provider;
  metrics meters;
  std::shared_ptr<policy> rules = std::make_shared<policy>(unmatched::allowed);
  std::shared_ptr<admission::identity_setup> setup = std::make_shared<admission::identity_setup>();
  scripted_provider outside;
  authenticator_actor door;
  authorizer_actor judge;

  /// Call when everything is set up.
  void open() {
    outside = own(sys.spawn(scripted_provider_behavior, &provider));
    judge = own(admission::spawn_authorizer(sys, rules));
    door = own(admission::spawn_authenticator(sys, setup, outside, plugin_auth_actor{}, meters));
  }
  void use_oidc() {
    oidc_settings p;
    p.rules.issuer = test_issuer;
    p.rules.audiences = {"behalf"};
    setup->providers.emplace_back(p);
  }
  void rule(const std::string& key, const json::value& spec) {
    REQUIRE(rules->add(key, compile(parse_rule(spec).value()).value()));
  }
  std::string token(json::object claims = {}, const signing_key* by = nullptr) {
    json::object all{{"iss", test_issuer},
                     {"sub", "alice"},
                     {"aud", "behalf"},
                     {"exp", to_micros(now()) / 1'000'000 + 300}};
    merge(all, claims);
    return (by ? *by : provider.key).sign({{"typ", "at+jwt"}}, all);
  }

  static authenticate visit(const std::string& bearer) {
    auto p = std::make_shared<auth_request>();
    if (!bearer.empty())
      p->authorization = wiped_string{"Bearer " + bearer};
    authenticate a;
    a.credentials = p;
    return a;
  }
  result<authenticated> knock(const std::string& bearer) {
    return ask<authenticated>(door, visit(bearer));
  }
  pending_answer<authenticated> knock_later(const std::string& bearer) {
    return ask_later<authenticated>(door, visit(bearer));
  }
  /// Both steps: who is it, and may they?
  result<grant> enter(const std::string& bearer, std::string action = "create") {
    auto known = knock(bearer);
    if (!known)
      return known.error();
    authorize a;
    a.who = known->who;
    a.resource = "threads";
    a.action = std::move(action);
    return ask<grant>(judge, std::move(a));
  }
  void provider_answers() {
    provider.hold = false;
    self->send(outside, answer_now{});
    sched.run();
  }
};

} // namespace behalf
