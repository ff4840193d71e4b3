// What `agents:` declares, written in C++: each part of the options, by the public headers alone.
#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "tests/support/agent_pieces.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace behalf;
using namespace std::chrono_literals;
using testing::outcome;

namespace parts_test {

struct add_args {
  int a, b;
};
BOOST_DESCRIBE_STRUCT(add_args, (), (a, b))

} // namespace parts_test

namespace {

using parts_test::add_args;
using texts = std::vector<std::string>;

function_tool adder() {
  auto add = tool("add", "Adds", [](const add_args& in) { return in.a + in.b; });
  add.hints.read_only = true;
  return add;
}

// Has a service `mail` with the tools `search`, `send` and `archive`.
struct bench {
  explicit bench(const agent_options& options) : runner(make_agent(options)) {
    runner.as("alice");
    lists(mail, {listed("search"), listed("send"), listed("archive")});
    mail.answers("search", "two").answers("send", "sent");
  }

  outcome say(std::string_view text) { return runner.run({{"messages", list(human(text))}}); }
  /// The calls that the service got.
  texts called() const {
    texts all;
    for (const auto& one : runner.calls())
      if (one.what != "tools/list")
        all.push_back(one.what);
    return all;
  }
  texts told_of() const {
    texts all;
    for (const auto& one : model.asked().front().at("tools").as_array())
      all.emplace_back(one.at("function").at("name").as_string());
    return all;
  }

  testing::graph_runner runner;
  testing::scripted_service& mail = runner.service("mail");
  testing::scripted_model& model = runner.model("main");
};

agent_options helper() {
  agent_options o{"helper"};
  o.model = "main";
  return o;
}

texts results(const outcome& out) {
  texts all;
  for (const auto& one : out.state.at("messages").as_array())
    if (one.at("type") == "tool")
      all.push_back(std::string(one.at("status").as_string()) + ": " + text_of(one));
  return all;
}

std::string last(const outcome& out) {
  return text_of(out.state.at("messages").as_array().back());
}

json::object only_to_bob() {
  return parse_json(R"({"properties": {"to": {"const": "bob"}}, "required": ["to"]})")
    .value()
    .as_object();
}

// Why the options make no agent.
std::string refusal(const agent_options& o) {
  const auto made = make_agent(o);
  return made ? "none" : made.error().message;
}

bool refused(const agent_options& o, std::string_view why) {
  return refusal(o).find(why) != std::string::npos;
}

} // namespace

TEST_CASE("an agent in C++ has a service, functions and other agents", "[agents]") {
  auto deep = helper();
  deep.name = "researcher";
  deep.model = "deep";
  auto lead = helper();
  lead.prompt = "You are brief.";
  lead.agents = {{"researcher", "Finds", make_agent(deep, agent_place::inside).value()}};
  lead.tools = {{"mail", {"search"}}};
  lead.functions = {{adder()}};
  bench b{lead};
  b.model
    .calls({{"add", {{"a", 1}, {"b", 2}}},
            {"search", {}},
            {"task", {{"description", "a"}, {"subagent_type", "researcher"}}}})
    .says("Done.");
  b.runner.model("deep").says("three");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(results(out) == texts{"success: 3", "success: two", "success: three"});
  CHECK(b.model.asked().front().at("messages").at(0).at("content") == "You are brief.");
}

TEST_CASE("in C++ a rule has a condition on arguments", "[agents]") {
  auto o = helper();
  tool_source mail{"mail", {}, {"send"}};
  mail.reads = {"search"};
  SECTION("asked about where none holds") {
    mail.ask = {};
    mail.conditions = {{tool_rule::allow, "send", only_to_bob()}};
    o.tools = {mail};
    bench b{o};
    b.model.calls({{"send", {{"to", "bob"}}}}).calls({{"send", {{"to", "eve"}}}}).says("Done.");
    const auto asked = b.say("hi");
    CHECK(b.called() == texts{"send"});
    REQUIRE(asked.interrupts.size() == 1);
    CHECK(asked.interrupts[0].at("action_requests").at(0).at("args").at("to") == "eve");
    json::object approve{{"type", "approve"}};
    CHECK(last(b.runner.resume({{"decisions", list(approve)}})) == "Done.");
    CHECK(b.called() == texts{"send", "send"});
  }
  SECTION("denied where one holds") {
    mail.conditions = {{tool_rule::deny, "send", only_to_bob()}};
    o.tools = {mail};
    bench b{o};
    b.model.calls({{"send", {{"to", "bob"}}}}).says("Done.");
    const auto out = b.say("hi");
    CHECK(out.interrupts.empty());
    CHECK(b.called().empty());
    CHECK(last(out) == "Done.");
  }
}

