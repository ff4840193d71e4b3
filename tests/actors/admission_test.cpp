// The way in: what a client presents, and the grant or the refusal it gets.
#include "tests/support/provider_fixture.hpp"

namespace behalf {

TEST_CASE_METHOD(provider_fixture, "a good token becomes a grant under the owner rule",
                 "[admission]") {
  use_oidc();
  rule("threads", "owner");
  open();
  auto g = enter(token());
  REQUIRE(g);
  CHECK(g->who->subject == "alice");
  CHECK(object_or_empty(g->value, "metadata").at("owner") == "alice");
  CHECK(g->auth_filter.matches({{"owner", "alice"}}));
  CHECK_FALSE(g->auth_filter.matches({{"owner", "bob"}}));
}

TEST_CASE_METHOD(provider_fixture, "the provider is asked once for many tokens", "[admission]") {
  use_oidc();
  open();
  for (int i = 0; i < 5; ++i)
    REQUIRE(knock(token({{"jti", i}})));
  CHECK(provider.fetches == 2); // discovery and keys
}

TEST_CASE_METHOD(provider_fixture, "strangers are refused and told how to come in", "[admission]") {
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

TEST_CASE_METHOD(provider_fixture, "an unreachable provider is 503, not 401", "[admission]") {
  use_oidc();
  provider.down = true;
  open();
  CHECK(knock(token()).error().code == errc::overloaded);
}

TEST_CASE_METHOD(provider_fixture, "a cached token is not verified again but expires",
                 "[admission]") {
  use_oidc();
  open();
  auto t = token();
  REQUIRE(knock(t));
  provider.down = true;
  CHECK(knock(t));
}

TEST_CASE_METHOD(provider_fixture, "the most specific rule decides", "[admission]") {
  use_oidc();
  rule("*", "deny");
  rule("threads.read", "allow");
  open();
  CHECK(enter(token(), "read"));
  CHECK(enter(token(), "create").error().code == errc::denied);
}

TEST_CASE_METHOD(provider_fixture, "rules that are exchanged decide from then on", "[admission]") {
  use_oidc();
  rule("threads", "owner");
  open();
  REQUIRE(enter(token()));
  auto strict = std::make_shared<policy>();
  self->send(judge, use_rules{strict});
  CHECK(enter(token()).error().code == errc::denied);
}

TEST_CASE_METHOD(provider_fixture, "providers that are exchanged decide from then on, keys stay",
                 "[admission]") {
  use_oidc();
  open();
  auto known = token();
  REQUIRE(knock(known));
  auto fetched = provider.fetches;
  auto fresh = std::make_shared<admission::identity_setup>(*setup);
  std::get<oidc_settings>(fresh->providers[0]).rules.audiences = {"another"};
  self->send(door, use_identity{fresh});
  CHECK(knock(known).error().code == errc::unauthenticated); // no cache remembers it
  CHECK(knock(token({{"aud", "another"}})));
  CHECK(provider.fetches == fetched + 1); // the keys, once
  provider.down = true;
  self->send(door, use_identity{fresh});
  CHECK(knock(token({{"aud", "another"}, {"jti", "b"}}))); // by the keys we have
  self->send(
    door, use_identity{std::make_shared<admission::identity_setup>(admission::identity_setup{})});
  CHECK(knock("")->who->identity.empty());
}

TEST_CASE_METHOD(provider_fixture, "a check under way survives an exchange of its provider",
                 "[admission]") {
  use_oidc();
  provider.hold = true;
  open();
  auto waiting = knock_later(token());
  auto other = std::make_shared<admission::identity_setup>();
  oidc_settings p;
  p.rules.issuer = "https://other.example";
  p.rules.audiences = {"behalf"};
  other->providers.emplace_back(p);
  self->send(door, use_identity{other});
  provider_answers();
  CHECK(waiting());
}

TEST_CASE_METHOD(provider_fixture, "without providers everybody is the same nobody",
                 "[admission]") {
  open();
  auto g = enter("");
  REQUIRE(g);
  CHECK(g->who->identity.empty());
  CHECK(g->auth_filter.unrestricted());
}

} // namespace behalf
