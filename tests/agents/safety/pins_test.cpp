#include "agents/safety/pins.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

agent_tool tool_of(std::string service, std::string hash) {
  agent_tool one;
  one.service = std::move(service);
  one.name = "t";
  one.hash = std::move(hash);
  return one;
}

} // namespace

TEST_CASE("what a service says of its tools is pinned, and this server's own words are not",
          "[agents]") {
  json::object kept{{"mail/t", "old"}, {"@agents of desk/t", "old"}, {":builtin/t", "old"}};
  const state_view state{json::value(json::object{{"pins", std::move(kept)}})};
  CHECK(is_changed(state, "mail", "t", "new"));
  CHECK_FALSE(is_changed(state, "mail", "t", "old"));
  CHECK_FALSE(is_changed(state, "web", "t", "new"));
  CHECK_FALSE(is_changed(state, "@agents of desk", "t", "new"));
  CHECK_FALSE(is_changed(state, ":builtin", "t", "new"));
  const auto added =
    new_pins(state, {tool_of("mail", "new"), tool_of("web", "new"), tool_of("@functions", "new"),
                     tool_of("@hand_off", "new"), tool_of("@agents of lead", "new"),
                     tool_of(":results", "new")});
  CHECK(added == json::object{{"web/t", "new"}});
}
