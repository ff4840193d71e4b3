#include "runtime/auth/api_keys.hpp"
#include "runtime/base/id.hpp"
#include "tests/support/catch.hpp"

#include <set>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const auto noon = from_micros(1'700'000'000'000'000);

api_key_entry entry(std::string_view key, std::string subject) {
  api_key_entry e;
  e.sha256 = sha256_hex(key);
  e.subject = std::move(subject);
  return e;
}

} // namespace

TEST_CASE("a key names its principal, and no other key does", "[auth]") {
  auto ci = entry("bh_first", "ci");
  ci.tenant = "acme";
  ci.display_name = "CI";
  ci.permissions = {"threads:read"};
  ci.custom = {{"team", "red"}};
  auto keys = api_keys::make({ci, entry("bh_second", "bot")});
  REQUIRE(keys);
  CHECK(keys->size() == 2);
  auto who = keys->find("bh_first", noon);
  REQUIRE(who);
  CHECK((*who)->key() == principal_key{"acme", "api_key", "ci"});
  CHECK((*who)->identity == "ci");
  CHECK((*who)->display_name == "CI");
  CHECK((*who)->has("threads:read"));
  CHECK((*who)->custom.at("team") == "red");
  CHECK(keys->find("bh_second", noon).value()->display_name == "bot");
  for (auto wrong : {"", "bh_", "bh_firs", "bh_first ", "BH_FIRST"}) {
    auto r = keys->find(wrong, noon);
    REQUIRE_FALSE(r);
    CHECK(r.error().code == errc::unauthenticated);
  }
  CHECK_FALSE(keys->find(ci.sha256, noon)); // the hash is not the key
}

TEST_CASE("a key ends when it expires", "[auth]") {
  auto e = entry("k", "ci");
  e.expires = noon;
  auto keys = api_keys::make({e}).value();
  CHECK(keys.find("k", noon - 1s));
  CHECK(keys.find("k", noon).error().message == "the API key has expired");
}

TEST_CASE("entries that cannot work are named", "[auth]") {
  auto key_instead = entry("k", "ci");
  key_instead.sha256 = "bh_thekeyitself";
  auto not_hex = entry("k", "ci");
  not_hex.sha256[10] = 'g';
  auto no_subject = entry("k", "");
  auto no_tenant = entry("k", "ci");
  no_tenant.tenant.clear();
  for (const auto& e : {key_instead, not_hex, no_subject, no_tenant}) {
    auto r = api_keys::make({entry("ok", "x"), e});
    REQUIRE_FALSE(r);
    CHECK(r.error().message.starts_with("API key 2 (subject '" + e.subject + "')"));
    CHECK(r.error().message.find("thekeyitself") == std::string::npos);
  }
  CHECK_FALSE(api_keys::make({entry("same", "a"), entry("same", "b")}));
  auto upper = entry("k", "ci");
  for (auto& c : upper.sha256)
    c = static_cast<char>(std::toupper(c));
  CHECK(api_keys::make({upper}).value().find("k", noon));
}

TEST_CASE("new keys are random, recognisable, and match their hash", "[auth]") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    auto made = generate_api_key();
    CHECK(looks_like_api_key(made.key.view()));
    CHECK(made.sha256 == sha256_hex(made.key.view()));
    CHECK(seen.emplace(made.key.view()).second);
  }
  for (auto other :
       {"", "bh_", "eyJhbGciOiJFUzI1NiJ9.e30.AA", "bh_0123456789012345678901234567890123456789.12",
        "xx_0123456789012345678901234567890123456789012"})
    CHECK_FALSE(looks_like_api_key(other));
}
