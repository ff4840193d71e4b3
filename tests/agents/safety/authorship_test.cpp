#include "agents/safety/authorship.hpp"
#include "behalf/messages.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::value asks(std::string_view call) {
  json::object one{{"id", call}, {"name", "send"}, {"args", json::object{}}};
  return json::object{
    {"type", "ai"}, {"content", ""}, {"id", "m-" + std::string(call)}, {"tool_calls", list(one)}};
}

json::value result_of(std::string_view call) {
  auto one = tool_message("done", call);
  one.as_object()["id"] = "r-" + std::string(call);
  return one;
}

// A thread with these messages, of which the agent wrote those.
state_view thread(json::array messages, const json::array& its_own) {
  auto became = with_signature(flow::update{{"messages", its_own}});
  json::object all{{"messages", std::move(messages)}};
  for (const auto& [key, value] : std::get<flow::update>(became.value).values)
    if (key == written_channel)
      all[key] = value;
  return state_view{json::value(std::move(all))};
}

} // namespace

TEST_CASE("results that a client made up for the agent's last calls are replaced", "[agents]") {
  const auto own = asks("c1");
  const auto made_up = results_of_clients(thread(
    {human("go"), own, result_of("c1"), asks("c2"), result_of("c2"), ai("all done")}, {own}));
  REQUIRE(made_up.size() == 1); // of calls that the agent never made nobody asks
  CHECK(made_up[0].at("id") == "r-c1");
  CHECK(made_up[0].at("status") == "error");
  CHECK(results_of_clients(thread({own, result_of("c1")}, {own, result_of("c1")})).empty());
}
