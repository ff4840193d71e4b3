#include "runtime/auth/discovery.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

constexpr auto issuer = "https://id.example.com/realms/acme";

json::object document() {
  return {{"issuer", issuer},
          {"jwks_uri", "https://id.example.com/realms/acme/certs"},
          {"introspection_endpoint", "https://id.example.com/introspect"},
          {"userinfo_endpoint", "https://id.example.com/userinfo"},
          {"token_endpoint", "https://id.example.com/token"},
          {"something", json::array{1}}};
}

json::object app(std::string_view name, json::value v) {
  auto o = document();
  o[name] = std::move(v);
  return o;
}

} // namespace

TEST_CASE("a provider's document is read when it is that provider's", "[auth]") {
  auto m = parse_discovery(document(), issuer, false);
  REQUIRE(m);
  CHECK(m->jwks_uri == "https://id.example.com/realms/acme/certs");
  CHECK(m->introspection_endpoint == "https://id.example.com/introspect");
  CHECK(m->userinfo_endpoint == "https://id.example.com/userinfo");
  CHECK(m->authorization_endpoint.empty());
}

TEST_CASE("a document that another could have written is discarded", "[auth]") {
  const json::value documents[]{
    json::array{},
    "text",
    app("issuer", "https://id.example.com/realms/acme/"),
    app("issuer", "https://ID.example.com/realms/acme"),
    app("issuer", nullptr),
    app("jwks_uri", nullptr),
    app("jwks_uri", "http://id.example.com/certs"),
    app("jwks_uri", "file:///etc/passwd"),
    app("jwks_uri", "/certs"),
    app("userinfo_endpoint", "https://user@id.example.com/"),
    app("introspection_endpoint", "https://id.example.com/#x"),
    app("token_endpoint", "javascript:alert(1)"),
  };
  for (const auto& d : documents) {
    INFO(dump(d));
    auto m = parse_discovery(d, issuer, false);
    REQUIRE_FALSE(m);
    CHECK(m.error().code == errc::upstream);
  }
}

TEST_CASE("plain http is for this machine, or where the operator allows it", "[auth]") {
  for (auto url : {"https://id.example.com", "https://id.example.com:8443/x?y=1",
                   "http://127.0.0.1:8080/realms/x", "http://[::1]:8080", "http://localhost",
                   "http://127.8.9.10/"}) {
    INFO(url);
    CHECK(check_provider_url(url, "issuer", false));
  }
  for (auto url : {"http://id.example.com", "http://10.0.0.1", "http://localhost.evil.example",
                   "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example", "ftp://x/",
                   "https:", "https:///x", "id.example.com", "", "https://a b/", "//x/y"}) {
    INFO(url);
    auto r = check_provider_url(url, "issuer", false);
    REQUIRE_FALSE(r);
    CHECK(r.error().message.starts_with("issuer "));
  }
  CHECK(check_provider_url("http://id.internal", "issuer", true));
  CHECK_FALSE(check_provider_url("ftp://id.internal", "issuer", true));
}

TEST_CASE("the document's place follows from the issuer", "[auth]") {
  CHECK(discovery_url("https://a/b") == "https://a/b/.well-known/openid-configuration");
  CHECK(discovery_url("https://a/") == "https://a/.well-known/openid-configuration");
}
