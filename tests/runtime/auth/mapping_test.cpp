#include "runtime/auth/mapping.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

claims said(std::string_view text) {
  claims c;
  c.issuer = "https://id.example.com";
  c.all = parse_json(text).value().as_object();
  c.subject = string_or(c.all, "sub");
  return c;
}

using names = std::vector<std::string>;

} // namespace

TEST_CASE("claims become a principal", "[auth]") {
  auto who = to_principal(
    said(R"({"sub":"u-1","name":"Alice","scope":"a b  c","preferred_username":"alice"})"), {});
  REQUIRE(who);
  CHECK(who->key() == principal_key{"default", "https://id.example.com", "u-1"});
  CHECK(who->identity == "u-1");
  CHECK(who->display_name == "Alice");
  CHECK(who->permissions == names{"a", "b", "c"});
  CHECK(who->custom.empty());
}

TEST_CASE("tenant, identity, permissions and fields come from the claims that are configured",
          "[auth]") {
  claim_mapping m;
  m.tenant_claim = "org.id";
  m.identity_claim = "preferred_username";
  m.identity_prefix = "kc:";
  m.permissions_claim = "realm_access.roles";
  m.custom = {{"team", "https://acme.example/team"}, {"deep", "a.b.c"}, {"absent", "x.y"}};
  auto who = to_principal(
    said(R"({"sub":"u-1","preferred_username":"alice","org":{"id":42},"realm_access":{"roles":)"
         R"(["r1",5,"r2"]},"https://acme.example/team":"red","a":{"b.c":[1]}})"),
    m);
  REQUIRE(who);
  CHECK(who->tenant == "42");
  CHECK(who->subject == "u-1");
  CHECK(who->identity == "kc:alice");
  CHECK(who->display_name == "alice");
  CHECK(who->permissions == names{"r1", "r2"});
  CHECK(who->custom == json::object{{"team", "red"}, {"deep", json::array{1}}});
}

TEST_CASE("a token without the tenant or the identity is refused", "[auth]") {
  claim_mapping tenant, identity;
  tenant.tenant_claim = "org";
  identity.identity_claim = "upn";
  for (auto text : {R"({"sub":"u"})", R"({"sub":"u","org":"","upn":""})",
                    R"({"sub":"u","org":null,"upn":null})", R"({"sub":"u","org":{},"upn":[]})",
                    R"({"sub":"u","org":true,"upn":1.5})"}) {
    INFO(text);
    for (const auto& m : {tenant, identity}) {
      auto who = to_principal(said(text), m);
      REQUIRE_FALSE(who);
      CHECK(who.error().code == errc::unauthenticated);
    }
  }
}

TEST_CASE("a claim whose name has dots is found before a path", "[auth]") {
  auto all = parse_json(R"({"a.b":1,"a":{"b":2,"c.d":3},"e":{"f":{"g":4}},"h":"text"})").value();
  const auto& o = all.as_object();
  CHECK(*find_claim(o, "a.b") == 1);
  CHECK(*find_claim(o, "a.c.d") == 3);
  CHECK(*find_claim(o, "e.f.g") == 4);
  for (auto path : {"", ".", "a.", ".a", "h.x", "e.f.x", "x"})
    CHECK_FALSE(find_claim(o, path));
}

TEST_CASE("userinfo adds to a token's claims if it is about the same subject", "[auth]") {
  auto c = said(R"({"sub":"u","name":"from token"})");
  REQUIRE(merge_userinfo(c, json::object{{"sub", "u"}, {"name", "other"}, {"team", "red"}}));
  CHECK(c.all.at("name") == "from token");
  CHECK(c.all.at("team") == "red");
  for (const json::value& info :
       {json::value(json::object{{"sub", "v"}}), json::value(json::object{}),
        json::value(json::array{}), json::value(json::object{{"sub", 1}})})
    CHECK(merge_userinfo(c, info).error().code == errc::unauthenticated);
}

TEST_CASE("a custom field cannot take the place of one that everybody has", "[auth]") {
  CHECK(check_mapping({}));
  for (auto field : {"identity", "is_authenticated", "display_name", "permissions", ""}) {
    claim_mapping m;
    m.custom = {{field, "x"}};
    CHECK(check_mapping(m).error().code == errc::invalid_argument);
  }
  claim_mapping nameless;
  nameless.identity_claim.clear();
  CHECK_FALSE(check_mapping(nameless));
}
