#include "actors/identity.hpp"
#include "actors/spawn.hpp"
#include "runtime/auth/rules.hpp"
#include "runtime/auth/signing.hpp"
#include "runtime/base/id.hpp"
#include "runtime/http/client.hpp"
#include "tests/support/actor_fixture.hpp"

#include <caf/typed_event_based_actor.hpp>

namespace behalf {
namespace {

constexpr auto issuer = "https://id.example";

// The outbound door of a test: answers the discovery document and the keys it is given.
struct fake_provider {
  signing_key key = signing_key::generate().value();
  int fetches = 0;
  bool down = false;
};

http_client_actor::behavior_type provider_behavior(http_client_actor::pointer,
                                                   fake_provider* provider) {
  return {
    [provider](wire_call& m) -> caf::result<outbound_reply> {
      ++provider->fetches;
      if (provider->down)
        return to_caf(fail(errc::upstream, "connection refused"));
      outbound_reply reply;
      reply.status = 200;
      auto discovery = m.request->call.url.ends_with("openid-configuration");
      reply.body =
        dump(discovery ? json::object{{"issuer", issuer}, {"jwks_uri", "https://id.example/jwks"}}
                       : provider->key.jwks());
      return reply;
    },
    [](const wire_read&) -> caf::result<outbound_chunk> {
      return to_caf(fail(errc::not_found, "no stream"));
    },
    [](const wire_cancel&) {},
    [](wire_ended&) {},
  };
}

struct admission_fixture : actor_fixture {
  fake_provider provider;
  metrics meters;
  std::shared_ptr<policy> rules = std::make_shared<policy>();
  std::shared_ptr<identity_setup> setup = std::make_shared<identity_setup>();
  authenticator_actor door;

  void open() {
    auto http = own(sys.spawn(provider_behavior, &provider));
    auto judge = own(spawn_authorizer(sys, rules));
    door = own(spawn_authenticator(sys, setup, http, judge, plugin_auth_actor{}, meters));
  }
  void use_oidc() {
    oidc_provider p;
    p.rules.issuer = issuer;
    p.rules.audiences = {"behalf"};
    setup->providers.emplace_back(p);
  }
  void rule(const std::string& key, const json::value& spec) {
    REQUIRE(rules->add(key, compile(parse_rule(spec).value()).value()));
  }
  std::string token(json::object claims = {}, const signing_key* by = nullptr) {
    json::object all{{"iss", issuer},
                     {"sub", "alice"},
                     {"aud", "behalf"},
                     {"exp", to_micros(now()) / 1'000'000 + 300}};
    merge(all, claims);
    return (by ? *by : provider.key).sign({{"typ", "at+jwt"}}, all);
  }
  result<grant> knock(const std::string& bearer, std::string action = "create") {
    auto p = std::make_shared<auth_request>();
    if (!bearer.empty())
      p->authorization = wiped_string{"Bearer " + bearer};
    admission a;
    a.credentials = p;
    a.resource = "threads";
    a.action = std::move(action);
    return ask<grant>(door, std::move(a));
  }
};

} // namespace

TEST_CASE_METHOD(admission_fixture, "a good token becomes a grant under the owner rule",
                 "[admission]") {
  use_oidc();
  rule("threads", "owner");
  open();
  auto g = knock(token());
  REQUIRE(g);
  CHECK(g->who->subject == "alice");
  CHECK(object_or_empty(g->value, "metadata").at("owner") == "alice");
  CHECK(g->visible.matches({{"owner", "alice"}}));
  CHECK_FALSE(g->visible.matches({{"owner", "bob"}}));
}

TEST_CASE_METHOD(admission_fixture, "the provider is asked once for many tokens", "[admission]") {
  use_oidc();
  open();
  for (int i = 0; i < 5; ++i)
    REQUIRE(knock(token({{"jti", i}})));
  CHECK(provider.fetches == 2); // discovery and keys
}

TEST_CASE_METHOD(admission_fixture, "strangers are refused and told how to come in",
                 "[admission]") {
  use_oidc();
  open();
  auto none = knock("");
  CHECK(none.error().code == errc::unauthenticated);
  CHECK(none.error().headers.front().first == "WWW-Authenticate");
  CHECK(knock("not-a-jwt").error().code == errc::unauthenticated);
  CHECK(knock(token({{"aud", "other"}})).error().code == errc::unauthenticated);
  CHECK(knock(token({{"iss", "https://evil.example"}})).error().code == errc::unauthenticated);
  auto own_key = signing_key::generate().value();
  CHECK(knock(token({}, &own_key)).error().code == errc::unauthenticated);
}

TEST_CASE_METHOD(admission_fixture, "an unreachable provider is 503, not 401", "[admission]") {
  use_oidc();
  provider.down = true;
  open();
  CHECK(knock(token()).error().code == errc::overloaded);
}

TEST_CASE_METHOD(admission_fixture, "a cached token is not verified again but expires",
                 "[admission]") {
  use_oidc();
  open();
  auto t = token();
  REQUIRE(knock(t));
  provider.down = true;
  CHECK(knock(t));
}

TEST_CASE_METHOD(admission_fixture, "the most specific rule decides", "[admission]") {
  use_oidc();
  rule("*", "deny");
  rule("threads.read", "allow");
  open();
  CHECK(knock(token(), "read"));
  CHECK(knock(token(), "create").error().code == errc::denied);
}

TEST_CASE_METHOD(admission_fixture, "without providers everybody is the same nobody",
                 "[admission]") {
  open();
  auto g = knock("");
  REQUIRE(g);
  CHECK(g->who->identity.empty());
  CHECK(g->visible.unrestricted());
}

} // namespace behalf
