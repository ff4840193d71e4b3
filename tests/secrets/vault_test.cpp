// Vault's protocol with scripted replies: logging in, keeping and renewing tokens, and what each
// status means.
#include "tests/secrets/vault_fixture.hpp"

using namespace behalf;
using namespace behalf::vault_script;

TEST_CASE_METHOD(vault_fixture, "a user's token opens Vault, and Vault's token reads the entry",
                 "[secrets][vault]") {
  auto answer = read({token_reply("hvs.alice", 600), entry_reply(github_entry)});
  REQUIRE(answer);
  CHECK(answer->found->value.expose() == "gho_canary");
  CHECK(answer->found->generation == 3);
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].method == "POST");
  CHECK(calls[0].url == "https://vault.example.com:8200/v1/auth/jwt/login");
  CHECK(parse_json(calls[0].body).value() == json::value{{"role", "behalf-user"}, {"jwt", jwt}});
  CHECK(calls[0].vault_token.empty());
  CHECK(calls[0].marked);
  CHECK(calls[1].method == "GET");
  CHECK(calls[1].url == "https://vault.example.com:8200/v1/secret/data/users/alice/github");
  CHECK(calls[1].vault_token == "hvs.alice");
  CHECK(calls[1].body.empty());
  CHECK(calls[1].marked);
}

TEST_CASE_METHOD(vault_fixture, "AppRole, mount, namespace and a path prefix go where they belong",
                 "[secrets][vault]") {
  use_approle();
  options.mount = "/teams/app/";
  options.name_space = "org/unit";
  options.address = "http://127.0.0.1:8200/vault/";
  REQUIRE(read({token_reply("hvs.app", 600), entry_reply(github_entry)}));
  CHECK(calls[0].url == "http://127.0.0.1:8200/vault/v1/auth/teams/app/login");
  CHECK(parse_json(calls[0].body).value()
        == json::value{{"role_id", "role-id"}, {"secret_id", "secret-id"}});
  CHECK(calls[1].url == "http://127.0.0.1:8200/vault/v1/secret/data/users/alice/github");
  CHECK(calls[1].name_space == "org/unit");
  auto policy = vault().policy();
  REQUIRE(policy.allowed.size() == 1);
  CHECK(policy.allowed[0].text() == "http://127.0.0.1:8200");
  CHECK(policy.allow_plain_http);
  CHECK(policy.allow_private);
}

TEST_CASE_METHOD(vault_fixture, "a Vault token is kept per user until it ends, never shared",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.alice", 600), entry_reply(github_entry)}));
  REQUIRE(read({entry_reply(github_entry)}, t0 + 500s));
  CHECK(calls.back().vault_token == "hvs.alice");
  REQUIRE(run(vault().read({bob, "github"}, token()),
              {token_reply("hvs.bob", 600), entry_reply(github_entry)}));
  CHECK(calls.back().vault_token == "hvs.bob");
  REQUIRE(read({token_reply("hvs.alice2", 600), entry_reply(github_entry)}, t0 + 597s));
  CHECK(calls.back().vault_token == "hvs.alice2");
}

TEST_CASE_METHOD(vault_fixture, "a Vault token got before the clock was set back is got anew",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.ahead", 600), entry_reply(github_entry)}, t0 + 24h));
  REQUIRE(read({token_reply("hvs.back", 600), entry_reply(github_entry)}));
  CHECK(calls.back().vault_token == "hvs.back");
}

TEST_CASE_METHOD(vault_fixture, "AppRole's token is one for all users", "[secrets][vault]") {
  use_approle();
  REQUIRE(read({token_reply("hvs.app", 600), entry_reply(github_entry)}));
  REQUIRE(run(vault().read({bob, "github"}, nullptr), {entry_reply(github_entry)}));
  CHECK(calls.back().vault_token == "hvs.app");
}

TEST_CASE_METHOD(vault_fixture, "a renewable token is renewed in its last third",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.a", 600, true), entry_reply(github_entry)}));
  REQUIRE(read({entry_reply(github_entry)}, t0 + 399s));
  REQUIRE(read({token_reply("hvs.a", 600, true), entry_reply(github_entry)}, t0 + 401s));
  CHECK(calls[3].url == "https://vault.example.com:8200/v1/auth/token/renew-self");
  CHECK(calls[3].vault_token == "hvs.a");
  REQUIRE(read({entry_reply(github_entry)}, t0 + 700s));
  // Near its maximum it gets little: used to its end without asking again, then a new login.
  REQUIRE(read({token_reply("hvs.a", 60, true), entry_reply(github_entry)}, t0 + 900s));
  REQUIRE(read({entry_reply(github_entry)}, t0 + 950s));
  REQUIRE(read({token_reply("hvs.b", 600), entry_reply(github_entry)}, t0 + 958s));
  CHECK(calls.back().vault_token == "hvs.b");
}

TEST_CASE_METHOD(vault_fixture, "a failed renewal uses what is left, a refused one logs in",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.a", 600, true), entry_reply(github_entry)}));
  REQUIRE(read({reply(503), entry_reply(github_entry)}, t0 + 450s));
  CHECK(calls.back().vault_token == "hvs.a");
  REQUIRE(read({fail(errc::timeout, "slow"), entry_reply(github_entry)}, t0 + 460s));
  CHECK(calls.back().vault_token == "hvs.a");
  REQUIRE(read({reply(403), token_reply("hvs.b", 600), entry_reply(github_entry)}, t0 + 470s));
  CHECK(calls.back().vault_token == "hvs.b");
}

