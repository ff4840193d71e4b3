#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/plugin.hpp"
#include "behalf/testing.hpp"
#include "behalf/tools.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using texts = std::vector<std::string>;

namespace function_tools_test {

struct place {
  std::string city;
  std::optional<int> zip;
};
BOOST_DESCRIBE_STRUCT(place, (), (city, zip))

struct trip {
  place to;
  std::vector<std::string> guests;
  double budget;
  bool refundable;
};
BOOST_DESCRIBE_STRUCT(trip, (), (to, guests, budget, refundable))

struct sum {
  int64_t a, b;
};
BOOST_DESCRIBE_STRUCT(sum, (), (a, b))

} // namespace function_tools_test

namespace {

using namespace function_tools_test;

function_tool adder() {
  auto add = tool("add", "Adds two numbers", [](const sum& in) { return in.a + in.b; });
  add.hints.read_only = true;
  return add;
}

function_tool failing() {
  return tool("fail", "",
              [](const sum&) -> result<json::value> { return fail(errc::upstream, "no luck"); });
}

function_tool throwing() {
  return tool("throw", "", [](const sum&) -> json::value { throw std::runtime_error("oh"); });
}

function_tool fetching() {
  return tool("fetch", "", [](context ctx, const place& in) -> coroutine<result<json::value>> {
    auto reply = co_await ctx.service("cities").get("/" + in.city);
    if (!reply)
      co_return reply.error();
    co_return reply->body;
  });
}

texts tool_messages(const testing::outcome& out) {
  texts all;
  for (const auto& one : out.state.at("messages").as_array())
    if (one.at("type") == "tool")
      all.push_back(std::string(one.at("status").as_string()) + ": " + text_of(one));
  return all;
}

} // namespace

TEST_CASE("a tool's schema is that of its described arguments", "[agents][tools]") {
  CHECK(json::value(schema_of<trip>()) == json::parse(R"({"type": "object",
    "properties": {
      "to": {"type": "object", "properties": {"city": {"type": "string"}, "zip": {"type": "integer"}},
             "required": ["city"], "additionalProperties": false},
      "guests": {"type": "array", "items": {"type": "string"}},
      "budget": {"type": "number"}, "refundable": {"type": "boolean"}},
    "required": ["to", "guests", "budget", "refundable"], "additionalProperties": false})"));
  auto add = adder();
  add.argument("a", "the first");
  CHECK(add.what.schema.at("properties").at("a").at("description") == "the first");
  CHECK_THROWS_AS(add.argument("c", "none"), std::invalid_argument);
}

TEST_CASE("arguments are read into their struct, or it is said what does not fit",
          "[agents][tools]") {
  auto given = json::parse(
    R"({"to": {"city": "Bonn"}, "guests": ["a", "b"], "budget": 7, "refundable": true})");
  const auto read = value_as<trip>(given);
  REQUIRE(read);
  CHECK(read->to.city == "Bonn");
  CHECK_FALSE(read->to.zip);
  CHECK(read->guests == texts{"a", "b"});
  CHECK(read->budget == 7.0);
  CHECK(read->refundable);
  given.at("to").as_object()["zip"] = 1e12;
  CHECK(value_as<trip>(given).error().message == "to: zip: expected a number that fits");
  given.at("to") = nullptr;
  CHECK(value_as<trip>(given).error().message == "to: expected an object");
  given.as_object().erase("to");
  CHECK(value_as<trip>(given).error().message == "to: expected a value");
}

TEST_CASE("an agent calls functions; those that do not only read are asked about",
          "[agents][tools]") {
  agent_options o;
  o.name = "helper";
  o.model = "main";
  for (auto one : {adder(), failing(), throwing(), fetching()})
    o.functions.push_back(
      {one, one.what.name == "add" ? function_use::rule::by_hints : function_use::rule::allow});
  SECTION("whatever becomes of them is told to the model") {
    testing::graph_runner runner{make_agent(o)};
    runner.service("cities").answers("GET /Bonn", {{"size", 300}});
    runner.model("main")
      .calls({{"add", {{"a", 1}, {"b", 2}}},
              {"add", {{"a", "x"}}},
              {"fail", {{"a", 1}, {"b", 2}}},
              {"throw", {{"a", 1}, {"b", 2}}},
              {"fetch", {{"city", "Bonn"}}}})
      .says("Done.");
    const auto out = runner.run({{"messages", list(human("hi"))}});
    REQUIRE_FALSE(out.error);
    const auto all = tool_messages(out);
    REQUIRE(all.size() == 5);
    CHECK(all[0] == "success: 3");
    CHECK(all[1].starts_with("error: Error invoking tool 'add': "));
    CHECK(all[2] == "error: Error: no luck");
    CHECK(all[3] == "error: Error: oh");
    CHECK(all[4] == R"(success: {"size":300})");
  }
  SECTION("approvals are as its hints, or the declaration, say") {
    o.functions[0].what.hints.read_only = false;
    testing::graph_runner runner{make_agent(o)};
    runner.model("main").calls({{"add", {{"a", 1}, {"b", 2}}}}).says("Done.");
    const auto out = runner.run({{"messages", list(human("hi"))}});
    REQUIRE(out.interrupts.size() == 1);
    CHECK(out.interrupts[0].at("action_requests").at(0).at("name") == "add");
  }
}

TEST_CASE("a graph of one's own has tools by tool_node", "[agents][tools]") {
  const std::vector<function_tool> tools{adder(), throwing()};
  graph_builder b{"own"};
  b.channel("messages", flow::messages());
  b.node("model", [tools](state_view state, context ctx) -> coroutine<node_result> {
    chat_request question{state.list("messages")};
    question.tools = definitions_of(tools);
    auto asked = ask_model(ctx, "main", std::move(question));
    auto said = co_await std::move(asked);
    if (!said)
      co_return said.error();
    co_return flow::update{{"messages", list(std::move(*said))}};
  });
  b.node("tools", tool_node(tools));
  b.edge(flow::start, "model").edge("tools", "model");
  b.conditional("model",
                [](const state_view& state, const context&) -> flow::route {
                  return tool_calls_of(*state.last("messages")).empty() ? flow::end : "tools";
                },
                {"tools", flow::end});
  testing::graph_runner runner{b.build()};
  runner.model("main")
    .calls({{"add", {{"a", 1}, {"b", 2}}}, {"throw", {{"a", 1}, {"b", 2}}}, {"none", {}}})
    .says("Done.");
  const auto out = runner.run({{"messages", list(human("hi"))}});
  REQUIRE_FALSE(out.error);
  CHECK(tool_messages(out)
        == texts{"success: 3", "error: Error: oh", "error: Error: none is not a valid tool."});
  CHECK(runner.model("main").asked().front().at("tools").as_array().size() == 2);
}

TEST_CASE("a library's tools have names that models take, each one alone", "[agents][tools]") {
  plugin_registry all;
  all.tool(adder());
  CHECK(all.faults().empty());
  CHECK(all.tools().size() == 1);
  all.tool(adder());
  auto spaced = adder();
  spaced.what.name = "a b";
  all.tool(spaced);
  all.tool({{"empty", "", {}}, {}});
  CHECK(all.faults().size() == 3);
}
