#include "tests/runtime/auth/forge.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using enum signature_algorithm;

namespace {

constexpr signature_algorithm every[]{es256, es384, eddsa, ps256, ps384,
                                      ps512, rs256, rs384, rs512};

bool accepted(const std::string& token, const issuer_rules& rules = forge::rules(),
              const key_set& keys = forge::keys()) {
  auto r = verify(token, rules, keys, forge::noon());
  INFO((r ? "accepted" : r.error().message));
  CHECK(r);
  return r.has_value();
}

json::object app(std::string_view name, json::value v, json::object base = forge::payload()) {
  base[name] = std::move(v);
  return base;
}

// RFC 7515 A.2, A.3 and RFC 8037 A: published keys, inputs and signatures.
struct vector {
  const char *name, *alg, *jwk, *input, *signature;
};

constexpr vector published[]{
  {"RFC 7515 A.2", "RS256",
   R"({"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})",
   "eyJhbGciOiJSUzI1NiJ9."
   "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
   "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5"
   "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1"
   "L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYE"
   "UipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
  {"RFC 7515 A.3", "ES256",
   R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
   "eyJhbGciOiJFUzI1NiJ9."
   "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
   "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
  {"RFC 8037 A.4", "EdDSA",
   R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
   "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
   "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

} // namespace

TEST_CASE("published signatures verify, and not when a bit differs", "[auth]") {
  for (const auto& v : published) {
    INFO(v.name);
    auto key = parse_jwk(parse_json(v.jwk).value());
    REQUIRE(key);
    auto alg = *parse_algorithm(v.alg);
    auto signature = base64url_decode(v.signature).value();
    CHECK(verify_signature(*key, alg, v.input, signature));
    signature[10] = static_cast<char>(signature[10] ^ 1);
    CHECK_FALSE(verify_signature(*key, alg, v.input, signature));
  }
}

TEST_CASE("a good token of every algorithm is accepted, with and without kid", "[auth]") {
  for (auto alg : every) {
    auto name = std::string(to_string(alg));
    INFO(name);
    const auto& pair = forge::pair_for(alg);
    auto h = forge::header(name, forge::kid_for(alg));
    accepted(forge::token(h, forge::payload(), pair, name), forge::all_algorithms());
    h.erase("kid");
    accepted(forge::token(h, forge::payload(), pair, name), forge::all_algorithms());
    json::object pinned{{"keys", json::array{pair.named("only", {{"alg", name}, {"use", "sig"}})}}};
    auto keys = key_set::parse(pinned).value();
    REQUIRE(keys.size() == 1);
    accepted(forge::token(forge::header(name, "only"), forge::payload(), pair, name),
             forge::all_algorithms(), keys);
  }
}

TEST_CASE("claims arrive as the issuer wrote them", "[auth]") {
  auto r = verify(forge::token(), forge::rules(), forge::keys(), forge::noon());
  REQUIRE(r);
  CHECK(r->issuer == "https://id.example.com");
  CHECK(r->subject == "alice");
  CHECK(to_micros(r->expires) == (forge::noon_seconds() + 300) * 1'000'000);
  CHECK(r->all == forge::payload());
}

TEST_CASE("what the standards allow is accepted", "[auth]") {
  auto s = forge::noon_seconds();
  const json::object payloads[]{
    app("aud", json::array{"other", "behalf"}),
    app("aud", json::array{"https://agents.example.com"}),
    app("nbf", s + 60),
    app("iat", s + 60),
    app("exp", s + 1),
    app("exp", 253'402'300'799),
    app("sub", "f:8b1c:Zoë/Ünal@例え.example"),
    app("sub", "\xF0\x9F\x8E\xA9"),
    app("nonce", "an access token may carry one where typ tells"),
    app("https://example.com/claims", json::object{{"deep", json::array{1, 2.5, nullptr}}}),
  };
  for (const auto& p : payloads) {
    INFO(dump(p));
    accepted(forge::token(forge::header(), p));
  }
  for (auto typ : {"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"})
    accepted(forge::token(app("typ", typ, forge::header())));
  auto no_iat = forge::payload();
  no_iat.erase("iat");
  accepted(forge::token(forge::header(), no_iat));
}

TEST_CASE("older issuers may write JWT or no type, where the configuration says so", "[auth]") {
  auto lax = forge::rules();
  lax.allow_generic_jwt_typ = true;
  auto h = forge::header();
  h.erase("typ");
  accepted(forge::token(h), lax);
  accepted(forge::token(app("typ", "JWT", forge::header())), lax);
  accepted(forge::token(), lax);
  accepted(forge::token(app("typ", "JWT", forge::header()), app("typ", "Bearer")), lax);
  CHECK_FALSE(verify(forge::token(h), forge::rules(), forge::keys(), forge::noon()));
}

TEST_CASE("a list of clients is checked against azp, else client_id", "[auth]") {
  auto strict = forge::rules();
  strict.clients = {"web", "cli"};
  accepted(forge::token(), strict);
  accepted(forge::token(forge::header(), app("azp", "cli")), strict);
  CHECK_FALSE(verify(forge::token(forge::header(), app("azp", "other")), strict, forge::keys(),
                     forge::noon()));
}

TEST_CASE("an unknown key is told apart, so that keys can be fetched again", "[auth]") {
  auto rotated = verify(forge::token(forge::header("ES256", "new")), forge::rules(), forge::keys(),
                        forge::noon());
  REQUIRE_FALSE(rotated);
  CHECK(is_unknown_key(rotated.error()));
  auto none = verify(forge::token(), forge::rules(), key_set{}, forge::noon());
  REQUIRE_FALSE(none);
  CHECK(is_unknown_key(none.error()));
  auto expired = verify(forge::token(forge::header(), app("exp", 1)), forge::rules(), forge::keys(),
                        forge::noon());
  REQUIRE_FALSE(expired);
  CHECK_FALSE(is_unknown_key(expired.error()));
}

TEST_CASE("a refusal tells the client what to do, and nothing of the token", "[auth]") {
  auto r = verify(forge::token(forge::header(), app("exp", 1)), forge::rules(), forge::keys(),
                  forge::noon());
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::unauthenticated);
  CHECK(r.error().message == "the token has expired");
  REQUIRE(r.error().headers.size() == 1);
  CHECK(r.error().headers[0].first == "WWW-Authenticate");
  CHECK(r.error().headers[0].second
        == R"(Bearer error="invalid_token", error_description="the token has expired")");
}

TEST_CASE("a token's origin is read without trusting it", "[auth]") {
  auto at = peek_origin(forge::token());
  REQUIRE(at);
  CHECK(at->issuer == "https://id.example.com");
  CHECK(at->key_id == "p256");
  for (auto opaque : {"", "opaque", "a.b", "a.b.c", "bh_123", "e30.e30.", "W10.e30.AA"}) {
    INFO(opaque);
    CHECK_FALSE(peek_origin(opaque));
  }
  CHECK_FALSE(peek_origin(std::string(max_token_size + 1, 'a')));
}
