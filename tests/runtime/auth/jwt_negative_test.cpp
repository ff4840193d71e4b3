// What must never be accepted. Every vector differs from a good token in one thing, is signed
// correctly over what it says unless the signature is that thing, and must be refused for the
// reason named.
#include "tests/runtime/auth/corpus_claims.hpp"
#include "tests/runtime/auth/corpus_format.hpp"
#include "tests/runtime/auth/corpus_keys.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace behalf::forge;

namespace {

corpus make_corpus() {
  corpus all;
  for (auto add : {algorithms, symmetric_confusion, key_confusion, segments, base64_forms,
                   header_texts, payload_texts, types, key_ids, embedded_keys, extensions,
                   signatures, tampered, issuers_and_audiences, dates, subjects, sizes})
    add(all);
  return all;
}

} // namespace

TEST_CASE("no token of the negative corpus is accepted, and each for its reason", "[auth]") {
  auto all = make_corpus();
  REQUIRE(verify(token(), rules(), keys(), noon())); // what the vectors are made from is good
  std::size_t accepted = 0;
  for (const auto& v : all) {
    auto r = verify(v.token, v.rules, keys(), noon());
    INFO(v.name);
    INFO((r ? "accepted" : r.error().message));
    CHECK_FALSE(r);
    if (r) {
      ++accepted;
      continue;
    }
    CHECK(r.error().code == errc::unauthenticated);
    CHECK(r.error().message.find(v.reason) != std::string::npos);
    CHECK(is_unknown_key(r.error()) == (v.reason == bad_key));
  }
  WARN(all.size() << " forged tokens, " << accepted << " accepted");
  CHECK(accepted == 0);
  CHECK(all.size() >= 500);
}

TEST_CASE("what a refusal says holds nothing of the token", "[auth]") {
  for (const auto& v : make_corpus()) {
    auto r = verify(v.token, v.rules, keys(), noon());
    REQUIRE_FALSE(r);
    for (auto word : {"alice", "evil", "p256", "SELECT", "threads:"})
      CHECK(r.error().message.find(word) == std::string::npos);
  }
}

TEST_CASE("keys an issuer should not have published verify nothing", "[auth]") {
  const auto& good = p256_pair();
  const std::pair<const char*, json::object> published[]{
    {"for encryption", good.named("k", {{"use", "enc"}})},
    {"for signing only", good.named("k", {{"key_ops", json::array{"sign"}}})},
    {"private", good.named("k", {{"d", base64url(std::string(32, 'd'))}})},
    {"pinned to another algorithm", good.named("k", {{"alg", "ES384"}})},
    {"pinned to none", good.named("k", {{"alg", "none"}})},
    {"wrong curve", good.named("k", {{"crv", "P-521"}})},
    {"symmetric", json::object{{"kty", "oct"}, {"kid", "k"}, {"k", "AAAA"}}},
  };
  for (const auto& [name, jwk] : published) {
    INFO(name);
    auto set = key_set::parse(json::object{{"keys", json::array{jwk}}}).value();
    auto r = verify(token(header("ES256", "k")), rules(), set, noon());
    REQUIRE_FALSE(r);
    CHECK(is_unknown_key(r.error()));
  }
  auto small = rsa(1024);
  auto set = key_set::parse(json::object{{"keys", json::array{small.named("k")}}}).value();
  CHECK_FALSE(verify(token(header("RS256", "k"), payload(), small, "RS256"), rules(), set, noon()));
}
