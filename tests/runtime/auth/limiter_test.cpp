#include "runtime/auth/limiter.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const principal_key alice{"acme", "idp", "alice"}, bob{"acme", "idp", "bob"},
  eve{"other", "idp", "alice"};

deadline at(std::chrono::milliseconds t) {
  return deadline{} + std::chrono::hours{1} + t;
}

} // namespace

TEST_CASE("without limits nothing is counted against anyone", "[auth]") {
  limiter l;
  for (int i = 0; i < 1000; ++i)
    REQUIRE(l.take_request(alice, 1'000'000, at(0ms)));
  CHECK(l.size() == 0);
}

TEST_CASE("a user's requests are refused beyond the rate, and accepted again later", "[auth]") {
  limiter l{{.user = {.requests_per_second = 2, .burst = 3}}};
  for (int i = 0; i < 3; ++i)
    CHECK(l.take_request(alice, 0, at(0ms)));
  auto over = l.take_request(alice, 0, at(0ms));
  REQUIRE_FALSE(over);
  CHECK(over.error().code == errc::too_many);
  REQUIRE(over.error().headers.size() == 1);
  CHECK(over.error().headers[0] == std::pair<std::string, std::string>{"Retry-After", "1"});
  CHECK(l.take_request(bob, 0, at(0ms)));
  CHECK(l.take_request(eve, 0, at(0ms))); // the same subject of another tenant
  CHECK_FALSE(l.take_request(alice, 0, at(400ms)));
  CHECK(l.take_request(alice, 0, at(500ms)));
  CHECK_FALSE(l.take_request(alice, 0, at(501ms)));
  for (int i = 0; i < 3; ++i) // a long rest fills the bucket, and not more
    CHECK(l.take_request(alice, 0, at(60s)));
  CHECK_FALSE(l.take_request(alice, 0, at(60s)));
}

TEST_CASE("a tenant's limit is shared by its users", "[auth]") {
  limiter l{{.tenant = {.requests_per_second = 1, .burst = 2}}};
  CHECK(l.take_request(alice, 0, at(0ms)));
  CHECK(l.take_request(bob, 0, at(0ms)));
  CHECK_FALSE(l.take_request(alice, 0, at(0ms)));
  CHECK(l.take_request(eve, 0, at(0ms)));
}

TEST_CASE("a refused request costs nobody anything", "[auth]") {
  limiter l{{.tenant = {.requests_per_second = 1, .burst = 3},
             .user = {.requests_per_second = 1, .burst = 1}}};
  CHECK(l.take_request(alice, 0, at(0ms)));
  for (int i = 0; i < 10; ++i)
    CHECK_FALSE(l.take_request(alice, 0, at(0ms)));
  CHECK(l.take_request(bob, 0, at(0ms))); // the tenant still has room
}

TEST_CASE("body bytes are limited per minute, and say how long to wait", "[auth]") {
  limiter l{{.user = {.body_bytes_per_minute = 6000}}};
  CHECK(l.take_request(alice, 5000, at(0ms)));
  auto over = l.take_request(alice, 3000, at(0ms));
  REQUIRE_FALSE(over);
  CHECK(over.error().headers.at(0).second == "20"); // 2000 missing at 100 a second
  CHECK_FALSE(l.take_request(alice, 3000, at(19s)));
  CHECK(l.take_request(alice, 3000, at(20s)));
  CHECK(l.take_request(bob, 60'000, at(0ms))); // larger than the bucket: once, on credit
  CHECK_FALSE(l.take_request(bob, 1, at(9min)));
  CHECK(l.take_request(bob, 1, at(9min + 1s)));
}

TEST_CASE("bytes that were not announced are owed", "[auth]") {
  limiter l{{.tenant = {.body_bytes_per_minute = 60'000}, .user = {.body_bytes_per_minute = 6000}}};
  CHECK(l.take_request(alice, 0, at(0ms)));
  l.add_bytes(alice, 9000, at(0ms));
  CHECK_FALSE(l.take_request(alice, 1, at(30s)));
  CHECK(l.take_request(alice, 1, at(31s)));
  CHECK(l.take_request(bob, 1, at(31s)));
}

TEST_CASE("runs are counted until they end", "[auth]") {
  limiter l{{.tenant = {.concurrent_runs = 3}, .user = {.concurrent_runs = 2}}};
  CHECK(l.begin_run(alice, at(0ms)));
  CHECK(l.begin_run(alice, at(0ms)));
  CHECK(l.begin_run(alice, at(0ms)).error().code == errc::too_many);
  CHECK(l.begin_run(bob, at(0ms)));
  CHECK_FALSE(l.begin_run(bob, at(0ms))); // the tenant has its three
  CHECK(l.begin_run(eve, at(0ms)));
  l.end_run(alice);
  CHECK(l.runs(alice) == 1);
  CHECK(l.begin_run(bob, at(0ms)));
  for (int i = 0; i < 9; ++i)
    l.end_run(alice); // more ends than beginnings do no harm
  CHECK(l.runs(alice) == 0);
}

TEST_CASE("the number of accounts is bounded, and those with runs stay", "[auth]") {
  limiter l{{.user = {.requests_per_second = 1, .concurrent_runs = 1}, .max_entries = 10}};
  REQUIRE(l.begin_run(alice, at(0ms)));
  for (int i = 0; i < 100; ++i)
    CHECK(l.take_request({"t", "i", std::to_string(i)}, 0, at(0ms)));
  CHECK(l.size() <= 10);
  CHECK(l.runs(alice) == 1);
  CHECK_FALSE(l.begin_run(alice, at(0ms)));
}

TEST_CASE("a clock that goes back gives nothing away", "[auth]") {
  limiter l{{.user = {.requests_per_second = 1, .burst = 1}}};
  CHECK(l.take_request(alice, 0, at(10s)));
  CHECK_FALSE(l.take_request(alice, 0, at(0ms)));
  CHECK_FALSE(l.take_request(alice, 0, at(10s)));
  CHECK(l.take_request(alice, 0, at(11s)));
}
