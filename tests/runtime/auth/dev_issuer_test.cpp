#include "runtime/auth/dev_issuer.hpp"
#include "runtime/auth/mapping.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const auto noon = from_micros(1'700'000'000'000'000);
// RFC 7636 appendix B.
constexpr auto verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr auto challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
constexpr auto callback = "http://127.0.0.1:5000/cb?x=1";

dev_issuer_options options() {
  dev_issuer_options o;
  o.issuer = "http://127.0.0.1:2024/dev";
  o.users = {
    {"alice", "alice", "Alice A.", "alice@example.com", {"threads:read"}, {{"team", "red"}}},
    {"bob", "bob", {}, {}, {}, {}}};
  return o;
}

dev_issuer issuer(dev_issuer_options o = options()) {
  return {std::move(o), signing_key::generate().value()};
}

form_fields request(std::string_view uri = callback) {
  return {{"response_type", "code"},          {"client_id", "app"},
          {"redirect_uri", std::string(uri)}, {"state", "s t&1+/="},
          {"code_challenge", challenge},      {"code_challenge_method", "S256"},
          {"scope", "openid profile"},        {"nonce", "n1"}};
}

form_fields app(form_fields form, std::string_view name, std::string_view value) {
  for (auto& [key, v] : form)
    if (key == name)
      v = value;
  return form;
}
form_fields without(form_fields form, std::string_view name) {
  std::erase_if(form, [&](const auto& f) { return f.first == name; });
  return form;
}

std::string header(const issuer_reply& r, std::string_view name) {
  const auto* v = find_header(r.headers, name);
  return v ? *v : std::string();
}

std::string between(std::string_view text, std::string_view from, std::string_view to) {
  auto a = text.find(from);
  if (a == text.npos)
    return {};
  a += from.size();
  return std::string(text.substr(a, text.find(to, a) - a));
}

std::string login_id(const issuer_reply& page) {
  return between(page.body, "name=\"request\" value=\"", "\"");
}

std::string get_code(dev_issuer& i, time_point when = noon) {
  auto page = i.authorize(request(), when);
  REQUIRE(page.status == 200);
  auto back =
    i.login({{"request", login_id(page)}, {"username", "alice"}, {"password", "alice"}}, when);
  REQUIRE(back.status == 303);
  auto code = between(header(back, "Location"), "code=", "&");
  REQUIRE(code.size() == 64);
  return code;
}

form_fields exchange(std::string_view code) {
  return {{"grant_type", "authorization_code"},
          {"code", std::string(code)},
          {"redirect_uri", callback},
          {"client_id", "app"},
          {"code_verifier", verifier}};
}

json::object body(const issuer_reply& r) {
  return parse_json(r.body).value().as_object();
}

std::string oauth_error(const issuer_reply& r) {
  CHECK(r.status == 400);
  CHECK(header(r, "Cache-Control") == "no-store");
  const auto said = body(r);
  return std::string(string_or(said, "error"));
}

} // namespace

TEST_CASE("a login with PKCE ends in a token our own server accepts", "[auth]") {
  auto i = issuer();
  auto page = i.authorize(request(), noon);
  auto back =
    i.login({{"request", login_id(page)}, {"username", "alice"}, {"password", "alice"}}, noon);
  CHECK(back.status == 303);
  auto to = header(back, "Location");
  CHECK(to.starts_with("http://127.0.0.1:5000/cb?x=1&code="));
  CHECK(to.find("&state=s%20t%261%2B%2F%3D") != std::string::npos);
  CHECK(to.find("&iss=http%3A%2F%2F127.0.0.1%3A2024%2Fdev") != std::string::npos);
  auto reply = i.token(exchange(between(to, "code=", "&")), noon + 59s);
  REQUIRE(reply.status == 200);
  auto token = body(reply);
  CHECK(token.at("token_type") == "Bearer");
  CHECK(token.at("expires_in") == 3600);
  auto keys = key_set::parse(i.jwks()).value();
  auto proven = verify(string_or(token, "access_token"), i.rules(), keys, noon + 60s);
  REQUIRE(proven);
  auto who = to_principal(*proven, {}).value();
  CHECK(who.identity == "alice");
  CHECK(who.display_name == "Alice A.");
  CHECK(who.has("threads:read"));
  CHECK(proven->all.at("team") == "red");
  CHECK(proven->all.at("client_id") == "app");
  CHECK_FALSE(verify(string_or(token, "access_token"), i.rules(), keys, noon + 2h));
  auto info = i.userinfo(string_or(token, "access_token"), noon + 60s);
  REQUIRE(info);
  CHECK(info->at("email") == "alice@example.com");
}

TEST_CASE("the ID token is for the client, and our server does not take it", "[auth]") {
  auto i = issuer();
  auto token = body(i.token(exchange(get_code(i)), noon));
  auto id = string_or(token, "id_token");
  REQUIRE_FALSE(id.empty());
  auto keys = key_set::parse(i.jwks()).value();
  auto r = verify(id, i.rules(), keys, noon);
  REQUIRE_FALSE(r);
  auto as_client = i.rules();
  as_client.audiences = {"app"};
  as_client.allow_generic_jwt_typ = true;
  CHECK(verify(id, as_client, keys, noon).error().message == "the token is no access token");
  auto payload = between(id, ".", ".");
  auto said = parse_json(base64url_decode(payload).value()).value();
  CHECK(said.at("aud") == "app");
  CHECK(said.at("nonce") == "n1");
}

