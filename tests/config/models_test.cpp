#include "config/config.hpp"
#include "config/json_schema_export.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

loaded_config read(const std::string& text) {
  return parse_config("models:\n" + text, "f.yaml");
}

config valid(const std::string& text) {
  auto c = read(text);
  INFO(text);
  for (const auto& p : c.problems)
    UNSCOPED_INFO(p.text());
  CHECK(c.problems.empty());
  return c.value;
}

// Of a model `m` that is right but for `more`.
std::string fault_of(const std::string& more, const std::string& type = "openai") {
  auto c = read("  m: { type: " + type + ", model: x" + (more.empty() ? "" : ", ") + more + " }");
  for (const auto& p : c.problems)
    UNSCOPED_INFO(p.text());
  REQUIRE(c.problems.size() == 1);
  return c.problems.front().text();
}

const service_options& only_service(const config& c) {
  REQUIRE(c.services.size() == 1);
  return c.services.front();
}

} // namespace

TEST_CASE("limits of a model are budgets, a rate and answers at once", "[config]") {
  auto c =
    valid("  main: { type: openai, model: gpt, prices: { input: 1 }, limits: { cost_per_day: 50,"
          " tokens_per_run: 9, requests_per_minute: 300, concurrency: 40 } }");
  const auto& limits = c.models.by_name.at("main").limits;
  CHECK(limits.cost_per_day == 50);
  CHECK(limits.tokens_per_run == 9);
  CHECK(only_service(c).calls_per_minute == 300);
  CHECK(only_service(c).max_concurrent == 40);
  CHECK(only_service(c).whole_answers);
  auto plain = valid("  main: { type: openai, model: gpt }");
  CHECK_FALSE(only_service(plain).whole_answers);
  CHECK(only_service(plain).calls_per_minute == 0);
}

TEST_CASE("a limit of cost needs prices, which may be 0", "[config]") {
  const std::string limits = "limits: { cost_per_run: 1 }";
  CHECK(fault_of(limits).find("m.limits.cost_per_run: would hold nothing back: models.m has no")
        != std::string::npos);
  valid("  m: { type: openai, model: x, prices: { input: 0 }, " + limits + " }");
}

TEST_CASE("a model is its options, and a service that no node can name", "[config]") {
  auto c =
    valid("  main: { type: openai, model: gpt, key: env:K, parameters: { temperature: 0.5 },"
          " timeout: 20s, total_timeout: 3m, max_concurrent: 3, max_retries: 4, longest_wait: 7s,"
          " max_answer_bytes: 4096, prices: { input: 1.5, cached_input: 0.1,"
          " cache_write: 2, output: 6 } }");
  REQUIRE(c.models.by_name.size() == 1);
  const auto& m = c.models.by_name.at("main");
  CHECK(m.name == "main");
  CHECK(m.type == model_type::openai);
  CHECK(m.model == "gpt");
  CHECK(dump(m.parameters) == R"({"temperature":0.5})");
  CHECK(m.max_retries == 4);
  CHECK(m.longest_wait == 7s);
  CHECK(m.max_answer_bytes == 4096);
  CHECK(m.prices.input == 1.5);
  CHECK(m.prices.cached_input == 0.1);
  CHECK(m.prices.cache_write == 2);
  CHECK(m.prices.output == 6);
  const auto& s = only_service(c);
  CHECK(s.name == model_service("main"));
  CHECK(s.own);
  CHECK(s.url == "https://api.openai.com/v1");
  CHECK(s.timeout == 20s);
  CHECK(s.total_timeout == 3min);
  CHECK(s.max_concurrent == 3);
  CHECK(s.credential.from == credential_source::server);
  CHECK(s.credential.inject == credential_rule{});
  REQUIRE(c.server_keys.size() == 1);
  CHECK(c.server_keys.front().service == s.name);
  CHECK(c.server_keys.front().reference == "env:K");
  CHECK(c.server_keys.front().key == "models.main.key");
}

TEST_CASE("each provider has its address and gets its key as it wants it", "[config]") {
  auto said = [](const std::string& more) {
    const auto c = valid("  m: { model: x, key: env:K, " + more + " }");
    return only_service(c).url + " " + to_string(only_service(c).credential.inject);
  };
  CHECK(said("type: openai") == "https://api.openai.com/v1 bearer");
  CHECK(said("type: anthropic") == "https://api.anthropic.com header:x-api-key");
  CHECK(said("type: gemini") == "https://generativelanguage.googleapis.com header:x-goog-api-key");
  CHECK(said("type: openai_chat, server: openrouter") == "https://openrouter.ai/api/v1 bearer");
  CHECK(said("type: openai_chat, server: azure, base_url: https://r.openai.azure.com/openai/v1")
        == "https://r.openai.azure.com/openai/v1 header:api-key");
  CHECK(said("type: anthropic, base_url: https://proxy.example/a")
        == "https://proxy.example/a header:x-api-key");
}

