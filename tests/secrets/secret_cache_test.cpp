#include "secrets/inject.hpp"
#include "secrets/secret_cache.hpp"
#include "tests/support/catch.hpp"

#include <map>
#include <random>

using namespace behalf;
using namespace std::chrono_literals;
using outcome = secret_cache::outcome;

namespace {

const auto t0 = from_micros(1'700'000'000'000'000);

credential_key key_of(const std::string& user, const std::string& service = "github") {
  return {{"acme", "https://id.example.com", user}, service};
}

ready_credential ready(std::string mark, std::optional<time_point> expires_at = {}) {
  return {nullptr, expires_at, std::move(mark)};
}

} // namespace

TEST_CASE("the first asker leads, the others join, and all hear the answer", "[secrets][cache]") {
  secret_cache cache;
  auto key = key_of("alice");
  CHECK(cache.begin(key, 1, t0).what == outcome::lead);
  CHECK(cache.begin(key, 2, t0).what == outcome::join);
  CHECK(cache.begin(key, 3, t0).what == outcome::join);
  CHECK(cache.begin(key_of("bob"), 4, t0).what == outcome::lead);
  CHECK(cache.flights() == 2);
  auto done = cache.finish(key, ready("a"), t0);
  CHECK(done.waiters == std::vector<uint64_t>{1, 2, 3});
  CHECK(done.value->fingerprint == "a");
  auto hit = cache.begin(key, 5, t0);
  CHECK(hit.what == outcome::hit);
  CHECK(hit.value->fingerprint == "a");
  CHECK(cache.finish(key, ready("late"), t0).waiters.empty());
  CHECK(cache.begin(key, 5, t0).value->fingerprint == "a");
}

TEST_CASE("what is cached ends with its time or shortly before the token's", "[secrets][cache]") {
  secret_cache cache{{.ttl = 300s, .skew = 30s}};
  auto fetch = [&](const credential_key& key, ready_credential value) {
    REQUIRE(cache.begin(key, 1, t0).what == outcome::lead);
    cache.finish(key, std::move(value), t0);
  };
  fetch(key_of("a"), ready("forever"));
  CHECK(cache.begin(key_of("a"), 1, t0 + 299s).what == outcome::hit);
  CHECK(cache.begin(key_of("a"), 1, t0 + 300s).what == outcome::lead);
  fetch(key_of("b"), ready("short", t0 + 100s));
  CHECK(cache.begin(key_of("b"), 1, t0 + 69s).what == outcome::hit);
  CHECK(cache.begin(key_of("b"), 1, t0 + 70s).what == outcome::lead);
  fetch(key_of("c"), ready("nearly gone", t0 + 20s));
  CHECK(cache.begin(key_of("c"), 1, t0).what == outcome::lead);
}

TEST_CASE("what has ended goes without anyone asking", "[secrets][cache]") {
  secret_cache cache{{.ttl = 300s, .skew = 30s}};
  CHECK_FALSE(cache.sweep(t0));
  std::weak_ptr<const credential_writer> short_lived, other;
  for (auto [user, seconds, seen] :
       {std::tuple{"alice", 100s, &short_lived}, std::tuple{"bob", 200s, &other}}) {
    auto c = std::make_shared<stored_credential>();
    c->value = secret{"a-token-of-some-length"};
    auto made = make_writer({}, std::move(c)).value();
    *seen = made;
    REQUIRE(cache.begin(key_of(user), 1, t0).what == outcome::lead);
    cache.finish(key_of(user), ready_credential{std::move(made), t0 + seconds}, t0);
  }
  CHECK(cache.sweep(t0 + 69s) == t0 + 70s);
  CHECK_FALSE(short_lived.expired());
  CHECK(cache.sweep(t0 + 70s) == t0 + 170s);
  CHECK(short_lived.expired());
  CHECK_FALSE(other.expired());
  CHECK_FALSE(cache.sweep(t0 + 170s));
  CHECK(other.expired());
}

TEST_CASE("what was fetched before the clock was set back is over", "[secrets][cache]") {
  secret_cache cache;
  for (const result<ready_credential>& value :
       {result<ready_credential>{ready("a")}, result<ready_credential>{fail(errc::denied, "no")}}) {
    REQUIRE(cache.begin(key_of("a"), 1, t0 + 24h).what == outcome::lead);
    cache.finish(key_of("a"), value, t0 + 24h);
    CHECK(cache.begin(key_of("a"), 2, t0).what == outcome::lead);
    cache.finish(key_of("a"), value, t0 + 24h);
    CHECK_FALSE(cache.sweep(t0));
    CHECK(cache.size() == 0);
  }
}

TEST_CASE("absence and refusal are remembered briefly, trouble is not", "[secrets][cache]") {
  secret_cache cache{{.negative_ttl = 2000ms}};
  for (auto code : {errc::not_found, errc::denied}) {
    auto key = key_of(std::to_string(static_cast<int>(code)));
    cache.begin(key, 1, t0);
    auto done = cache.finish(key, fail(code, "no"), t0);
    CHECK(done.waiters.size() == 1);
    auto hit = cache.begin(key, 2, t0 + 1999ms);
    CHECK(hit.what == outcome::hit);
    CHECK(hit.value.error().code == code);
    CHECK(cache.begin(key, 2, t0 + 2000ms).what == outcome::lead);
  }
  for (auto code : {errc::overloaded, errc::upstream, errc::timeout, errc::internal}) {
    auto key = key_of(std::to_string(static_cast<int>(code)));
    cache.begin(key, 1, t0);
    CHECK_FALSE(cache.finish(key, fail(code, "trouble"), t0).value);
    CHECK(cache.begin(key, 2, t0).what == outcome::lead);
  }
  // Somebody else may come with a token of the user's.
  for (auto kind : {"needs_login", "login_refused"}) {
    cache.begin(key_of(kind), 1, t0);
    cache.finish(key_of(kind), error{errc::denied, "no", {}, kind}, t0);
    CHECK(cache.begin(key_of(kind), 2, t0).what == outcome::lead);
  }
}

TEST_CASE("a refused credential is fetched anew, once", "[secrets][cache]") {
  secret_cache cache;
  auto fetch = [&](const credential_key& key, const char* what) {
    REQUIRE(cache.begin(key, 1, t0).what == outcome::lead);
    cache.finish(key, ready(what), t0);
  };
  fetch(key_of("alice"), "old");
  fetch(key_of("alice", "jira"), "old");
  fetch(key_of("bob"), "old");
  cache.refuse(key_of("alice"), "old");
  CHECK(cache.begin(key_of("alice", "jira"), 8, t0).what == outcome::hit);
  CHECK(cache.begin(key_of("bob"), 8, t0).what == outcome::hit);
  fetch(key_of("alice"), "new");
  cache.refuse(key_of("alice"), "old"); // of a call that left before
  CHECK(cache.begin(key_of("alice"), 9, t0).value->fingerprint == "new");
}

TEST_CASE("a late refusal does not spoil the fetch under way", "[secrets][cache]") {
  secret_cache cache;
  cache.begin(key_of("alice"), 1, t0);
  cache.refuse(key_of("alice"), "old");
  CHECK(cache.finish(key_of("alice"), ready("new"), t0).value->fingerprint == "new");
  CHECK(cache.begin(key_of("alice"), 2, t0).what == outcome::hit);
}

TEST_CASE("what was cleared is not served, and not kept when it arrives", "[secrets][cache]") {
  secret_cache cache;
  cache.begin(key_of("bob"), 1, t0);
  cache.finish(key_of("bob"), ready("old"), t0);
  cache.begin(key_of("alice"), 7, t0);
  cache.clear();
  CHECK(cache.size() == 0);
  auto late = cache.finish(key_of("alice"), ready("old"), t0);
  CHECK(late.waiters == std::vector<uint64_t>{7});
  REQUIRE_FALSE(late.value);
  CHECK(late.value.error().kind == "credential_changed");
  CHECK(cache.begin(key_of("alice"), 9, t0).what == outcome::lead);
  CHECK(cache.begin(key_of("bob"), 9, t0).what == outcome::lead);
}

TEST_CASE("the cache is bounded and forgets who was longest unused", "[secrets][cache]") {
  secret_cache cache{{.capacity = 3, .waiters = 2}};
  for (auto user : {"a", "b", "c"}) {
    cache.begin(key_of(user), 1, t0);
    cache.finish(key_of(user), ready(user), t0);
  }
  CHECK(cache.begin(key_of("a"), 1, t0).what == outcome::hit);
  cache.begin(key_of("d"), 1, t0);
  cache.finish(key_of("d"), ready("d"), t0);
  CHECK(cache.size() == 3);
  CHECK(cache.begin(key_of("a"), 1, t0).what == outcome::hit);
  CHECK(cache.begin(key_of("b"), 1, t0).what == outcome::lead);
  CHECK(cache.begin(key_of("b"), 2, t0).what == outcome::join);
  auto full = cache.begin(key_of("b"), 3, t0);
  CHECK(full.what == outcome::hit);
  CHECK(full.value.error().code == errc::overloaded);
}

TEST_CASE("64 users in random order never get a foreign credential", "[secrets][cache]") {
  std::mt19937 random{20'240'607};
  secret_cache cache{{.capacity = 40}};
  std::map<credential_key, std::vector<uint64_t>> under_way;
  uint64_t next_waiter = 0;
  std::map<uint64_t, credential_key> asked;
  auto now = t0;
  int foreign = 0, hits = 0, fetches = 0, answered = 0;
  auto mark = [](const credential_key& k) { return k.who.text() + "|" + k.service; };
  for (int i = 0; i < 200'000; ++i) {
    auto key = key_of("user" + std::to_string(random() % 64), random() % 2 ? "github" : "jira");
    now += std::chrono::milliseconds{random() % 50};
    switch (random() % 8) {
    case 0:
      cache.refuse(key, mark(key));
      break;
    case 1:
    case 2:
    case 3:
      if (under_way.count(key)) {
        auto done = cache.finish(key, ready(mark(key)), now);
        CHECK(done.waiters == under_way[key]);
        for (auto w : done.waiters) {
          foreign += asked.at(w) == key ? 0 : 1;
          foreign += done.value && done.value->fingerprint != mark(asked.at(w)) ? 1 : 0;
          asked.erase(w);
          ++answered;
        }
        under_way.erase(key);
      }
      break;
    default: {
      auto waiter = ++next_waiter;
      auto seen = cache.begin(key, waiter, now);
      if (seen.what == outcome::hit) {
        ++hits;
        foreign += seen.value && seen.value->fingerprint != mark(key) ? 1 : 0;
        break;
      }
      fetches += seen.what == outcome::lead ? 1 : 0;
      REQUIRE((seen.what == outcome::lead) == (under_way.count(key) == 0));
      under_way[key].push_back(waiter);
      asked.emplace(waiter, key);
    }
    }
  }
  CHECK(foreign == 0);
  CHECK(hits > 1'000);
  CHECK(fetches > 1'000);
  CHECK(answered > 1'000);
  CHECK(cache.size() <= 40);
}