TEST_CASE("a code is good once, for a minute, for its client, URI and verifier", "[auth]") {
  auto i = issuer();
  auto code = get_code(i);
  CHECK(i.token(exchange(code), noon).status == 200);
  CHECK(oauth_error(i.token(exchange(code), noon)) == "invalid_grant");
  code = get_code(i);
  CHECK(oauth_error(i.token(exchange(code), noon + 60s)) == "invalid_grant");
  const form_fields wrong[]{
    app(exchange(""), "client_id", "other"),
    app(exchange(""), "redirect_uri", "http://127.0.0.1:5001/cb?x=1"),
    app(exchange(""), "code_verifier", std::string(43, 'a')),
    app(exchange(""), "code_verifier", challenge),
    without(exchange(""), "code_verifier"),
    without(exchange(""), "client_id"),
    without(exchange(""), "redirect_uri"),
  };
  for (const auto& form : wrong) {
    auto mine = get_code(i);
    CHECK(oauth_error(i.token(app(form, "code", mine), noon)) == "invalid_grant");
    CHECK(oauth_error(i.token(exchange(mine), noon)) == "invalid_grant"); // one attempt only
  }
  for (auto guess : {"", "0", "' OR 1=1"})
    CHECK(oauth_error(i.token(exchange(guess), noon)) == "invalid_grant");
}

TEST_CASE("a wrong password shows the page again, the right one goes on", "[auth]") {
  auto i = issuer();
  auto page = i.authorize(request(), noon);
  auto id = login_id(page);
  for (const auto& [user, password] :
       std::initializer_list<std::pair<const char*, const char*>>{{"alice", "bob"},
                                                                  {"alice", ""},
                                                                  {"nobody", ""},
                                                                  {"", ""},
                                                                  {"alice", "alice "},
                                                                  {"Alice", "alice"}}) {
    auto again = i.login({{"request", id}, {"username", user}, {"password", password}}, noon);
    CHECK(again.status == 401);
    CHECK(login_id(again) == id);
    CHECK(again.body.find("User or password is wrong.") != std::string::npos);
  }
  CHECK(i.login({{"request", id}, {"username", "bob"}, {"password", "bob"}}, noon).status == 303);
  auto used = i.login({{"request", id}, {"username", "bob"}, {"password", "bob"}}, noon);
  CHECK(used.status == 400);
  auto late = login_id(i.authorize(request(), noon));
  CHECK(i.login({{"request", late}, {"username", "bob"}, {"password", "bob"}}, noon + 10min).status
        == 400);
}

TEST_CASE("only this machine gets a code by default", "[auth]") {
  auto i = issuer();
  for (auto uri : {"http://127.0.0.1/", "http://127.0.0.1:1/x", "http://localhost:3000/cb",
                   "http://[::1]:8080/cb"}) {
    INFO(uri);
    CHECK(i.authorize(request(uri), noon).status == 200);
  }
  for (auto uri : {"",
                   "x",
                   "https://evil.example/cb",
                   "http://evil.example/cb",
                   "http://127.0.0.1.evil.example/cb",
                   "http://localhost.evil.example/cb",
                   "http://127.0.0.1@evil.example/cb",
                   "http://127.0.0.1:80@evil.example/cb",
                   "http://localhost:3000/cb#frag",
                   "javascript:alert(1)",
                   "http://[::1]evil.example/cb",
                   "//127.0.0.1/cb",
                   "http://127.0.0.1\\@evil.example/",
                   "http://127.0.0.1:80 .evil.example/",
                   "http://128.0.0.1/",
                   "http://0.0.0.0/",
                   "ftp://127.0.0.1/",
                   "http://127.1/",
                   "http://2130706433/",
                   "http://localhost:0/"}) {
    INFO(uri);
    auto r = i.authorize(request(uri), noon);
    CHECK(r.status == 400);
    CHECK(header(r, "Location").empty()); // never sent on
    CHECK(r.body.find("redirect_uri") != std::string::npos);
  }
}

TEST_CASE("registered URIs match exactly, loopback ones on any port", "[auth]") {
  auto o = options();
  o.redirect_uris = {"https://app.example.com/cb", "http://127.0.0.1/callback",
                     "com.example.app:/cb"};
  auto i = issuer(o);
  for (auto uri : {"https://app.example.com/cb", "http://127.0.0.1/callback",
                   "http://127.0.0.1:53211/callback", "com.example.app:/cb"})
    CHECK(i.authorize(request(uri), noon).status == 200);
  for (auto uri : {"https://app.example.com/cb/", "https://app.example.com/CB",
                   "https://app.example.com:444/cb", "https://app.example.com/cb?x=1",
                   "https://app.example.com/cb/../evil", "http://app.example.com/cb",
                   "http://127.0.0.1:1/other", "http://127.0.0.1:1/callback?x",
                   "http://localhost:1/callback", "http://127.0.0.1.evil.example/callback"}) {
    INFO(uri);
    CHECK(i.authorize(request(uri), noon).status == 400);
  }
}