TEST_CASE("without a key a model's calls carry none", "[config]") {
  const auto c = valid("  m: { type: openai_chat, model: x, base_url: http://127.0.0.1:11434/v1,"
                       " allow_http: true, allow_private: true }");
  CHECK_FALSE(only_service(c).takes_credential());
  CHECK(only_service(c).allow_private);
  CHECK(c.server_keys.empty());
}

TEST_CASE("a model server nearby needs leave, which the fault names", "[config]") {
  const auto said = [](const std::string& url) {
    const auto c = parse_config(
      "models:\n  m: { type: openai_chat, model: x, allow_http: true, base_url: '" + url + "' }",
      "f.yaml");
    return c.problems.empty() ? std::string() : c.problems.front().text();
  };
  const std::string fault = "f.yaml:2: models.m.base_url: leads to this machine or a private "
                            "network: that needs allow_private: true";
  CHECK(said("http://127.0.0.1:11434/v1") == fault);
  CHECK(said("http://localhost:11434/v1") == fault);
  CHECK(said("https://[::1]/v1") == fault);
  CHECK(said("https://192.168.1.2") == fault);
  CHECK(said("https://models.example/v1").empty());
  CHECK(said("https://8.8.8.8/v1").empty());
}

TEST_CASE("a model's key can be each user's own", "[config]") {
  const auto c = valid("  m: { type: gemini, model: x,"
                       " key: { from: secrets, name: google, store: team } }");
  const auto& s = only_service(c);
  CHECK(s.credential.from == credential_source::secrets);
  CHECK(s.credential_name() == "google");
  CHECK(s.credential.store == "team");
  CHECK(to_string(s.credential.inject) == "header:x-goog-api-key");
  CHECK(c.server_keys.empty());
}

TEST_CASE("models and services with credentials are as many as a run may use", "[config]") {
  const auto found = [](int count) {
    std::string text = "server: { listen: 127.0.0.1:1 }\nsecrets: { master_key: env:M }\nmodels:\n";
    for (int i = 0; i < count; ++i)
      text += "  m" + std::to_string(i)
              + ": { type: openai, model: x, key: { from: secrets, name: k } }\n";
    const auto c = parse_config(text, "f.yaml");
    REQUIRE(c.problems.empty());
    return contradictions(c.value, c.places);
  };
  CHECK(found(256).empty());
  const auto one = found(257);
  REQUIRE(one.size() == 1);
  CHECK(one.front().text().find("more than 256 services and models take a credential")
        != std::string::npos);
}

TEST_CASE("a users' key without a store is a fault at the model", "[config]") {
  const std::string head = "server: { listen: 127.0.0.1:1 }\n";
  auto c = parse_config(
    head + "models:\n  m: { type: openai, model: x, key: { from: secrets, name: k } }", "f.yaml");
  REQUIRE(c.problems.empty());
  auto found = contradictions(c.value, c.places);
  REQUIRE(found.size() == 1);
  CHECK(found.front().text().starts_with("f.yaml:3: models.m: takes its credential from secrets"));
  c = parse_config(
    head
      + "models:\n  m:\n    type: openai\n    model: x\n"
        "    key: { from: secrets, name: k, store: s }\nsecrets: { master_key: env:M }",
    "f.yaml");
  REQUIRE(c.problems.empty());
  found = contradictions(c.value, c.places);
  REQUIRE(found.size() == 1);
  CHECK(found.front().text() == "f.yaml:6: models.m.key.store: there is no 's' in secrets.others");
}

TEST_CASE("a compatible server's differences can be changed one by one", "[config]") {
  const auto c = valid("  m: { type: openai_chat, model: x, base_url: https://a.example,"
                       " differs: { max_tokens_key: max_tokens, reasoning_key: thoughts,"
                       " path: '/c?api-version=1',"
                       " images: false } }");
  const auto& differs = c.models.by_name.begin()->second.differs;
  CHECK(differs.max_tokens_key == "max_tokens");
  CHECK(differs.reasoning_key == "thoughts");
  CHECK(differs.path == "/c?api-version=1");
  CHECK_FALSE(differs.images);
  CHECK(differs.stream_usage);
  const auto known = valid("  m: { type: openai_chat, server: deepseek, model: x,"
                           " differs: { images: true } }");
  CHECK(known.models.by_name.at("m").differs.reasoning_key == "reasoning_content");
  CHECK(known.models.by_name.at("m").differs.images);
}

