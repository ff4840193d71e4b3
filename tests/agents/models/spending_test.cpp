#include "agents/models/model_options.hpp"
#include "agents/models/spending.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using std::chrono::hours;

namespace {

// 1 a token, in both directions.
model_options model(spending_limits limits = {}) {
  model_options one;
  one.name = "main";
  one.prices.input = one.prices.output = 1e6;
  one.limits = limits;
  return one;
}

spending_agent helper(spending_limits limits) {
  return {"helper", limits};
}

usage_figures used(int64_t input, int64_t output) {
  return figures_of({input, output}, static_cast<double>(input + output));
}

struct bench {
  time_point at = from_micros(0) + hours{24 * 10 + 1};
  std::shared_ptr<day_spending> days = std::make_shared<day_spending>(
    std::set<std::string, std::less<>>{"agent helper"}, [this] { return at; });

  std::shared_ptr<run_spending> run(const std::string& user, const std::string& tenant = "acme",
                                    const json::object& before = {}) const {
    return std::make_shared<run_spending>(days, tenant, tenant + "/" + user, "graph", before);
  }
};

// Whether there was room; what the request came to is as it was estimated.
bool spend(run_spending& run, const spending_agent& agent, int64_t tokens) {
  auto answer = run.reserve(model(), &agent, {tokens});
  if (answer.place)
    answer.place->settle(used(tokens, 0));
  return answer.place.has_value();
}

} // namespace

TEST_CASE("a run has its budget, and so has the next", "[spending]") {
  bench b;
  const auto agent = helper({.tokens_per_run = 100});
  auto run = b.run("alice");
  CHECK(spend(*run, agent, 60));
  CHECK(spend(*run, agent, 40));
  auto refused = run->reserve(model(), &agent, {1});
  CHECK_FALSE(refused.place);
  CHECK(refused.limit == "tokens_per_run");
  CHECK(refused.refused.code == errc::too_many);
  CHECK(refused.refused.kind == budget_spent);
  CHECK(refused.refused.message
        == "The budget of one run of agent helper has no room for another answer (100 tokens, of "
           "which 100 are used).");
  CHECK(spend(*b.run("alice"), agent, 100));
  CHECK_FALSE(spend(*b.run("alice"), agent, 101)); // before it is sent
}

TEST_CASE("what was used ends a budget, however small the next estimate", "[spending]") {
  bench b;
  const auto agent = helper({.tokens_per_run = 100});
  auto run = b.run("alice");
  auto answer = run->reserve(model(), &agent, {10});
  answer.place->settle(used(10, 500));
  CHECK_FALSE(run->reserve(model(), &agent, {}).place);
}

TEST_CASE("a user's budget is the user's, and begins anew with the day", "[spending]") {
  bench b;
  const auto agent = helper({.cost_per_user_per_day = 100});
  CHECK(spend(*b.run("alice"), agent, 60));
  auto refused = b.run("alice")->reserve(model(), &agent, {41});
  CHECK(refused.limit == "cost_per_user_per_day");
  CHECK(refused.refused.message
        == "Your budget for today of agent helper has no room for another answer (100, of which 60 "
           "are used). It starts anew at 00:00 UTC.");
  CHECK(refused.refused.headers.at(0).second == std::to_string(23 * 3600 + 1));
  CHECK(spend(*b.run("bob"), agent, 100));
  CHECK(spend(*b.run("alice", "other"), agent, 100));
  b.at += hours{24};
  CHECK(spend(*b.run("alice"), agent, 100));
}

TEST_CASE("what others spent counts for the tenant, and is not told", "[spending]") {
  bench b;
  const auto agent = helper({.cost_per_tenant_per_day = 100});
  CHECK(spend(*b.run("bob"), agent, 99));
  auto refused = b.run("alice")->reserve(model(), &agent, {2});
  CHECK(refused.limit == "cost_per_tenant_per_day");
  CHECK(refused.refused.message.find("99") == std::string::npos);
  CHECK(spend(*b.run("alice", "other"), agent, 100));
}

TEST_CASE("requests that are under way have their room, no more", "[spending]") {
  bench b;
  const auto agent = helper({.tokens_per_user_per_day = 100});
  auto first = b.run("alice")->reserve(model(), &agent, {50, 10});
  REQUIRE(first.place);
  CHECK_FALSE(b.run("alice")->reserve(model(), &agent, {50}).place);
  {
    auto second = b.run("alice")->reserve(model(), &agent, {40});
    CHECK(second.place);
  } // it was never sent
  first.place->settle(used(5, 5));
  CHECK(spend(*b.run("alice"), agent, 90));
  CHECK_FALSE(spend(*b.run("alice"), agent, 1));
}

