#include "config/reload.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

// The keys that changed; one that needs a restart ends in `!`.
std::string changed(const std::string& before, const std::string& after) {
  std::string all;
  auto was = parse_config(before, "f"), is = parse_config(after, "f");
  REQUIRE(was.problems.empty());
  REQUIRE(is.problems.empty());
  for (const auto& c : changes(was.places, is.places))
    all += (all.empty() ? "" : " ") + c.key + (c.live ? "" : "!");
  return all;
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
  for (auto text : {"limits: { shape: { names: 500 } }", "log: { access: true }"}) {
    INFO(text);
    CHECK(changed("", text).ends_with('!'));
  }
}

} // namespace behalf
