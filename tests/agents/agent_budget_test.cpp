// A declared agent whose budget is spent.
#include "agents/models/model_options.hpp"
#include "agents/models/spending.hpp"
#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "testing/run_driver.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("an agent without a budget left says so, and asks nobody", "[agents]") {
  agent_options helper;
  helper.name = "helper";
  helper.model = "main";
  helper.limits.spending.tokens_per_run = 5;
  auto models = std::make_shared<model_directory>();
  models->by_name["main"].name = "main";
  kept_checkpoints thread;
  run_driver driver{make_agent(helper).value(), thread};
  driver.models = models;
  driver.spending = std::make_shared<run_spending>(std::make_shared<day_spending>(), "acme",
                                                   "acme/alice", "helper");
  int asked = 0;
  driver.answer = [&](const effect&) -> effect_reply {
    ++asked;
    return fail(errc::upstream, "nobody is there");
  };
  json::object input{{"messages", list(human("what is longer than five tokens"))}};
  driver.input(std::move(input)).run();
  CHECK_FALSE(driver.outcome->is_failure());
  CHECK(asked == 0);
  const auto values = driver.values();
  const auto& messages = values.at("messages").as_array();
  REQUIRE(messages.size() == 2);
  CHECK(messages.back().at("type") == "ai");
  CHECK(text_of(messages.back()).starts_with("The budget of one run of agent helper"));
}
