#include "runtime/auth/token_cache.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const auto noon = from_micros(1'700'000'000'000'000);

std::shared_ptr<const principal> someone(std::string subject, std::string tenant = "t") {
  auto p = std::make_shared<principal>();
  p->tenant = std::move(tenant);
  p->issuer = "i";
  p->subject = std::move(subject);
  return p;
}

token_digest token(int n) {
  return digest_token("token-" + std::to_string(n));
}

} // namespace

TEST_CASE("a verified token is known until it expires", "[auth]") {
  token_cache c;
  auto alice = someone("alice");
  c.put(token(1), alice, noon + 10s, noon);
  CHECK(c.find(token(1), noon) == alice);
  CHECK(c.find(token(1), noon + 9s) == alice);
  CHECK_FALSE(c.find(token(2), noon));
  CHECK_FALSE(c.find(token(1), noon + 10s));
  c.put(token(2), alice, noon, noon); // over already
  CHECK_FALSE(c.find(token(2), noon));
}

TEST_CASE("whose a token was is known for a while after it is over", "[auth]") {
  token_cache c{2};
  auto alice = someone("alice");
  c.put(token(1), alice, noon + 10s, noon);
  CHECK_FALSE(c.find(token(1), noon + 10s));
  CHECK(c.last_owner(token(1)) == alice);
  CHECK_FALSE(c.last_owner(token(2)));
  c.put(token(2), someone("b"), noon + 60s, noon);
  c.put(token(3), someone("c"), noon + 60s, noon);
  CHECK_FALSE(c.last_owner(token(1)));
  CHECK(c.last_owner(token(2))->subject == "b");
}

TEST_CASE("no entry is older than the configured age", "[auth]") {
  token_cache c{10, 300s};
  c.put(token(1), someone("a"), noon + 24h, noon);
  CHECK(c.find(token(1), noon + 299s));
  CHECK_FALSE(c.find(token(1), noon + 300s));
}

TEST_CASE("what was put before the clock was set back is over", "[auth]") {
  token_cache c{10, 300s};
  c.put(token(1), someone("a"), noon + 24h * 800, noon + 24h * 365); // a year ahead
  CHECK(c.find(token(1), noon + 24h * 365));
  CHECK_FALSE(c.find(token(1), noon));
}

TEST_CASE("the token used longest ago makes room", "[auth]") {
  token_cache c{3};
  for (int i = 1; i <= 3; ++i)
    c.put(token(i), someone("a"), noon + 60s, noon);
  CHECK(c.find(token(1), noon));
  c.put(token(4), someone("a"), noon + 60s, noon);
  CHECK(c.size() == 3);
  CHECK(c.find(token(1), noon));
  CHECK_FALSE(c.find(token(2), noon));
  c.put(token(4), someone("b"), noon + 60s, noon); // again: replaced, not doubled
  CHECK(c.size() == 3);
  CHECK(c.find(token(4), noon)->subject == "b");
}
