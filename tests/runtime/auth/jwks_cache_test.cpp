#include "runtime/auth/jwks_cache.hpp"
#include "tests/runtime/auth/forge.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;
using keys = jwks_cache::keys;

namespace {

time_point at(std::chrono::seconds s) {
  return forge::noon() + s;
}

jwks_cache filled(std::chrono::seconds when = 0s) {
  jwks_cache c;
  REQUIRE(c.decide(at(when)).fetch);
  c.arrived(forge::keys(), std::nullopt, at(when));
  return c;
}

} // namespace

TEST_CASE("the first question fetches, others wait for it", "[auth]") {
  jwks_cache c;
  auto first = c.decide(at(0s));
  CHECK(first.then == keys::wait);
  CHECK(first.fetch);
  auto second = c.decide(at(1s));
  CHECK(second.then == keys::wait);
  CHECK_FALSE(second.fetch);
  c.arrived(forge::keys(), std::nullopt, at(2s));
  CHECK(c.decide(at(2s)).then == keys::use);
  CHECK(c.current().size() == 4);
}

TEST_CASE("keys are fetched again when their time is over, within bounds", "[auth]") {
  struct row {
    std::optional<std::chrono::seconds> said;
    std::chrono::seconds lasts;
  };
  for (const auto& r :
       {row{{}, 600s}, row{0s, 300s}, row{60s, 300s}, row{1800s, 1800s}, row{86'400s, 3600s}}) {
    jwks_cache c;
    c.decide(at(0s));
    c.arrived(forge::keys(), r.said, at(0s));
    CHECK(c.decide(at(r.lasts - 1s)).then == keys::use);
    auto over = c.decide(at(r.lasts));
    CHECK(over.then == keys::wait); // old keys do not serve just because nobody asked
    CHECK(over.fetch);
  }
}

TEST_CASE("while the issuer cannot be reached old keys serve, but not for ever", "[auth]") {
  auto c = filled();
  REQUIRE(c.decide(at(600s)).fetch);
  c.failed(at(601s));
  auto soon = c.decide(at(602s));
  CHECK(soon.then == keys::use);
  CHECK_FALSE(soon.fetch); // not again at once
  auto later = c.decide(at(606s));
  CHECK(later.then == keys::use);
  CHECK(later.fetch);
  c.failed(at(607s));
  REQUIRE(c.decide(at(4195s)).fetch);
  c.failed(at(4199s));
  CHECK(c.decide(at(4201s)).then == keys::refuse); // 600 + 3600 are over
  auto retry = c.decide(at(4205s));
  CHECK(retry.then == keys::wait);
  CHECK(retry.fetch);
}

TEST_CASE("without any keys an unreachable issuer is refused between tries", "[auth]") {
  jwks_cache c;
  REQUIRE(c.decide(at(0s)).fetch);
  c.failed(at(1s));
  CHECK(c.decide(at(2s)).then == keys::refuse);
  CHECK(c.decide(at(6s)).fetch);
}

TEST_CASE("a fetch nobody reports on is not waited for for ever", "[auth]") {
  jwks_cache c;
  REQUIRE(c.decide(at(0s)).fetch);
  CHECK_FALSE(c.decide(at(29s)).fetch);
  CHECK(c.decide(at(31s)).then == keys::refuse);
  CHECK(c.decide(at(36s)).fetch);
}

TEST_CASE("an unknown kid costs one fetch a minute, whoever presents how many", "[auth]") {
  auto c = filled();
  auto plan = c.unknown_key("new", at(1s)); // keys may turn right after they were fetched
  CHECK(plan.then == keys::wait);
  CHECK(plan.fetch);
  auto also = c.unknown_key("other", at(1s));
  CHECK(also.then == keys::wait);
  CHECK_FALSE(also.fetch);
  c.arrived(forge::keys(), std::nullopt, at(2s));
  int fetches = 0;
  for (int i = 0; i < 1000; ++i)
    fetches += c.unknown_key("random-" + std::to_string(i), at(60s)).fetch ? 1 : 0;
  CHECK(fetches == 0);
  CHECK(c.unknown_key("random", at(61s)).fetch);
}

TEST_CASE("a kid that a fetch did not bring is remembered as unknown", "[auth]") {
  auto c = filled();
  REQUIRE(c.unknown_key("ghost", at(60s)).fetch);
  c.arrived(forge::keys(), std::nullopt, at(61s));
  CHECK(c.unknown_key("ghost", at(130s)).then == keys::refuse);
  CHECK(c.unknown_key("another", at(130s)).fetch); // that one was never looked for
  c.arrived(forge::keys(), std::nullopt, at(131s));
  CHECK(c.unknown_key("ghost", at(362s)).fetch); // 300 s later it may be tried again
}

TEST_CASE("a kid that a fetch did bring is not", "[auth]") {
  auto c = filled();
  REQUIRE(c.unknown_key("p256", at(60s)).fetch);
  c.arrived(forge::keys(), std::nullopt, at(61s));
  CHECK(c.unknown_key("p256", at(122s)).fetch);
}

TEST_CASE("a clock set back keeps no old keys and holds up no new ones", "[auth]") {
  const auto year = std::chrono::seconds{24h * 365};
  auto c = filled(year);
  REQUIRE(c.unknown_key("ghost", at(year)).fetch);
  c.arrived(forge::keys(), std::nullopt, at(year));
  CHECK(c.unknown_key("ghost", at(0s)).fetch); // neither the gap nor what was missing holds
  c.arrived(forge::keys(), std::nullopt, at(year));
  CHECK(c.decide(at(0s)).fetch);
  c.failed(at(year));
  CHECK(c.decide(at(0s)).fetch); // not a year after the failure
}

TEST_CASE("Cache-Control says how long", "[auth]") {
  CHECK(max_age("max-age=60") == 60s);
  CHECK(max_age("public, Max-Age=120 , must-revalidate") == 120s);
  CHECK(max_age("no-store") == 0s);
  CHECK(max_age("max-age=60, no-cache") == 0s);
  CHECK(max_age("max-age=99999999999") == 31'536'000s);
  for (auto text : {"", "public", "max-age=", "max-age=x", "max-age=-1", "s-maxage=60",
                    "max-age=99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(max_age(text));
  }
}
