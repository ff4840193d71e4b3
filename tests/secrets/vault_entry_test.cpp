// What is read from and written to Vault, and where: entries, paths, options, the wire.
#include "runtime/base/guarded_memory.hpp"
#include "secrets/secret_json.hpp"
#include "secrets/vault_path.hpp"
#include "tests/secrets/vault_fixture.hpp"

#include <functional>

using namespace behalf;
using namespace behalf::vault_script;

TEST_CASE_METHOD(vault_fixture, "an entry's fields are read as configured", "[secrets][vault]") {
  auto answer = read({token_reply("hvs.a", 600), entry_reply({{"password", "pw"},
                                                              {"username", "al"},
                                                              {"expires_at", iso8601(t0 + 1h)},
                                                              {"scopes", "a  b"}})});
  REQUIRE(answer);
  CHECK(answer->found->value.expose() == "pw");
  CHECK(answer->found->username == "al");
  CHECK(answer->found->expires_at == t0 + 1h);
  CHECK(answer->found->scopes == std::vector<std::string>{"a", "b"});
  for (const auto& when : {json::value(1'700'003'600), json::value("1700003600")}) {
    auto numeric = read({entry_reply({{"token", "t"}, {"expires_at", when}, {"scopes", {"x"}}})});
    REQUIRE(numeric);
    CHECK(numeric->found->expires_at == t0 + 1h);
    CHECK(numeric->found->scopes == std::vector<std::string>{"x"});
  }
  auto expired = read({entry_reply({{"token", "t"}, {"expires_at", 1'700'000'000}})});
  REQUIRE_FALSE(expired);
  CHECK(expired.error().kind == "expired");
  for (const auto& bad : {json::value("soon"), json::value(-1), json::value(1e300),
                          json::value(json::array{}), json::value("99999999999999999999")})
    CHECK(read({entry_reply({{"token", "t"}, {"expires_at", bad}})}).error().code
          == errc::upstream);
  auto empty = read({entry_reply({{"other", "x"}})});
  CHECK(empty.error().code == errc::not_found);
  CHECK(empty.error().message.find("token") != std::string::npos);
  CHECK_FALSE(read({entry_reply({{"token", 7}})}));
}

TEST_CASE_METHOD(vault_fixture, "an answer that is no KV version 2 entry is refused",
                 "[secrets][vault]") {
  REQUIRE(read({token_reply("hvs.a", 600), entry_reply(github_entry)}));
  for (auto body : {"", "null", "[1]", "{", R"({"data":{"token":"version 1"}})",
                    R"({"data":{"data":null}})", R"({"data":{"data":"x"}})"}) {
    auto answer = read({reply(200, body)});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == errc::upstream);
  }
}

TEST_CASE_METHOD(vault_fixture, "a write checks and sets the version", "[secrets][vault]") {
  stored_credential what;
  what.value = secret{"pa\"ss"};
  what.username = "al";
  what.expires_at = t0 + 1h;
  what.scopes = {"a", "b"};
  auto written = run(vault().write({alice, "github"}, std::move(what), 4, token()),
                     {token_reply("hvs.a", 600), reply(200, R"({"data":{"version":5}})")});
  CHECK(written.value().generation == 5);
  CHECK(calls[1].method == "POST");
  CHECK(calls[1].url.ends_with("/v1/secret/data/users/alice/github"));
  CHECK(parse_json(calls[1].body).value()
        == json::value{{"options", {{"cas", 4}}},
                       {"data",
                        {{"password", "pa\"ss"},
                         {"username", "al"},
                         {"expires_at", iso8601(t0 + 1h)},
                         {"scopes", {"a", "b"}}}}});

  auto plain = [] {
    stored_credential c;
    c.value = secret{"tok"};
    return c;
  };
  auto any = run(vault().write({alice, "github"}, plain(), {}, token()),
                 {reply(200, R"({"data":{"version":6}})")});
  CHECK(any.value().generation == 6);
  CHECK(parse_json(calls[2].body).value() == json::value{{"data", {{"token", "tok"}}}});
  auto lost = run(
    vault().write({alice, "github"}, plain(), 0, token()),
    {reply(400, R"({"errors":["check-and-set parameter did not match the current version"]})")});
  CHECK(lost.error().code == errc::conflict);
  CHECK(run(vault().write({alice, "github"}, plain(), 0, token()), {reply(400, "{}")}).error().code
        == errc::upstream);
}

TEST_CASE_METHOD(vault_fixture, "a delete removes all versions, a list names the entries",
                 "[secrets][vault]") {
  CHECK(run(vault().erase({alice, "github"}, token()), {token_reply("hvs.a", 600), reply(204)}));
  CHECK(calls[1].method == "DELETE");
  CHECK(calls[1].url.ends_with("/v1/secret/metadata/users/alice/github"));
  CHECK(run(vault().erase({alice, "github"}, token()), {reply(404)}).error().code
        == errc::not_found);
  auto list = run(vault().list(alice, token()),
                  {reply(200, R"({"data":{"keys":["github","jira","folder/"]}})")});
  REQUIRE(list);
  CHECK(calls.back().url.ends_with("/v1/secret/metadata/users/alice?list=true"));
  REQUIRE(list->list.size() == 2);
  CHECK(list->list[1].service == "jira");
  CHECK(run(vault().list(alice, token()), {reply(404)}).value().list.empty());
  CHECK_FALSE(run(vault().list(alice, token()), {reply(200, "{}")}));
}

TEST_CASE_METHOD(vault_fixture, "subjects that could leave their folder never reach Vault",
                 "[secrets][vault]") {
  for (std::string subject : {"", ".", "..", "a/b", "../bob", "a\\b", "a\nb", "\x7f"}) {
    auto who = alice;
    who.subject = subject;
    auto answer = run(vault().read({who, "github"}, token()), {});
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == errc::denied);
  }
  CHECK(calls.empty());
  auto odd = alice;
  odd.subject = "auth0|5 %?#ä";
  CHECK(run(vault().read({odd, "github"}, token()),
            {token_reply("hvs.a", 600), entry_reply(github_entry)}));
  CHECK(calls.back().url.ends_with("/users/auth0%7C5%20%25%3F%23%C3%A4/github"));
}

TEST_CASE("a Vault path must name user and service, of a version 2 engine", "[secrets][vault]") {
  for (auto good : {"secret/data/users/{subject}/{service}", "/a/b/data/{subject_sha256}/{service}",
                    "kv/data/{tenant}/{principal_sha256}/x/{service}"})
    CHECK(vault_path::parse(good, false));
  for (auto bad : {"", "secret/users/{subject}/{service}", "/data/{subject}/{service}",
                   "secret/data/{service}", "secret/data/{subject}",
                   "secret/data/{subject}/{service}/{nonsense}",
                   "secret/data/{subject}/{service}/{", "secret/data/{}/{subject}/{service}"}) {
    auto path = vault_path::parse(bad, false);
    REQUIRE_FALSE(path);
    CHECK(path.error().code == errc::invalid_argument);
  }
  CHECK_FALSE(vault_path::parse("secret/data/{subject}/{service}", true));
  auto both = vault_path::parse("secret/data/{issuer_sha256}/{subject}/{service}", true).value();
  auto other = alice;
  other.issuer = "https://other.example.com";
  CHECK(both.data({alice, "s"}).value() != both.data({other, "s"}).value());
  auto hashed = vault_path::parse("kv/data/{principal_sha256}/{service}", true).value();
  other = {"t", "i", "../../x"};
  CHECK(hashed.data({other, "s"}).value().size() == std::string_view{"kv/data//s"}.size() + 64);
  CHECK_FALSE(hashed.data({other, "../s"}));
  CHECK_FALSE(vault_path::parse("kv/data/{service}/{subject}", false)->folder(alice));
}

TEST_CASE("options that cannot work are refused by name", "[secrets][vault]") {
  vault_options good;
  good.address = "https://vault.example.com";
  REQUIRE(vault_store::create(good));
  const std::function<void(vault_options&)> faults[] = {
    [](vault_options& o) { o.address = ""; },
    [](vault_options& o) { o.address = "vault.example.com"; },
    [](vault_options& o) { o.address = "https://user:pw@vault.example.com"; },
    [](vault_options& o) { o.address = "https://vault.example.com?x=1"; },
    [](vault_options& o) { o.mount = "../sys"; },
    [](vault_options& o) { o.mount = "a b"; },
    [](vault_options& o) { o.name_space = "x\r\nY: z"; },
    [](vault_options& o) { o.value_field = ""; },
    [](vault_options& o) { o.path = "secret/data/x"; },
    [](vault_options& o) { o.login = vault_login_kind::approle; },
  };
  for (const auto& fault : faults) {
    auto options = good;
    fault(options);
    auto made = vault_store::create(options);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == errc::invalid_argument);
    CHECK(made.error().message.find("Vault") != std::string::npos);
  }
  CHECK_FALSE(vault_store::create(good, true));
}

TEST_CASE_METHOD(vault_fixture, "the wire request carries secrets only where they are wiped",
                 "[secrets][vault]") {
  auto operation = vault().read({alice, "github"}, token());
  auto login = std::get<secret_call>(operation->start(t0));
  auto wire = to_wire(login, vault().policy(), "vault|alice").value();
  CHECK(wire.call.body.empty());
  CHECK(wire.call.url.find(jwt) == std::string::npos);
  for (const auto& [name, value] : wire.call.headers)
    CHECK(value.find(jwt) == std::string::npos);
  CHECK(wire.secret_body->view().find(jwt) != std::string_view::npos);
  CHECK(wire.secret_reply);
  CHECK(wire.pool_key == "vault|alice");
  CHECK_FALSE(wire.credential);

  auto reading = std::get<secret_call>(operation->resume(token_reply("hvs.a", 600), t0));
  wire = to_wire(reading, vault().policy(), "vault|alice").value();
  wiped_string head;
  wire.credential->write_head(head);
  CHECK(head.view() == "X-Vault-Token: hvs.a\r\n");
  CHECK_FALSE(find_header(wire.call.headers, "X-Vault-Token"));
  auto back = from_wire({.status = 200}, std::make_shared<const wiped_string>("{}"));
  CHECK(back.status == 200);
  CHECK(back.body->view() == "{}");

  reading.secret_headers[0].second = std::make_shared<const secret>("a\r\nb");
  CHECK_FALSE(to_wire(reading, vault().policy(), "x"));
}

TEST_CASE("JSON with secrets is parsed into guarded memory", "[secrets][vault]") {
  auto v =
    parse_secret_json(R"({"token":"a value too long to lie inside the object itself"})").value();
  const auto& text = v.at("token").as_string();
  CHECK(text == "a value too long to lie inside the object itself");
  CHECK(is_guarded(text.data()));
  CHECK(is_guarded(&v.at("token")));
  CHECK_FALSE(parse_secret_json("{\"token\":\"x\""));
  CHECK_FALSE(parse_secret_json(""));
  CHECK_FALSE(parse_secret_json("{} trailing"));
  CHECK(parse_secret_json("{bad canary}").error().message.find("canary") == std::string::npos);
}
