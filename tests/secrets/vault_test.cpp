// Vault's protocol with scripted replies: what is sent, and what each status means.
#include "runtime/base/guarded_memory.hpp"
#include "runtime/base/json.hpp"
#include "secrets/secret_json.hpp"
#include "secrets/vault.hpp"
#include "secrets/vault_path.hpp"
#include "tests/support/catch.hpp"

#include <deque>
#include <functional>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const principal_key alice{"acme", "https://id.example.com", "alice"};
const principal_key bob{"acme", "https://id.example.com", "bob"};
const auto t0 = from_micros(1'700'000'000'000'000);
const std::string jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";

// A call as Vault would see it.
struct seen_call {
  std::string method, url, body, vault_token, name_space;
  bool marked = false;
  std::chrono::milliseconds delay{0};
};

secret_reply reply(unsigned status, std::string_view body = {}, header_list headers = {}) {
  return {status, std::move(headers), std::make_shared<const wiped_string>(body)};
}

secret_reply token_reply(std::string_view token, int seconds, bool renewable = false,
                         int uses = 0) {
  json::object auth{{"client_token", token},
                    {"lease_duration", seconds},
                    {"renewable", renewable},
                    {"num_uses", uses}};
  return reply(200, dump(json::object{{"auth", auth}}));
}

secret_reply entry_reply(const json::object& entry, int version = 3) {
  return reply(
    200, dump(json::object{{"data", {{"data", entry}, {"metadata", {{"version", version}}}}}}));
}

const json::object github_entry{{"token", "gho_canary"}};

class vault_fixture {
public:
  vault_options options;
  std::unique_ptr<vault_store> store;
  std::vector<seen_call> calls;

  vault_fixture() {
    options.address = "https://vault.example.com:8200";
    options.role = "behalf-user";
  }

  void use_approle() {
    options.login = vault_login_kind::approle;
    options.role_id = std::make_shared<const secret>("role-id");
    options.secret_id = std::make_shared<const secret>("secret-id");
  }

  vault_store& vault() {
    if (!store)
      store = vault_store::create(options).value();
    return *store;
  }

  static inbound_token_ptr token() { return std::make_shared<const inbound_token>(jwt); }

  // Runs a task against these replies; every one of them must be used.
  result<secret_answer> run(std::unique_ptr<secret_task> task,
                            std::deque<result<secret_reply>> replies, time_point now = t0) {
    auto step = task->start(now);
    while (auto* call = std::get_if<secret_call>(&step)) {
      record(*call);
      if (replies.empty()) {
        FAIL("an unexpected call: " << call->method << " " << call->url);
      }
      auto next = std::move(replies.front());
      replies.pop_front();
      step = task->resume(std::move(next), now);
    }
    CHECK(replies.empty());
    return std::get<result<secret_answer>>(std::move(step));
  }

  result<secret_answer> read(std::deque<result<secret_reply>> replies, time_point now = t0) {
    return run(vault().read({alice, "github"}, token()), std::move(replies), now);
  }

private:
  void record(const secret_call& c) {
    seen_call s{c.method, c.url, {}, {}, {}, false, c.delay};
    if (c.body)
      s.body = c.body->view();
    for (const auto& [name, value] : c.secret_headers) {
      if (name == "X-Vault-Token")
        s.vault_token = value->expose();
    }
    if (const auto* ns = find_header(c.headers, "X-Vault-Namespace"))
      s.name_space = *ns;
    s.marked = find_header(c.headers, "X-Vault-Request") != nullptr;
    CHECK(find_header(c.headers, "X-Vault-Token") == nullptr);
    calls.push_back(std::move(s));
  }
};

} // namespace

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
  vault().forget(alice);
  REQUIRE(read({token_reply("hvs.alice3", 600), entry_reply(github_entry)}, t0 + 598s));
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

TEST_CASE_METHOD(vault_fixture, "without the user's token nothing is read, but a kept one serves",
                 "[secrets][vault]") {
  auto absent = run(vault().read({alice, "github"}, nullptr), {});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == errc::denied);
  CHECK(absent.error().kind == "needs_login");
  CHECK(calls.empty());
  REQUIRE(read({token_reply("hvs.a", 600), entry_reply(github_entry)}));
  CHECK(run(vault().read({alice, "github"}, nullptr), {entry_reply(github_entry)}));
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
  CHECK(gone.error().message.find("connection refused") != std::string::npos);
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
  CHECK(read({fail(errc::timeout, "no answer")}).error().code == errc::overloaded);
}

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

TEST_CASE_METHOD(vault_fixture, "references are read as the server, with AppRole only",
                 "[secrets][vault]") {
  CHECK(run(vault().read_reference("secret/data/app", "key"), {}).error().code
        == errc::invalid_argument);
  store.reset();
  use_approle();
  auto answer = run(vault().read_reference("/secret/data/app", "key"),
                    {token_reply("hvs.app", 600), entry_reply({{"key", "v"}, {"token", "no"}})});
  CHECK(answer.value().found->value.expose() == "v");
  CHECK(calls[1].url.ends_with("/v1/secret/data/app"));
  CHECK_FALSE(run(vault().read_reference("secret/../sys/x", "key"), {}));
  CHECK_FALSE(run(vault().read_reference("secret/data/x?list=true", "key"), {}));
  CHECK_FALSE(run(vault().read_reference("secret/data/app", "key"),
                  {entry_reply({{"token", "another field"}})}));
}

TEST_CASE_METHOD(vault_fixture, "the wire request carries secrets only where they are wiped",
                 "[secrets][vault]") {
  auto task = vault().read({alice, "github"}, token());
  auto login = std::get<secret_call>(task->start(t0));
  auto wire = to_wire(login, vault().policy(), "vault|alice").value();
  CHECK(wire.call.body.empty());
  CHECK(wire.call.url.find(jwt) == std::string::npos);
  for (const auto& [name, value] : wire.call.headers)
    CHECK(value.find(jwt) == std::string::npos);
  CHECK(wire.secret_body->view().find(jwt) != std::string_view::npos);
  CHECK(wire.secret_reply);
  CHECK(wire.pool_key == "vault|alice");
  CHECK_FALSE(wire.credential);

  auto reading = std::get<secret_call>(task->resume(token_reply("hvs.a", 600), t0));
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