TEST_CASE("what is wrong with a model is said with its place", "[config]") {
  CHECK(fault_of("key: sk-123").starts_with("f.yaml:2: models.m.key: must be a reference"));
  CHECK(fault_of("key: sk-123").find("sk-123") == std::string::npos);
  CHECK(fault_of("key: { from: secrets }") == "f.yaml:2: models.m.key: lacks the key 'name'");
  CHECK(fault_of("", "openai_chat") == "f.yaml:2: models.m: lacks the key 'base_url'");
  CHECK(fault_of("", "llama").starts_with("f.yaml:2: models.m.type: 'llama' is none of: openai,"));
  CHECK(fault_of("server: lama", "openai_chat, base_url: https://a.example")
          .starts_with("f.yaml:2: models.m.server: 'lama' is none of: azure,"));
  CHECK(fault_of("base_url: http://a.example")
        == "f.yaml:2: models.m.base_url: plain http needs allow_http: true");
  CHECK(fault_of("base_url: http://127.0.0.1:11434/v1")
        == "f.yaml:2: models.m.base_url: plain http needs allow_http: true, and this machine or a "
           "private network allow_private: true");
  CHECK(fault_of("base_url: https://a.example, differs: { path: chat }", "openai_chat")
          .starts_with("f.yaml:2: models.m.differs.path: must begin with '/'"));
  CHECK(fault_of("timeout: 1h").starts_with("f.yaml:2: models.m.timeout: must be between"));
  CHECK(fault_of("server: vllm").starts_with("f.yaml:2: models.m.server: unknown key"));
  CHECK(fault_of("tempreture: 1").starts_with("f.yaml:2: models.m.tempreture: unknown key"));
  CHECK(fault_of("parameters: { stream: false }")
          .starts_with("f.yaml:2: models.m.parameters: must not hold 'stream'"));
  CHECK(fault_of("fallback: [spare]")
        == "f.yaml:2: models.m.fallback: there is no model 'spare' in `models`; there are: m");
  CHECK(fault_of("fallback: m") == "f.yaml:2: models.m.fallback: names 'm' itself");
}

TEST_CASE("all faults of models are told at once", "[config]") {
  auto c = read("  a: { model: x }\n"
                "  b: { type: openai }\n"
                "  c c: { type: openai, model: x }\n"
                "  d:\n"
                "  e: { type: openai, model: x, fallback: [f, f] }\n"
                "  f: { type: openai, model: x, fallback: [g] }\n"
                "  g: { type: openai, model: x, fallback: [f] }\n");
  std::vector<std::string> keys;
  for (const auto& p : c.problems)
    keys.push_back(p.where.substr(7) + " " + p.key);
  CHECK(keys
        == std::vector<std::string>{"2 models.a", "3 models.b", "4 models.c c", "5 models.d",
                                    "6 models.e.fallback"});
}

TEST_CASE("fallbacks may share one that comes after them", "[config]") {
  const auto c = valid("  a: { type: openai, model: x, fallback: [b, c] }\n"
                       "  b: { type: openai, model: x, fallback: [c] }\n"
                       "  c: { type: openai, model: x }\n");
  CHECK(c.models.by_name.begin()->second.fallback == std::vector<std::string>{"b", "c"});
}

TEST_CASE("a service of a model's service's name is a fault", "[config]") {
  auto c = parse_config("services: { model-m: { base_url: https://a.example } }\n"
                        "models: { m: { type: openai, model: x } }",
                        "f.yaml");
  REQUIRE(c.problems.size() == 1);
  CHECK(c.problems.front().key == "models.m");
}

TEST_CASE("the schema takes a model's key as a reference or as a mapping", "[config]") {
  const auto schema = config_schema();
  const auto& model = schema.at("properties").at("models").at("additionalProperties").as_object();
  CHECK(dump(model.at("required")) == R"(["model","type"])");
  const auto& keys = model.at("properties").as_object();
  CHECK(dump(keys.at("key").at("type")) == R"(["object","string"])");
  CHECK(keys.at("key").at("pattern") == "^(file|env):");
  CHECK(keys.at("key").at("properties").as_object().contains("store"));
  for (const auto* key : {"server", "differs", "base_url", "prices", "parameters", "fallback"})
    CHECK(keys.contains(key));
}
