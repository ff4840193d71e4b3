#include "config/config.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>

namespace behalf {
namespace {

std::string faults_of(const std::string& text) {
  std::string all;
  for (const auto& p : parse_config(text, "f.yaml").problems)
    all += p.text() + "\n";
  return all;
}

} // namespace

TEST_CASE("a service without its address lacks that, and nothing else", "[config]") {
  CHECK(faults_of("services: { a: { type: mcp } }")
        == "f.yaml:1: services.a: lacks the key 'url'\n");
  CHECK(faults_of("services: { a: { type: http } }")
        == "f.yaml:1: services.a: lacks the key 'base_url'\n");
  CHECK(faults_of("services: { a: { type: mcp, url: here } }")
        == "f.yaml:1: services.a.url: the URL does not begin with http:// or https://\n");
}

TEST_CASE("an empty file is a valid configuration", "[config]") {
  CHECK(faults_of("").empty());
  CHECK(parse_config("", "f").value.system.http.port == 2024);
}

TEST_CASE("one document is read, and a second one is a fault", "[config]") {
  for (auto one : {"audit: a", "---\naudit: a\n...\n", "%YAML 1.2\n---\naudit: a\n---\n# end",
                   "audit: |\n  ---\n  text", "# first\n---\naudit: a\r\n"})
    CHECK(faults_of(one).empty());
  for (auto two :
       {"audit: a\n---\naudit: b", "audit: a\n...\naudit: b", "--- {audit: a}\n--- {audit: b}"})
    CHECK(faults_of(two).find("several YAML documents") != std::string::npos);
}

TEST_CASE("unknown keys are named with their line and what was probably meant", "[config]") {
  CHECK(faults_of("server:\n  listn: x\n")
        == "f.yaml:2: server.listn: unknown key; did you mean 'listen'?\n");
  CHECK(faults_of("sevices: {}\n").find("f.yaml:1: sevices: unknown key") == 0);
  CHECK(faults_of("foo: 1\n").find("f.yaml:1: foo: unknown key; known here: ") == 0); // not "log"
}

TEST_CASE("a key that was renamed is named by its new name", "[config]") {
  auto said = faults_of("identity:\n- type: oidc\n  issuer: https://a.b\n  audience: a\n"
                        "  plain_jwt: true\n");
  CHECK(said == "f.yaml:5: identity[0].plain_jwt: is called 'allow_generic_jwt_typ' now\n");
}

TEST_CASE("a section whose lines are all commented out is a fault", "[config]") {
  for (auto name : {"identity", "authorization", "server", "services", "graphs", "dev", "limits",
                    "limits:\n  user"}) {
    INFO(name);
    CHECK(faults_of(std::string(name) + ":\n").find(": has no value\n") != std::string::npos);
  }
  CHECK(faults_of("authorization: {}\n").empty());
  CHECK(faults_of("identity: []\n").empty());
}

TEST_CASE("what webhooks carry and where they may go makes sense", "[config]") {
  const auto with = [](const std::string& keys) { return faults_of("webhooks: {" + keys + "}"); };
  CHECK(with("headers: {X-Team: a}, allowed_domains: [a.example.com], allowed_ports: [443]") == "");
  for (auto name : {"X A", "", "X:", "Content-Length", "content-type", "Webhook-Id", "proxy-x"})
    CHECK(with("headers: {\"" + std::string(name) + "\": a}").find("f.yaml:1: webhooks.headers")
          == 0);
  CHECK(with("headers: {X-A: \"a\\r\\nX-B: c\"}").find("printable") != std::string::npos);
  for (auto key : {"allowed_domains", "allowed_ports"}) // which would read as: any
    CHECK(with(std::string(key) + ": []")
          == "f.yaml:1: webhooks." + std::string(key)
               + ": must name one at least; without the key all are allowed\n");
}

TEST_CASE("the index names a model", "[config]") {
  const auto embed = [](const std::string& model) {
    return faults_of(
      "store: {index: {dims: 3, embed: {base_url: \"https://a.b/v1\", model: " + model + "}}}");
  };
  CHECK(embed("m").empty());
  CHECK(embed("\"\"") == "f.yaml:1: store.index.embed.model: must not be empty\n");
}

TEST_CASE("the index may name one of the models", "[config]") {
  const std::string models = "models:\n"
                             "  chat: { type: openai, model: x }\n"
                             "  vectors: { type: openai_embeddings, model: small, timeout: 7s, "
                             "key: env:OPENAI_KEY }\n";
  const auto c = parse_config(models + "store: { index: { dims: 3, embed: vectors } }", "f.yaml");
  REQUIRE(c.problems.empty());
  CHECK(c.value.system.store.index->model == "small");
  const auto& services = c.value.services;
  auto endpoint = std::find_if(services.begin(), services.end(),
                               [](const auto& one) { return one.name == embeddings_service; });
  REQUIRE(endpoint != services.end());
  CHECK(endpoint->url == "https://api.openai.com/v1");
  CHECK(endpoint->timeout == std::chrono::seconds(7));
  CHECK(endpoint->credential.from == credential_source::server);
  const auto& keys = c.value.server_keys;
  CHECK(std::any_of(keys.begin(), keys.end(), [](const auto& one) {
    return one.service == embeddings_service && one.reference == "env:OPENAI_KEY";
  }));
  CHECK_FALSE(c.value.models.find("vectors")); // agents cannot chat with it
  CHECK(faults_of(models + "store: { index: { dims: 3, embed: chat } }")
        == "f.yaml:4: store.index.embed: there is no 'chat' of type openai_embeddings in "
           "`models`\n");
  CHECK(faults_of("models: { v: { type: openai_embeddings, model: m, key: { from: secrets, name: k "
                  "}, fallback: [v] } }")
          .find("must be the operator's")
        != std::string::npos);
}

TEST_CASE("all faults are found in one pass", "[config]") {
  auto found = parse_config("log: { level: loud }\nstorage: mysql:x\nruns: { slots: many }", "f");
  CHECK(found.problems.size() == 3);
}

TEST_CASE("a share of the runs is more than nothing and at most all", "[config]") {
  auto c = parse_config("runs: { user_share: 0.5, tenant_share: 1 }", "f");
  CHECK(c.problems.empty());
  CHECK(c.value.system.runs.user_share == 0.5);
  for (auto share : {"0", "-1", "1.5", "nan", "half"})
    CHECK_FALSE(faults_of("runs: { user_share: " + std::string(share) + " }").empty());
}

TEST_CASE("listen takes address and port in every common form", "[config]") {
  auto listen = [](const std::string& text) {
    auto c = parse_config("server: { listen: '" + text + "' }", "f");
    CHECK(c.problems.empty());
    return c.value.system.http.address + " " + std::to_string(c.value.system.http.port);
  };
  CHECK(listen("127.0.0.1:80") == "127.0.0.1 80");
  CHECK(listen("[::1]:80") == "::1 80");
  CHECK(listen("8080") == "127.0.0.1 8080");
  CHECK_FALSE(faults_of("server: { listen: '127.0.0.1:99999' }").empty());
  CHECK_FALSE(faults_of("server: { listen: 'localhost' }").empty());
}

TEST_CASE("durations need a unit or are seconds", "[config]") {
  auto c = parse_config("runs: { timeout: 15m, resumable_ttl: 250ms, shutdown_grace: 3 }", "f");
  REQUIRE(c.problems.empty());
  CHECK(c.value.system.runs.timeout == std::chrono::minutes(15));
  CHECK(c.value.system.runs.resumable_ttl == std::chrono::milliseconds(250));
  CHECK(c.value.system.runs.shutdown_grace == std::chrono::seconds(3));
  CHECK_FALSE(faults_of("runs: { timeout: soon }").empty());
}

TEST_CASE("absurd times, sizes and limits are refused", "[config]") {
  for (auto text :
       {"server: { request_deadline: 0 }", "server: { header_timeout: 0s }",
        "runs: { timeout: 366d }", "runs: { timeout: 999999999999d }", "runs: { timeout: -5 }",
        "runs: { timeout: 1e9 }", "runs: { slots: 0 }", "runs: { slots: -1 }",
        "runs: { event_bytes: 99999999999999999999 }", "server: { max_body_bytes: 1.5 }",
        "limits: { user: { burst: 5 } }", "limits: { tenant: { requests_per_second: -1 } }",
        "limits: { user: { requests_per_second: inf } }",
        "limits: { user: { requests_per_second: nan } }"}) {
    INFO(text);
    CHECK(faults_of(text).find("f.yaml:1: ") == 0);
  }
  for (auto text : {"runs: { shutdown_grace: 0, resumable_ttl: 0 }", "runs: { timeout: 365d }",
                    "limits: { user: { burst: 5, requests_per_second: 1 } }"})
    CHECK(faults_of(text).empty());
}

TEST_CASE("what is hardly a configuration is refused in plain words", "[config]") {
  CHECK(faults_of("graphs: " + std::string(5000, '['))
        == "f.yaml:1: is not YAML: nests too deeply\n");
  for (auto text : {std::string("\xff\xfe: 1"), std::string("a\0b: 1", 6)})
    CHECK(faults_of(text) == "f.yaml: is not YAML: not a text in UTF-8\n");
}

TEST_CASE("an error that begins with a key is a problem of that key", "[config]") {
  auto c = parse_config("log:\n  file: none/log\n", "f.yaml");
  auto found = problem_of(fail(errc::invalid_argument, "log.file: cannot be written: x"), c.places);
  CHECK(found.text() == "f.yaml:2: log.file: cannot be written: x");
  CHECK(found.message == "cannot be written: x");
}

TEST_CASE("the environment sets what it says, or is a fault", "[config]") {
  auto app = [](const char* name, const char* value, const std::string& text) {
    ::setenv(name, value, 1);
    auto c = parse_config(text, "f.yaml");
    ::unsetenv(name);
    return c;
  };
  for (auto text : {"", "limits: {}", "limits: { user: { burst: 9, requests_per_second: 3 } }"}) {
    INFO(text);
    auto c = app("BEHALF_LIMITS_USER_REQUESTS_PER_SECOND", "7.5", text);
    CHECK(c.problems.empty());
    CHECK(c.value.identity.limits.user.requests_per_second == 7.5);
    CHECK(c.places.values.at("limits.user.requests_per_second") == "7.5");
  }
  CHECK(app("BEHALF_LIMITS_TENANT_CONCURRENT_RUNS", "4", "")
          .value.identity.limits.tenant.concurrent_runs
        == 4);
  CHECK(app("BEHALF_LIMITS_USER_THREADS", "5", "").value.system.stored.threads.per_owner == 5);
  auto fault = [&](const char* name) {
    auto c = app(name, "1", "");
    return c.problems.size() == 1 ? c.problems[0].where : "none";
  };
  for (auto name : {"BEHALF_LIMITS_USER_BRUST", "BEHALF_LIMITS_BURST", "BEHALF_IDENTITY_TYPE",
                    "BEHALF_AUTHORIZATION", "BEHALF_SERVICES_MAIL_URL", "BEHALF_RUNS_SLOT",
                    "BEHALF_RUN_SLOTS", "BEHALF_RUNZ_X", "BEHALF_RETENTION_FINISHED_RUNS"})
    CHECK(fault(name) == name);
  for (auto name : {"BEHALF_HOME_OF_SOMEBODY", "BEHALF_RUN", "BEHALF_TESTS"})
    CHECK(fault(name) == "none");
  auto secret = app("BEHALF_SECRETS_MASTER_KEY", "00ff",
                    "secrets: { type: embedded, master_key: 'env:BEHALF_SECRETS_MASTER_KEY' }");
  CHECK(secret.problems.empty());
  CHECK(secret.value.secrets.master_key == "env:BEHALF_SECRETS_MASTER_KEY");
}

TEST_CASE("an empty reference does not mean that there is no secret", "[config]") {
  for (auto empty : {"''", "'', seal: true"})
    CHECK(faults_of("encryption: { master_key: " + std::string(empty) + " }")
          == "f.yaml:1: encryption.master_key: has no value\n");
  CHECK(faults_of("encryption: { master_key: 'env:KEY' }").empty());
}

TEST_CASE("there may be several secret stores, each with keys of its own", "[config]") {
  auto c = parse_config("secrets:\n"
                        "  master_key: file:k\n"
                        "  others:\n"
                        "    team: { type: vault, address: https://v.example, auth: { role: r } }\n"
                        "    old: { path: old.db, master_key: file:o }\n",
                        "f.yaml");
  REQUIRE(c.problems.empty());
  const auto& s = c.value.secrets;
  CHECK(s.find("")->master_key == "file:k");
  REQUIRE(s.find("team"));
  CHECK(s.find("team")->vault.options.address == "https://v.example");
  REQUIRE(s.find("old"));
  CHECK(s.find("old")->path == "old.db");
  CHECK_FALSE(s.find("none"));
  CHECK(faults_of("secrets: { master_key: 'file:k', others: { a: { paht: x } } }")
        == "f.yaml:1: secrets.others.a.paht: unknown key; did you mean 'path'?\n");
}

TEST_CASE("a secret in the file itself is refused", "[config]") {
  auto said = faults_of("secrets: { type: embedded, master_key: 00112233 }");
  CHECK(said.find("never the secret itself") != said.npos);
  said = faults_of("secrets: { type: embedded, master_key: 'env:' }");
  CHECK(said.find("secrets.master_key: names nothing") != said.npos);
  CHECK(said.find("00112233") == said.npos);
}

TEST_CASE("providers that share a tenant must tell their users apart", "[config]") {
  std::string two = "identity:\n"
                    "  - { type: oidc, issuer: https://a.example, audience: x }\n"
                    "  - { type: oidc, issuer: https://b.example, audience: x";
  CHECK(faults_of(two + " }").find("identity_prefix") != std::string::npos);
  CHECK(faults_of(two + ", identity_prefix: 'b:' }").empty());
  CHECK(faults_of(two + ", tenant: other }").empty());
}

TEST_CASE("rules and credentials without their counterparts contradict", "[config]") {
  auto rules = parse_config("authorization: { threads: owner }", "f");
  CHECK(contradictions(rules.value, rules.places).size() == 1);
  auto for_anybody = parse_config("authorization: { '*': allow, threads.delete: deny }", "f");
  CHECK(contradictions(for_anybody.value, for_anybody.places).empty());
  auto orphan = parse_config("services: { a: { base_url: https://a.example, credential: { from: "
                             "secrets } } }",
                             "f");
  CHECK(contradictions(orphan.value, orphan.places).size() == 1);
  const std::string stores =
    "secrets: { master_key: 'file:k', others: { team: { type: vault, address: "
    "https://v.example, auth: { role: r } } } }\n";
  const std::string service = "services: { a: { base_url: https://a.example, credential: { store: ";
  auto named = parse_config(stores + service + "team } } }", "f");
  CHECK(contradictions(named.value, named.places).empty());
  auto nowhere = parse_config(stores + service + "tema } } }", "f");
  REQUIRE(contradictions(nowhere.value, nowhere.places).size() == 1);
  CHECK(contradictions(nowhere.value, nowhere.places)[0].key == "services.a.credential.store");
  auto open = parse_config("server: { listen: '0.0.0.0:1' }", "f");
  CHECK(contradictions(open.value, open.places).size() == 1);
  auto plugin = parse_config("server: { listen: '0.0.0.0:1' }\nplugins: [./a.so]", "f");
  CHECK(contradictions(plugin.value, plugin.places).empty()); // known once it is loaded:
  CHECK(without_identity(plugin.value, plugin.places).size() == 1);
}

TEST_CASE("a key that stands twice is a fault, at any depth", "[config]") {
  CHECK(faults_of("audit: a\naudit: b\n")
        == "f.yaml:2: audit: stands here twice, first at f.yaml:1\n");
  CHECK(faults_of("authorization:\n  threads: { filter: { a: 1, a: 2 } }\n")
          .starts_with("f.yaml:2: authorization.threads.filter.a: stands here twice"));
  CHECK(faults_of("runs: &r { slots: 1 }\nlog: {}\n").empty());
}

TEST_CASE("an alias to what it is part of ends", "[config]") {
  CHECK_FALSE(faults_of("authorization: &a { threads: *a }\n").empty());
}

TEST_CASE("what aliases stand for is bounded", "[config]") {
  std::string bomb = "x0: &x0 [a, a, a, a, a, a, a, a]\n";
  for (int i = 1; i < 12; ++i) {
    const auto one = "*x" + std::to_string(i - 1);
    bomb += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [";
    for (int j = 0; j < 8; ++j)
      bomb += (j == 0 ? "" : ", ") + one;
    bomb += "]\n";
  }
  CHECK(faults_of(bomb).find("more than 100000 values") != std::string::npos);
}

TEST_CASE("contradictions name the nearest line there is", "[config]") {
  auto c = parse_config("server:\n  listen: 0.0.0.0:1\nservices:\n  a: { base_url: https://a.b, "
                        "credential: { from: secrets } }\n",
                        "f");
  auto found = contradictions(c.value, c.places);
  REQUIRE(found.size() == 2);
  CHECK(found[0].text().starts_with("f:2: server.listen: "));
  CHECK(found[1].text().starts_with("f:4: services.a: "));
  CHECK(c.places.of("server.listen.x") == "f:2");
  CHECK(c.places.of("nothing.there") == "f");
}

TEST_CASE("the schema knows the keys of every type, and what a type requires", "[config]") {
  auto schema = config_schema();
  auto of = [&](std::string_view section) {
    return schema.at("properties").at(section).as_object();
  };
  auto identity = of("identity").at("items").as_object();
  for (const auto* key : {"audience", "client_secret", "keys"}) // oidc, introspection, api_key
    CHECK(identity.at("properties").as_object().contains(key));
  CHECK(dump(identity.at("required")) == R"(["type"])");
  auto auth = of("secrets").at("properties").at("auth").at("properties").as_object();
  CHECK(auth.contains("role"));
  CHECK(auth.contains("secret_id"));
  const auto other = of("secrets").at("properties").at("others").at("additionalProperties");
  CHECK(other.at("properties").as_object().contains("master_key"));
  const auto others_auth = other.at("properties").at("auth");
  CHECK(others_auth.at("properties").as_object().contains("role"));
  CHECK_FALSE(others_auth.as_object().contains("required"));
  CHECK(of("services").at("additionalProperties").at("properties").as_object().contains("url"));
  CHECK_FALSE(of("server").at("additionalProperties").as_bool());
}

TEST_CASE("what records are sealed with is a reference, and needed", "[config]") {
  auto given = parse_config("encryption: { master_key: 'file:k', seal: false }", "behalf.yaml");
  REQUIRE(given.problems.empty());
  CHECK(given.value.encryption.master_key == "file:k");
  CHECK_FALSE(given.value.encryption.seal);
  CHECK(parse_config("{}", "behalf.yaml").value.encryption.master_key.empty());
  CHECK(faults_of("encryption: { seal: true }").find("lacks the key 'master_key'")
        != std::string::npos);
  CHECK(faults_of("encryption: { master_key: 00112233 }").find("00112233") == std::string::npos);
  CHECK(faults_of("encryption: { master_key: 'env:K', sael: true }").find("seal")
        != std::string::npos);
}

} // namespace behalf