TEST_CASE("other faults of an authorization request go back to the client", "[auth]") {
  auto i = issuer();
  const std::pair<form_fields, const char*> faults[]{
    {app(request(), "response_type", "token"), "unsupported_response_type"},
    {without(request(), "response_type"), "unsupported_response_type"},
    {without(request(), "code_challenge"), "invalid_request"},
    {app(request(), "code_challenge", "short"), "invalid_request"},
    {app(request(), "code_challenge_method", "plain"), "invalid_request"},
    {without(request(), "code_challenge_method"), "invalid_request"},
  };
  for (const auto& [form, error] : faults) {
    auto r = i.authorize(form, noon);
    CHECK(r.status == 303);
    CHECK(between(header(r, "Location"), "error=", "&") == error);
    CHECK(header(r, "Location").find("state=s%20t%261%2B%2F%3D") != std::string::npos);
  }
  auto twice = request();
  twice.emplace_back("redirect_uri", "https://evil.example");
  CHECK(i.authorize(twice, noon).status == 400);
  CHECK(i.authorize(without(request(), "client_id"), noon).status == 400);
  auto o = options();
  o.client_ids = {"known"};
  auto strict = issuer(o);
  CHECK(strict.authorize(request(), noon).status == 400);
  CHECK(strict.authorize(app(request(), "client_id", "known"), noon).status == 200);
}

TEST_CASE("the page can neither be framed nor filled with markup", "[auth]") {
  auto i = issuer();
  auto page = i.authorize(app(request(), "client_id", "<script>\"'&"), noon);
  CHECK(page.body.find("<script") == std::string::npos);
  CHECK(page.body.find("&lt;script&gt;&quot;&#39;&amp;") != std::string::npos);
  CHECK(header(page, "Content-Security-Policy").find("frame-ancestors 'none'")
        != std::string::npos);
  CHECK(header(page, "Referrer-Policy") == "no-referrer");
  CHECK(header(page, "Cache-Control") == "no-store");
  for (auto outside : {"src=", "href=", "@import", "url("})
    CHECK(page.body.find(outside) == std::string::npos);
}

TEST_CASE("the password grant serves the command line", "[auth]") {
  auto i = issuer();
  form_fields form{{"grant_type", "password"}, {"username", "bob"}, {"password", "bob"}};
  auto reply = i.token(form, noon);
  REQUIRE(reply.status == 200);
  auto keys = key_set::parse(i.jwks()).value();
  const auto given = body(reply);
  auto proven = verify(string_or(given, "access_token"), i.rules(), keys, noon);
  REQUIRE(proven);
  CHECK(proven->subject == "bob");
  CHECK_FALSE(body(reply).contains("id_token"));
  CHECK(oauth_error(i.token(app(form, "password", "alice"), noon)) == "invalid_grant");
  CHECK(oauth_error(i.token(without(form, "username"), noon)) == "invalid_grant");
  CHECK(oauth_error(i.token(without(form, "grant_type"), noon)) == "invalid_request");
  CHECK(oauth_error(i.token(app(form, "grant_type", "implicit"), noon))
        == "unsupported_grant_type");
  form.emplace_back("username", "alice");
  CHECK(oauth_error(i.token(form, noon)) == "invalid_request");
}

TEST_CASE("another issuer's token is worth nothing here", "[auth]") {
  auto i = issuer();
  auto keys = key_set::parse(i.jwks()).value();
  auto stranger = issuer();
  form_fields form{{"grant_type", "password"}, {"username", "bob"}, {"password", "bob"}};
  const auto given = body(stranger.token(form, noon));
  const auto token = string_or(given, "access_token");
  CHECK(stranger.userinfo(token, noon));
  CHECK_FALSE(verify(token, i.rules(), keys, noon));
  CHECK(i.userinfo(token, noon).error().code == errc::unauthenticated);
  CHECK(i.userinfo("", noon).error().code == errc::unauthenticated);
}

TEST_CASE("the discovery document names what is there", "[auth]") {
  auto d = issuer().discovery();
  CHECK(d.at("issuer") == "http://127.0.0.1:2024/dev");
  CHECK(d.at("jwks_uri") == "http://127.0.0.1:2024/dev/jwks");
  CHECK(d.at("token_endpoint") == "http://127.0.0.1:2024/dev/token");
  CHECK(d.at("code_challenge_methods_supported") == json::value(json::array{"S256"}));
}

TEST_CASE("logins that nobody finishes are bounded", "[auth]") {
  auto i = issuer();
  for (int n = 0; n < 1000; ++n)
    REQUIRE(i.authorize(request(), noon).status == 200);
  CHECK(i.authorize(request(), noon).status == 503);
  CHECK(i.authorize(request(), noon + 10min).status == 200);
}