TEST_CASE("in C++ the rule of two holds, but for what only reads", "[agents]") {
  auto o = helper();
  o.tools = {{"mail", {"send"}}};
  o.tools[0].reads = {"search"};
  auto asked_about = [](const agent_options& options) {
    bench b{options};
    b.model.calls({{"search", {}}}).calls({{"search", {}}}).calls({{"send", {}}}).says("Done.");
    const auto out = b.say("hi");
    REQUIRE_FALSE(out.error);
    return out.interrupts.empty()
             ? std::to_string(b.called().size()) + " calls"
             : std::string(out.interrupts[0].at("action_requests").at(0).at("name").as_string());
  };
  CHECK(asked_about(o) == "send");
  o.tools[0].reads = {};
  o.tools[0].allow = {"send", "search"};
  CHECK(asked_about(o) == "search"); // the second time
  o.rule_of_two = tainted_calls::deny;
  CHECK(asked_about(o) == "1 calls");
  o.rule_of_two = tainted_calls::off;
  CHECK(asked_about(o) == "3 calls");
}

TEST_CASE("in C++ functions have rules, and tools that are built in", "[agents]") {
  auto o = helper();
  o.functions = {{adder(), function_use::rule::ask}};
  o.builtin = {"calculate"};
  bench b{o};
  b.model.calls({{"calculate", {{"expression", "6 * 7"}}}})
    .calls({{"add", {{"a", 1}, {"b", 2}}}})
    .says("Done.");
  const auto out = b.say("hi");
  CHECK(results(out) == texts{"success: 42"});
  REQUIRE(out.interrupts.size() == 1);
  CHECK(out.interrupts[0].at("action_requests").at(0).at("name") == "add");
}

TEST_CASE("in C++ a result ends the turn", "[agents]") {
  auto o = helper();
  o.tools = {{"mail", {"search"}}};
  o.tools[0].return_direct = {"search"};
  bench b{o};
  b.model.calls({{"search", {}}}).says("Done.");
  CHECK(last(b.say("hi")) == "two");
  CHECK(b.model.asked().size() == 1);
}

TEST_CASE("in C++ calls have timeouts", "[agents]") {
  auto o = helper();
  o.tools = {{"mail", {"archive", "search"}}};
  o.tools[0].timeout = 1min;
  o.tools[0].timeouts = {{"archive", 20s}};
  function_tool nap{{"nap", "Rests", {{"type", "object"}}},
                    [](context ctx, json::object) -> coroutine<result<json::value>> {
                      co_await ctx.sleep(1s);
                      co_await ctx.sleep(1s);
                      co_return "rested";
                    }};
  o.functions = {{nap, function_use::rule::allow, 1500ms}};
  bench b{o};
  b.mail.never_answers("archive");
  b.model.calls({{"nap", json::object{}}, {"archive", json::object{}}}).says("Done.");
  const auto out = b.say("hi");
  REQUIRE(results(out).size() == 2);
  CHECK(results(out)[0].starts_with("error: Error: 'nap' did not answer within 1500 ms."));
  CHECK(results(out)[1].starts_with("error: Error: 'archive' did not answer within 20000 ms."));
  CHECK(last(out) == "Done.");
}

TEST_CASE("in C++ calls are limited", "[agents]") {
  auto o = helper();
  o.tools = {{"mail", {"search", "send"}}};
  o.rule_of_two = tainted_calls::off;
  SECTION("of one tool") {
    o.limits.per_tool = {{"search", 1}};
    bench b{o};
    b.model.calls({{"search", {}}}).calls({{"search", {}}}).calls({{"send", {}}}).says("Done.");
    CHECK(last(b.say("hi")) == "Done.");
    CHECK(b.called() == texts{"search", "send"});
  }
  SECTION("of the model") {
    o.limits.model_calls = 1;
    bench b{o};
    b.model.calls({{"search", {}}}).says("Done.");
    CHECK(last(b.say("hi")) != "Done.");
    CHECK(b.model.asked().size() == 1);
  }
}

TEST_CASE("in C++ an answer has a form", "[agents]") {
  auto o = helper();
  o.response.schema =
    parse_json(R"({"title": "Size", "type": "object", "properties": {"size": {"type": "integer"}},
                   "required": ["size"]})")
      .value()
      .as_object();
  o.response.strategy = response_strategy::tool;
  bench b{o};
  b.model.calls({{"Size", {{"size", "big"}}}}).calls({{"Size", {{"size", 3}}}});
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(out.state.at("structured_response").at("size") == 3);
  CHECK(b.model.asked().size() == 2);
}

TEST_CASE("in C++ an agent remembers, and shows its model less of a long conversation",
          "[agents]") {
  auto o = helper();
  SECTION("memories") {
    o.memory.remember = true;
    bench b{o};
    b.runner.store().put({"memories", "helper", "alice"}, "1", {{"text", "likes tea"}});
    b.model.says("Tea?");
    CHECK(last(b.say("tea")) == "Tea?");
    CHECK(b.told_of() == texts{"forget", "recall", "remember"});
    CHECK(dump(b.model.asked().front().at("messages")).find("likes tea") != std::string::npos);
  }
  SECTION("trimming") {
    o.memory.trim_above = 1000;
    bench b{o};
    b.model.says("Well.");
    b.say("first " + std::string(5000, 'x'));
    b.say("second");
    const auto out = b.say("third");
    CHECK(out.state.at("messages").as_array().size() == 6);
    CHECK(dump(b.model.asked().back().at("messages")).find("first") == std::string::npos);
  }
}

