// When the authenticator asks an issuer for its keys again, and what it does meanwhile.
#include "tests/support/provider_fixture.hpp"

namespace behalf {
namespace {

struct keys_fixture : provider_fixture {
  // The keys are known: discovery and key set, once each.
  void know_the_keys() {
    use_oidc();
    open();
    REQUIRE(knock(token({{"jti", "first"}})));
    REQUIRE(provider.fetches == 2);
  }
  int fetched_since() { return std::exchange(provider.fetches, 0); }
};

} // namespace

TEST_CASE_METHOD(keys_fixture, "a token by a new key costs one fetch, the next by it none",
                 "[admission]") {
  know_the_keys();
  fetched_since();
  provider.key = signing_key::generate().value(); // rotated
  CHECK(knock(token({{"jti", "a"}})));
  CHECK(fetched_since() == 1);
  CHECK(knock(token({{"jti", "b"}})));
  CHECK(fetched_since() == 0);
}

TEST_CASE_METHOD(keys_fixture, "a key nobody has is asked for once", "[admission]") {
  know_the_keys();
  fetched_since();
  auto forged = signing_key::generate().value();
  CHECK(knock(token({{"jti", "a"}}, &forged)).error().code == errc::unauthenticated);
  CHECK(fetched_since() == 1);
  CHECK(knock(token({{"jti", "b"}}, &forged)).error().code == errc::unauthenticated);
  CHECK(fetched_since() == 0);
}

TEST_CASE_METHOD(keys_fixture, "a flood of unknown keys does not flood the issuer", "[admission]") {
  know_the_keys();
  fetched_since();
  for (int i = 0; i < 10; ++i) {
    auto forged = signing_key::generate().value();
    CHECK(knock(token({}, &forged)).error().code == errc::unauthenticated);
  }
  CHECK(fetched_since() == 1);
  CHECK(knock(token({{"jti", "good"}}))); // good tokens pass meanwhile
}

TEST_CASE_METHOD(keys_fixture, "tokens that wait for keys share one fetch", "[admission]") {
  use_oidc();
  open();
  provider.hold = true;
  std::vector<pending_answer<authenticated>> waiting;
  for (int i = 0; i < 10; ++i)
    waiting.push_back(knock_later(token({{"jti", i}})));
  CHECK(provider.fetches == 1); // discovery
  for (auto& answer : waiting)
    CHECK_FALSE(answer());
  provider_answers();
  CHECK(provider.fetches == 2);
  for (auto& answer : waiting) {
    REQUIRE(answer());
    CHECK(answer()->has_value());
  }
}

TEST_CASE_METHOD(keys_fixture, "who waits for a new key holds up nobody who does not",
                 "[admission]") {
  know_the_keys();
  auto by_old = token({{"jti", "c"}});
  fetched_since();
  provider.key = signing_key::generate().value();
  provider.hold = true;
  auto first = knock_later(token({{"jti", "a"}}));
  auto second = knock_later(token({{"jti", "b"}}));
  CHECK(knock(by_old));
  CHECK_FALSE(first());
  provider_answers();
  REQUIRE(first());
  REQUIRE(second());
  CHECK(first()->has_value());
  CHECK(second()->has_value());
  CHECK(fetched_since() == 1);
}

TEST_CASE_METHOD(keys_fixture,
                 "an issuer that cannot be reached is 503 for all who wait, and not "
                 "asked again at once",
                 "[admission]") {
  use_oidc();
  open();
  provider.hold = provider.down = true;
  auto first = knock_later(token({{"jti", "a"}})), second = knock_later(token({{"jti", "b"}}));
  CHECK(provider.fetches == 1);
  provider_answers();
  for (auto* answer : {&first, &second}) {
    REQUIRE((*answer)());
    REQUIRE((*answer)()->has_error());
    CHECK((*answer)()->error().code == errc::overloaded);
    CHECK((*answer)()->error().headers.front().first == "Retry-After");
  }
  CHECK(knock(token({{"jti", "c"}})).error().code == errc::overloaded);
  CHECK(provider.fetches == 1);
}

TEST_CASE_METHOD(keys_fixture, "while an issuer is down its known keys serve, and no others do",
                 "[admission]") {
  know_the_keys();
  auto forged = signing_key::generate().value();
  provider.down = true;
  CHECK(knock(token({{"jti", "a"}})));
  CHECK(knock(token({{"jti", "b"}}, &forged)).error().code == errc::unauthenticated);
  CHECK(knock(token({{"jti", "c"}}))); // the failed fetch spoilt nothing
}

TEST_CASE_METHOD(keys_fixture, "a key that was withdrawn stops serving with the next fetch",
                 "[admission]") {
  know_the_keys();
  auto by_old = token({{"jti", "a"}}), too_late = token({{"jti", "b"}});
  provider.key = signing_key::generate().value();
  CHECK(knock(by_old)); // nobody knows yet
  CHECK(knock(token({{"jti", "c"}})));
  CHECK(knock(too_late).error().code == errc::unauthenticated);
}

} // namespace behalf
