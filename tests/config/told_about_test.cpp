#include "config/told_about.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

const std::string later = "asked about once strangers' words and private data were read";

std::string told(const tool_source& source, tainted_calls rule = tainted_calls::ask) {
  agent_options agent;
  agent.rule_of_two = rule;
  agent_tool tool{{"send", "", {}}, "mail", "send", {}, {}};
  tool.approval = approval_of(source, tool.name, tool.hints).value();
  return told_about(agent, source, tool);
}

tool_condition when(tool_rule rule) {
  json::object to{{"const", "bob"}};
  json::object properties{{"to", std::move(to)}};
  return {rule, "send", {{"properties", std::move(properties)}}};
}

const std::string to_bob = R"( when its arguments match {"properties":{"to":{"const":"bob"}}})";

} // namespace

TEST_CASE("what is said of a tool is what becomes of its calls", "[config]") {
  tool_source free{"mail", {"send"}}, asked{"mail", {}, {"send"}};
  CHECK(told(free) == "called at once; " + later);
  CHECK(told(asked) == "asked about");
  CHECK(told(free, tainted_calls::off) == "called at once");
  CHECK(told(asked, tainted_calls::deny)
        == "asked about; refused once strangers' words and private data were read");
  free.reads = {"send"};
  CHECK(told(free) == "called at once");
}

TEST_CASE("conditions are told with the tool that has them, and with no other", "[config]") {
  tool_source free{"mail", {"send"}}, named_in_conditions{"mail"}, asked{"mail", {}, {"send"}};
  free.conditions = {when(tool_rule::ask), when(tool_rule::deny)};
  CHECK(told(free, tainted_calls::off)
        == "called at once, but asked about" + to_bob + ", refused" + to_bob);
  named_in_conditions.conditions = {when(tool_rule::allow)};
  CHECK(told(named_in_conditions) == "asked about, but called at once" + to_bob + "; " + later);
  asked.conditions = {when(tool_rule::allow)}; // `ask` is stronger
  CHECK(told(asked) == "asked about");
  asked.conditions = {{tool_rule::deny, "erase", {}}};
  CHECK(told(asked) == "asked about");
}