TEST_CASE("in C++ assistants choose within what is left to them", "[agents]") {
  auto o = helper();
  o.choices.models = {"other"};
  bench b{o};
  b.runner.model("other").says("Other.");
  b.model.says("Main.");
  b.runner.configurable({{"graph_id", "helper"}, {"model", "other"}});
  CHECK(last(b.say("hi")) == "Other.");
  b.runner.configurable({{"graph_id", "helper"}, {"prompt", "Obey."}});
  const auto out = b.say("hi");
  REQUIRE(out.error);
  CHECK(out.error->message.find("'prompt'") != std::string::npos);
}

TEST_CASE("in C++ an HTTP service has the tools of its document", "[agents]") {
  const auto document = parse_json(R"({"openapi": "3.1.0", "paths": {"/contacts/{id}": {"get": {
      "operationId": "getContact", "parameters": [
        {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
        {"name": "X-Key", "in": "header", "schema": {"type": "string"}}]}}}})")
                          .value();
  auto o = helper();
  o.tools = {{"crm", {"getContact"}}};
  o.tools[0].document = make_api_document(document, "X-Key").value();
  bench b{o};
  b.runner.service("crm").answers("GET /contacts/7", {{"name", "Ann"}});
  b.model.calls({{"getContact", {{"id", "7"}}}}).says("Done.");
  const auto out = b.say("hi");
  REQUIRE(results(out).size() == 1);
  CHECK(results(out)[0].find("Ann") != std::string::npos);
  CHECK(dump(b.model.asked().front().at("tools")).find("X-Key") == std::string::npos);
  CHECK_FALSE(make_api_document(json::object{}));
}

TEST_CASE("in C++ a conversation is handed over", "[agents]") {
  auto billing = helper();
  billing.name = "billing";
  billing.model = "money";
  auto desk = helper();
  desk.hand_offs = {"billing"};
  desk.team = {billing};
  bench b{desk};
  b.model.calls({{"transfer_to_billing", {}}});
  b.runner.model("money").says("Paid.");
  const auto out = b.say("hi");
  CHECK(last(out) == "Paid.");
  CHECK(out.state.at("active_agent") == "billing");
}

TEST_CASE("options without effect make no agent", "[agents]") {
  CHECK(refusal(helper()) == "none");
  auto o = helper();
  SECTION("name and model") {
    o.name = "a helper";
    CHECK(refused(o, "the name of an agent"));
    o.name = "helper";
    o.model = "";
    CHECK(refused(o, "it has no model"));
  }
  SECTION("a name that stands twice") {
    o.tools = {{"mail", {"search"}}, {"mail", {}, {"search"}}};
    CHECK(refused(o, "the service 'mail' stands twice"));
    o.tools = {{"mail", {"search"}, {"search"}}};
    CHECK(refused(o, "'search' of 'mail' stands in two"));
    o.tools = {};
    o.functions = {{adder()}, {adder()}};
    CHECK(refused(o, "the function 'add' stands twice"));
    o.functions = {};
    o.hand_offs = {"helper"};
    CHECK(refused(o, "stands twice, or is itself"));
    o.hand_offs = {};
    o.team = {helper()};
    CHECK(refused(o, "'helper' stands twice in the team"));
  }
  SECTION("a condition that nothing depends on") {
    o.tools = {{"mail", {"search"}}};
    json::object wants{{"format", "email"}};
    o.tools[0].conditions = {{tool_rule::deny, "send", wants}};
    CHECK(refused(o, "uses 'format', which is not understood"));
    o.tools[0].conditions = {{tool_rule::deny, "*", only_to_bob()}};
    CHECK(refused(o, "is about no single tool"));
  }
  SECTION("an unknown tool") {
    o.builtin = {"tomorrow"};
    CHECK(refused(o, "'tomorrow' stands twice, or is none"));
    o.builtin = {"now"};
    o.limits.per_tool = {{"search", 1}};
    CHECK(refused(o, "no tool \"search\""));
  }
  SECTION("numbers") {
    o.limits.spending.cost_per_run = -1;
    CHECK(refused(o, "a limit is negative"));
    o.limits = {};
    o.limits.model_calls = 0;
    CHECK(refused(o, "may not ask its model once"));
    o.limits = {};
    o.memory.trim_above = -1;
    CHECK(refused(o, "of its memory is negative"));
    o.memory = {};
    o.tools = {{"mail"}};
    o.tools[0].timeouts = {{"search", -1s}};
    CHECK(refused(o, "a timeout of 'mail' is negative"));
  }
  SECTION("a form that is none") {
    o.response.schema = {{"type", "string"}};
    CHECK(refused(o, "a JSON Schema of an object"));
  }
}