TEST_CASE("limits of a model bound who asks without an agent, too", "[spending]") {
  bench b;
  auto run = b.run("alice");
  const auto main = model({.cost_per_day = 10});
  run->reserve(main, nullptr, {9}).place->settle(used(9, 0));
  CHECK(b.run("bob")->reserve(main, nullptr, {2}).limit == "cost_per_day");
  CHECK(run->totals().at("agents").as_object().contains("graph"));
}

TEST_CASE("a start goes on with what was spent before", "[spending]") {
  bench b;
  const auto today = b.days->today();
  b.days->load(today, "acme", "acme/alice", "main", "helper", used(90, 0));
  b.days->load(today - 1, "acme", "acme/alice", "main", "helper", used(90, 0));
  const auto agent = helper({.tokens_per_user_per_day = 100});
  CHECK_FALSE(spend(*b.run("alice"), agent, 11));
  CHECK(spend(*b.run("alice"), agent, 10));
  CHECK(spend(*b.run("bob"), agent, 100));
}

TEST_CASE("a run tells what it used, and what is not stored of it", "[spending]") {
  bench b;
  auto run = b.run("alice");
  CHECK(run->totals().empty());
  CHECK(run->take_unsaved().empty());
  const auto agent = helper({.tokens_per_run = 1000});
  CHECK(spend(*run, agent, 10));
  CHECK(spend(*run, agent, 20));
  run->reserve(model(), nullptr, {}).place->settle(used(1, 2));
  auto totals = run->totals();
  const auto& main = totals.at("models").at("main").as_object();
  CHECK(main.at("requests") == 3);
  CHECK(main.at("total_tokens") == 33);
  CHECK(totals.at("agents").at("helper").at("input_tokens") == 30);
  CHECK(totals.at("cost").as_double() == Approx(33));
  auto unsaved = run->take_unsaved();
  REQUIRE(unsaved.size() == 2);
  CHECK(unsaved[0].agent == "helper");
  CHECK(unsaved[0].used.requests == 2);
  CHECK(run->take_unsaved().empty());
  run->put_back(std::move(unsaved));
  CHECK(run->take_unsaved().size() == 2);

  // After a stop of the server.
  auto later = b.run("alice", "acme", totals);
  CHECK(later->totals() == totals);
  CHECK_FALSE(spend(*later, helper({.tokens_per_run = 35}), 6));
  CHECK(spend(*later, helper({.tokens_per_run = 36}), 6));
}

TEST_CASE("a user's calls of tools are counted by day", "[spending]") {
  bench b;
  b.days->load(b.days->today(), "acme", "acme/alice", "main", "helper", {.tool_calls = 1});
  auto run = b.run("alice");
  CHECK(run->take_tool_call("main", "helper", 3));
  CHECK(b.run("alice")->take_tool_call("main", "helper", 3));
  CHECK_FALSE(run->take_tool_call("main", "helper", 3));
  CHECK_FALSE(b.run("alice")->take_tool_call("main", "helper", 3));
  CHECK(b.run("bob")->take_tool_call("main", "helper", 3));
  CHECK(run->take_tool_call("main", "other", 3));
  CHECK(run->take_tool_call("main", "helper", 0)); // no limit
  CHECK(run->totals().at("agents").at("helper").at("tool_calls") == 2);
  const auto unsaved = run->take_unsaved();
  REQUIRE(unsaved.size() == 2);
  CHECK(unsaved[0].used.tool_calls == 2);
  CHECK(unsaved[0].used.requests == 0);
  b.at += hours{24};
  CHECK(run->take_tool_call("main", "helper", 1));
}

TEST_CASE("figures are bounded, whatever a provider counts", "[spending]") {
  const auto most = figures_of({int64_t{1} << 62, -5}, 1e300);
  CHECK(most.input == 1'000'000'000'000);
  CHECK(most.output == 0);
  CHECK(most.cost == 1'000'000'000'000'000);
  CHECK(figures_of({}, -1).cost == 0);
}

TEST_CASE("a question's tokens are estimated by its text, media by the piece", "[spending]") {
  const std::string long_text(40'000, 'x');
  CHECK(tokens_in(parse_json(R"({"type":"human","content":"12345678"})").value()) == 3);
  json::object text{{"content", long_text}};
  CHECK(tokens_in(text) == 10'000);
  json::object image{{"type", "image"}, {"base64", long_text}};
  json::object message{{"content", {image}}};
  CHECK(tokens_in(message) < 1'010);
  CHECK(tokens_in(image) > 10'000); // in arguments, say
  json::object file{{"type", "file"}, {"base64", long_text}, {"mime_type", "application/pdf"}};
  json::object with_file{{"content", {file}}};
  CHECK(tokens_in(with_file) < 700);
  with_file.at("content").at(0).at("mime_type") = "text/plain";
  CHECK(tokens_in(with_file) >= 10'000);
}
