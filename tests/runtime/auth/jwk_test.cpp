#include "tests/runtime/auth/forge.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::object app(json::object jwk, std::string_view name, json::value v) {
  jwk[name] = std::move(v);
  return jwk;
}

json::value b64(std::string_view bytes) {
  return json::value(base64url(bytes));
}

std::string why(const json::value& jwk) {
  auto r = parse_jwk(jwk);
  return r ? "accepted" : r.error().message;
}

} // namespace

TEST_CASE("only keys that verify with our algorithms are read", "[auth]") {
  const auto& p256 = forge::p256_pair().jwk;
  CHECK(why(p256) == "accepted");
  CHECK(why(forge::p384_pair().jwk) == "accepted");
  CHECK(why(forge::rsa_pair().jwk) == "accepted");
  CHECK(why(forge::ed_pair().jwk) == "accepted");
  CHECK(why(app(p256, "use", "enc")) == "'use' is not sig");
  CHECK(why(app(p256, "use", 1)) == "'use' is not sig");
  CHECK(why(app(p256, "key_ops", json::array{"sign"})) == "'key_ops' does not allow verify");
  CHECK(why(app(p256, "key_ops", json::array{"sign", "verify"})) == "accepted");
  CHECK(why(app(p256, "key_ops", "verify")) == "'key_ops' does not allow verify");
  CHECK(why(app(p256, "d", "AAAA")) == "a published key must not hold private material");
  CHECK(why(app(p256, "alg", "RS256")) == "'alg' does not fit the key, or is not one we use");
  CHECK(why(app(p256, "alg", "none")) == "'alg' does not fit the key, or is not one we use");
  CHECK(why(app(p256, "alg", 5)) == "'alg' does not fit the key, or is not one we use");
  CHECK(why(app(p256, "kid", 5)) == "'kid' must be text");
  CHECK(why(json::array{}) == "a key must be an object");
  CHECK(why(json::object{{"kty", "oct"}, {"k", "AAAA"}})
        == "a published key must not hold private material");
}

TEST_CASE("a key's numbers must make a key", "[auth]") {
  const auto& p256 = forge::p256_pair().jwk;
  const auto& rsa = forge::rsa_pair().jwk;
  auto off_curve = base64url_decode(string_or(p256, "y")).value();
  off_curve[31] = static_cast<char>(off_curve[31] ^ 1);
  CHECK(why(app(p256, "y", b64(off_curve))) != "accepted");
  CHECK(why(app(p256, "x", b64(std::string(32, '\xff')))) != "accepted");
  CHECK(why(app(p256, "x", b64(std::string(33, '\0'))))
        == "a coordinate has the wrong length for its curve");
  CHECK(why(app(p256, "crv", "P-384")) == "a coordinate has the wrong length for its curve");
  CHECK(why(app(p256, "crv", "P-521")) == "'kty' or 'crv' is not one we use");
  CHECK(why(app(p256, "crv", "secp256k1")) == "'kty' or 'crv' is not one we use");
  CHECK(why(app(p256, "x", "not base64!")) == "'x' must be base64url text");
  CHECK(why(app(p256, "x", nullptr)) == "'x' must be base64url text");
  CHECK(why(forge::rsa(1024).jwk) == "an RSA key must have 2048 to 8192 bits");
  CHECK(why(app(rsa, "n", b64("\x01" + std::string(2048, '\xff')))) != "accepted");
  CHECK(why(app(rsa, "e", "AQ")) == "an RSA exponent must be odd and at least 3");
  CHECK(why(app(rsa, "e", "Ag")) == "an RSA exponent must be odd and at least 3");
  CHECK(why(app(forge::ed_pair().jwk, "x", b64(std::string(31, 'a'))))
        == "an Ed25519 key has 32 bytes");
  CHECK(why(app(forge::ed_pair().jwk, "crv", "X25519")) == "'kty' or 'crv' is not one we use");
}

TEST_CASE("a key set skips what it cannot use and keeps the rest", "[auth]") {
  json::array list{json::object{{"kty", "oct"}, {"k", "AAAA"}}, "text",
                   forge::p256_pair().named("a")};
  auto set = key_set::parse(json::object{{"keys", list}});
  REQUIRE(set);
  CHECK(set->size() == 1);
  CHECK(set->skipped() == 2);
  CHECK_FALSE(key_set::parse(json::array{}));
  CHECK_FALSE(key_set::parse(json::object{{"keys", "none"}}));
  json::array many(101, json::object{});
  CHECK(key_set::parse(json::object{{"keys", many}}).error().code == errc::upstream);
}

TEST_CASE("a key is chosen by id and algorithm, or because it is the only one", "[auth]") {
  using enum signature_algorithm;
  const auto& keys = forge::keys();
  REQUIRE(keys.find("p256", es256));
  CHECK(keys.find("p256", es256)->id == "p256");
  CHECK_FALSE(keys.find("p256", rs256));
  CHECK_FALSE(keys.find("P256", es256));
  CHECK_FALSE(keys.find("", es256));
  REQUIRE(keys.find(std::nullopt, eddsa));
  CHECK(keys.find(std::nullopt, eddsa)->id == "ed");
  json::array two{forge::p256_pair().named("a"), forge::ec("P-256", 32).named("b")};
  auto ambiguous = key_set::parse(json::object{{"keys", two}}).value();
  CHECK_FALSE(ambiguous.find(std::nullopt, es256));
  CHECK(ambiguous.knows(std::nullopt, es256));
  CHECK_FALSE(ambiguous.knows(std::nullopt, rs256));
  json::array pinned{forge::rsa_pair().named("r", {{"alg", "RS256"}})};
  auto rs = key_set::parse(json::object{{"keys", pinned}}).value();
  CHECK(rs.find("r", rs256));
  CHECK_FALSE(rs.find("r", ps256));
}
