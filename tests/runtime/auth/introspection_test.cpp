#include "runtime/auth/introspection.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

constexpr int64_t noon = 1'700'000'000;
const auto now_ = from_micros(noon * 1'000'000);

introspection_rules rules() {
  introspection_rules r;
  r.issuer = "https://id.example.com";
  return r;
}

json::object answer() {
  return {{"active", true},
          {"sub", "alice"},
          {"exp", noon + 300},
          {"scope", "a b"},
          {"client_id", "web"},
          {"aud", "behalf"},
          {"iss", "https://id.example.com"},
          {"team", "red"}};
}

json::object app(std::string_view name, json::value v) {
  auto o = answer();
  o[name] = std::move(v);
  return o;
}
json::object without(std::string_view name) {
  auto o = answer();
  o.erase(name);
  return o;
}

} // namespace

TEST_CASE("the question is a form, the client's name and secret are Basic", "[auth]") {
  CHECK(introspection_body("a.b-c_d~e+f/g=h&i").view()
        == "token=a.b-c_d~e%2Bf%2Fg%3Dh%26i&token_type_hint=access_token");
  auto basic = basic_authorization("client:1", "p%ss wörd");
  REQUIRE(basic.view().starts_with("Basic "));
  CHECK(base64_decode(basic.view().substr(6)).value() == "client%3A1:p%25ss%20w%C3%B6rd");
  for (std::size_t n = 0; n < 4; ++n) // every way base64 can end
    CHECK(base64_decode(basic_authorization("c", std::string(n, 's')).view().substr(6)).value()
          == "c:" + std::string(n, 's'));
}

TEST_CASE("an active token gives claims, to be used for a minute at most", "[auth]") {
  auto c = read_introspection(answer(), rules(), now_);
  REQUIRE(c);
  CHECK(c->subject == "alice");
  CHECK(c->issuer == "https://id.example.com");
  CHECK(c->all.at("team") == "red");
  CHECK(c->expires == now_ + 60s);
  CHECK(read_introspection(app("exp", noon + 10), rules(), now_)->expires == now_ + 10s);
  CHECK(read_introspection(without("exp"), rules(), now_)->expires == now_ + 60s);
  auto long_cache = rules();
  long_cache.cache_for = 1h;
  CHECK(read_introspection(answer(), long_cache, now_)->expires == now_ + 60s);
  auto anonymous = rules();
  anonymous.issuer.clear();
  CHECK(read_introspection(answer(), anonymous, now_)->issuer == "introspection");
}

TEST_CASE("only active true counts, and what it says must fit", "[auth]") {
  for (const auto& a :
       {json::object{{"active", false}}, app("active", false), app("exp", noon),
        app("exp", "later"), app("exp", -5), app("nbf", noon + 61), app("iat", noon + 61),
        app("sub", ""), app("sub", nullptr), without("sub"), app("sub", 5),
        app("iss", "https://evil.example"), app("iss", nullptr), app("sub", "a\nb")}) {
    INFO(dump(a));
    auto c = read_introspection(a, rules(), now_);
    REQUIRE_FALSE(c);
    CHECK(c.error().code == errc::unauthenticated);
  }
  for (const json::value& a :
       {json::value(json::array{}), json::value(nullptr), json::value("x"),
        json::value(json::object{}), json::value(app("active", "true")),
        json::value(app("active", 1)), json::value(app("active", nullptr))}) {
    INFO(dump(a));
    auto c = read_introspection(a, rules(), now_);
    REQUIRE_FALSE(c);
    CHECK(c.error().code == errc::upstream);
  }
}

TEST_CASE("what another issuer may still know is told apart from a refusal", "[auth]") {
  auto why = [](const json::object& a, introspection_rules r = rules()) {
    return read_introspection(a, r, now_).error();
  };
  CHECK(is_not_responsible(why(app("active", false))));
  CHECK(is_not_responsible(why(app("iss", "https://other.example"))));
  CHECK(is_not_responsible(inactive_token()));
  CHECK_FALSE(is_not_responsible(why(app("exp", noon))));
  CHECK_FALSE(is_not_responsible(why(without("sub"))));
  CHECK_FALSE(is_not_responsible(why(without("active"))));
  auto strict = rules();
  strict.audiences = {"another"};
  CHECK_FALSE(is_not_responsible(why(answer(), strict)));
}

TEST_CASE("audience and client are checked where they are configured", "[auth]") {
  auto strict = rules();
  strict.audiences = {"behalf"};
  strict.clients = {"web"};
  CHECK(read_introspection(answer(), strict, now_));
  CHECK_FALSE(read_introspection(app("aud", "other"), strict, now_));
  CHECK_FALSE(read_introspection(without("aud"), strict, now_));
  CHECK_FALSE(read_introspection(app("client_id", "other"), strict, now_));
  CHECK(read_introspection(without("aud"), rules(), now_));
}