TEST_CASE_METHOD(vault_fixture, "a token with counted uses is not used once more",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.two", 600, false, 2), entry_reply(github_entry)}));
  REQUIRE(read({entry_reply(github_entry)}));
  REQUIRE(read({token_reply("hvs.new", 600), entry_reply(github_entry)}));
}

TEST_CASE_METHOD(vault_fixture,
                 "nothing is read without the user's token, or with another's session",
                 "[secrets][vault]") {
  auto absent = run(vault().read({alice, "github"}, nullptr), {});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == errc::denied);
  CHECK(absent.error().kind == "needs_login");
  CHECK(calls.empty());
  REQUIRE(read({token_reply("hvs.a", 600), entry_reply(github_entry)}));
  CHECK_FALSE(run(vault().read({alice, "github"}, nullptr), {}));
  auto other = std::make_shared<const inbound_token>("another-token-of-alice");
  CHECK(run(vault().read({alice, "github"}, other),
            {token_reply("hvs.b", 600), entry_reply(github_entry)}));
  CHECK(calls.back().vault_token == "hvs.b");
  CHECK_FALSE(run(vault().read({bob, "github"}, nullptr), {}));
}

TEST_CASE_METHOD(vault_fixture, "403 on a kept token logs in once more; 403 on a new one is final",
                 "[secrets][vault]") {
  auto refused = read({token_reply("hvs.a", 600), reply(403)});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::denied);
  CHECK(read({reply(403), token_reply("hvs.b", 600), entry_reply(github_entry)}));
  CHECK_FALSE(read({reply(403), token_reply("hvs.c", 600), reply(403)}));
}

TEST_CASE_METHOD(vault_fixture, "412 is tried again, each time later, and then given up",
                 "[secrets][vault]") {
  CHECK(read({token_reply("hvs.a", 600), reply(412), reply(412), entry_reply(github_entry)}));
  CHECK(calls[1].delay == 0ms);
  CHECK(calls[2].delay == 100ms);
  CHECK(calls[3].delay == 200ms);
  auto never = read({reply(412), reply(412), reply(412), reply(412)});
  REQUIRE_FALSE(never);
  CHECK(never.error().code == errc::overloaded);
}

TEST_CASE_METHOD(vault_fixture, "each status has its meaning", "[secrets][vault]") {
  struct row {
    unsigned status;
    errc code;
    std::string says, retry_after;
  };
  const row table[] = {
    {404, errc::not_found, "no github token stored", ""},
    {429, errc::overloaded, "rate", "7"},
    {472, errc::overloaded, "disaster recovery", "30"},
    {473, errc::overloaded, "performance standby", "5"},
    {503, errc::overloaded, "sealed", "7"},
    {400, errc::upstream, "400", ""},
    {405, errc::upstream, "405", ""},
    {500, errc::upstream, "500", ""},
    {502, errc::upstream, "502", ""},
    {504, errc::upstream, "504", ""},
    {307, errc::upstream, "redirects", ""},
    {204, errc::upstream, "204", ""},
  };
  REQUIRE(read({token_reply("hvs.a", 600), entry_reply(github_entry)}));
  for (const auto& r : table) {
    INFO(r.status);
    auto body = R"({"errors":["internal detail with hvs.canary"]})";
    auto answer = read({reply(r.status, body, {{"Retry-After", "7"}})});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == r.code);
    CHECK(answer.error().message.find(r.says) != std::string::npos);
    CHECK(answer.error().message.find("hvs.") == std::string::npos);
    auto why = answer.error();
    const auto* after = find_header(why.headers, "Retry-After");
    CHECK((after ? *after : "") == r.retry_after);
  }
  auto gone = read({fail(errc::upstream, "vault.example.com: connection refused")});
  REQUIRE_FALSE(gone);
  CHECK(gone.error().code == errc::overloaded);
  CHECK(http_status(gone.error().code) == 503);
  CHECK(gone.error().message == "Vault cannot be reached"); // where it is stays with the log
}

TEST_CASE_METHOD(vault_fixture, "a login that fails says why", "[secrets][vault]") {
  struct row {
    unsigned status;
    errc code;
    std::string kind;
  };
  const row table[] = {{400, errc::denied, "login_refused"},
                       {403, errc::denied, "login_refused"},
                       {404, errc::upstream, ""},
                       {429, errc::overloaded, ""},
                       {500, errc::upstream, ""},
                       {503, errc::overloaded, ""}};
  for (const auto& r : table) {
    auto answer = read({reply(r.status, R"({"errors":["claims: sub alice-canary"]})")});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == r.code);
    CHECK(answer.error().kind == r.kind);
    CHECK(answer.error().message.find("canary") == std::string::npos);
  }
  for (auto body : {"", "{}", "[]", "not json", R"({"auth":null})", R"({"auth":{}})",
                    R"({"auth":{"client_token":7}})"})
    CHECK(read({reply(200, body)}).error().code == errc::upstream);
  auto away = read({fail(errc::timeout, "https://vault.internal:8200 does not answer")});
  CHECK(away.error().code == errc::overloaded);
  CHECK(away.error().message == "Vault cannot be reached");
}
