#include "config/reload.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

// The keys that changed; one that needs a restart ends in `!`.
std::string told(const config_places& before, const config_places& after) {
  std::string all;
  for (const auto& c : changes(before, after))
    all += (all.empty() ? "" : " ") + c.key + (c.live ? "" : "!");
  return all;
}
std::string changed(const std::string& before, const std::string& after) {
  auto was = parse_config(before, "f"), is = parse_config(after, "f");
  REQUIRE(was.problems.empty());
  REQUIRE(is.problems.empty());
  return told(was.places, is.places);
}

} // namespace

TEST_CASE("what changed in a file is told key by key", "[config]") {
  CHECK(changed("runs: { slots: 3 }", "runs: { slots: 3 }").empty());
  CHECK(changed("runs: { slots: 3 }", "runs:\n  slots: 3 # the same").empty());
  CHECK(changed("runs: { slots: 3 }", "runs: { slots: 4 }") == "runs.slots!");
  CHECK(changed("", "log: { level: debug }") == "log.level");
  CHECK(changed("log: { level: debug }", "") == "log.level");
  CHECK(changed("server: { cors: { allow_origins: [a, b] } }",
                "server: { cors: { allow_origins: [a] } }")
        == "server.cors.allow_origins[1]!");
  CHECK(changed("authorization: { threads: owner }", "authorization: { threads: deny }")
        == "authorization.threads");
  CHECK(changed("limits: { user: { concurrent_runs: 1, requests_per_second: 1 } }",
                "limits: { user: { concurrent_runs: 2, requests_per_second: 2 } }")
        == "limits.user.concurrent_runs! limits.user.requests_per_second");
  for (auto text :
       {"limits: { shape: { names: 500 } }", "log: { access: true }",
        "server: { cors: { allow_origins: [a] } }", "limits: { tenant: { concurrent_runs: 2 } }"}) {
    INFO(text);
    CHECK(changed("", text).ends_with('!'));
  }
}

TEST_CASE("only what holds at once makes known callers unknown", "[config]") {
  auto concerns = [](const std::string& after) {
    return concern_callers(changes(parse_config("", "f").places, parse_config(after, "f").places));
  };
  CHECK(concerns("limits: { user: { requests_per_second: 2 } }"));
  CHECK(concerns("identity: [{ type: oidc, issuer: 'https://a.example', audience: b }]"));
  // These are told at every reload until a restart.
  CHECK_FALSE(concerns("limits: { user: { concurrent_runs: 2, threads: 3 } }"));
  CHECK_FALSE(concerns("limits: { shape: { names: 500 } }"));
  CHECK_FALSE(concerns("log: { level: debug }"));
}

TEST_CASE("what needs a restart is told until there was one", "[config]") {
  auto read = [](const std::string& text) { return parse_config(text, "f").places; };
  const auto first = read("log: { level: info, access: false }");
  const auto second = read("log: { level: debug, access: true }");
  CHECK(told(first, second) == "log.access! log.level");
  const auto runs_by = taken_over(first, second);
  CHECK(told(runs_by, second) == "log.access!");
  CHECK(told(runs_by, first) == "log.level");
  CHECK(told(taken_over(runs_by, first), first).empty());
}

TEST_CASE("a file that lost what closes the server, or everything, is told", "[config]") {
  const std::string before =
    "authorization: { threads: owner }\n"
    "identity: [{ type: oidc, issuer: 'https://a.example', audience: b }]\n"
    "models: { m: { type: openai, model: x } }\n"
    "agents: { a: { model: m } }\n"
    "runs: { slots: 3 }\n";
  const auto loses = [&](const std::string& after) {
    return lost(parse_config(before, "f").places, parse_config(after, "f").places);
  };
  const auto without = [&](const std::string& line) {
    const auto at = before.find(line);
    return before.substr(0, at) + before.substr(before.find('\n', at) + 1);
  };
  CHECK(loses(before).empty());
  CHECK(loses("") == "the file");
  CHECK(loses("# nothing\n") == "the file");
  CHECK(loses(without("authorization")) == "authorization");
  CHECK(loses(without("authorization") + "authorization:\n") == "authorization");
  CHECK(loses(without("identity")).empty()); // who callers are cannot change to nobody anyway
  CHECK(loses(without("agents")) == "agents");
  CHECK(loses(without("runs")).empty());
  CHECK(lost(parse_config("", "f").places, parse_config("", "f").places).empty());
}

} // namespace behalf
