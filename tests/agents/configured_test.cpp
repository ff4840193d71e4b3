#include "agents/configured.hpp"
#include "behalf/testing.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::value js(const char* text) {
  return parse_json(text).value();
}

// Everything may be set.
agent_options helper() {
  agent_options all;
  all.name = "helper";
  all.model = "main";
  all.prompt = "Be brief.";
  all.tools.push_back({"mail", {"search"}, {"send"}, {}, false});
  all.choices = {true, true, true, true, {"cheap"}};
  return all;
}

std::string fault_of(const agent_options& agent, const char* configurable) {
  auto made = settings_of(agent, js(configurable).as_object());
  INFO(configurable);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::invalid_argument);
  return made.error().message;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

agent_tool tool(std::string service, std::string name, std::string told) {
  agent_tool one;
  one.service = std::move(service);
  one.name = std::move(name);
  one.as_told.name = std::move(told);
  return one;
}

} // namespace

TEST_CASE("an assistant sets what its agent's declaration lets it", "[agents]") {
  const auto given = js(R"({"prompt": "Be long.", "model": "cheap", "temperature": 0.5,
    "tools": ["search"], "limits": {"model_calls": 3}, "thread_id": "t", "other": {}})");
  const auto made = settings_of(helper(), given.as_object()).value();
  CHECK(made.prompt == "Be long.");
  CHECK(made.model == "cheap");
  CHECK(made.parameters == js(R"({"temperature": 0.5})"));
  CHECK(made.tools == std::vector<std::string>{"search"});
  CHECK((made.limits.model_calls == 3 && made.limits.tool_calls == 50));
  const auto plain = settings_of(helper(), js(R"({"prompt": null})").as_object()).value();
  CHECK((plain.prompt == "Be brief." && plain.model == "main" && plain.parameters.empty()));
  CHECK_FALSE(plain.tools);
}

TEST_CASE("an assistant sets nothing that its agent's declaration does not name", "[agents]") {
  auto closed = helper();
  closed.choices = {};
  CHECK(settings_of(closed, js(R"({"thread_id": "t", "colour": "red"})").as_object()));
  for (const auto* one : {R"({"prompt": "x"})", R"({"model": "main"})", R"({"temperature": 1})",
                          R"({"tools": []})", R"({"limits": {}})"})
    CHECK(has(fault_of(closed, one), "does not let its assistants set"));
  CHECK(settings_schema(closed).empty());
}

TEST_CASE("an assistant's settings keep to the declaration's bounds", "[agents]") {
  const auto agent = helper();
  CHECK(has(fault_of(agent, R"({"model": "dear"})"), "one of these as 'model': cheap"));
  CHECK(has(fault_of(agent, R"({"limits": {"model_calls": 26}})"), "from 1 to 25"));
  CHECK(has(fault_of(agent, R"({"limits": {"model_calls": 0}})"), "from 1 to 25"));
  CHECK(has(fault_of(agent, R"({"limits": {"tool_calls": -1}})"), "from 0 to 50"));
  CHECK(has(fault_of(agent, R"({"limits": {"tool_calls": 1.5}})"), "whole number"));
  CHECK(has(fault_of(agent, R"({"limits": {"cost": 1}})"), "no limit"));
  CHECK(has(fault_of(agent, R"({"limits": {"tokens_per_run": 0}})"), "from 1 to"));
  auto thrifty = agent;
  thrifty.limits.spending.tokens_per_run = 1000;
  CHECK(has(fault_of(thrifty, R"({"limits": {"tokens_per_run": 1001}})"), "from 1 to 1000"));
  CHECK(settings_of(thrifty, js(R"({"limits": {"tokens_per_run": 10}})").as_object())
          .value()
          .limits.spending.tokens_per_run
        == 10);
  CHECK(has(fault_of(agent, R"({"limits": [1]})"), "object of numbers"));
  CHECK(has(fault_of(agent, R"({"limits": {"per_tool": 1}})"), "object of numbers"));
  CHECK(has(fault_of(agent, R"({"limits": {"per_tool": {"delete": 1}}})"), "no tool \"delete\""));
  CHECK(has(fault_of(agent, R"({"limits": {"per_tool": {"search": 51}}})"), "from 0 to 50"));
  thrifty.limits.per_tool = {{"search", 3}};
  CHECK(has(fault_of(thrifty, R"({"limits": {"per_tool": {"search": 4}}})"), "from 0 to 3"));
  const auto fewer =
    settings_of(thrifty, js(R"({"limits": {"per_tool": {"search": 2, "send": 0}}})").as_object());
  CHECK(fewer.value().limits.per_tool.at("search") == 2);
  CHECK(fewer.value().limits.per_tool.at("send") == 0);
  CHECK(has(fault_of(agent, R"({"temperature": 2.1})"), "from 0 to 2"));
  CHECK(has(fault_of(agent, R"({"temperature": "hot"})"), "from 0 to 2"));
  CHECK(has(fault_of(agent, R"({"tools": ["delete"]})"), "there are: search, send, mail"));
  CHECK(settings_of(agent, js(R"({"tools": ["mail_search", "mail"]})").as_object()));
  CHECK(has(fault_of(agent, R"({"tools": "search"})"), "a list of names"));
  CHECK(has(fault_of(agent, R"({"tools": [1]})"), "a list of names"));
  CHECK(has(fault_of(agent, R"({"prompt": 1})"), "a text"));
  const auto text = "{\"prompt\": \"" + std::string((64 << 10) + 1, 'x') + "\"}";
  CHECK(has(fault_of(agent, text.c_str()), "64 KiB"));
}

TEST_CASE("tools that services alone know are chosen once they are listed", "[agents]") {
  auto agent = helper();
  agent.tools.push_back({"files", {}, {}, {}, false});
  auto made = settings_of(agent, js(R"({"tools": ["files", "send", "mail_read"]})").as_object());
  std::vector<agent_tool> tools{tool("files", "open", "open"), tool("mail", "read", "mail_read"),
                                tool("mail", "search", "search"), tool("mail", "send", "send")};
  keep_chosen(tools, made.value());
  REQUIRE(tools.size() == 3);
  CHECK(tools[0].name == "open");
  CHECK(tools[1].name == "read");
  CHECK(tools[2].name == "send");
  made = settings_of(agent, js(R"({"tools": []})").as_object());
  keep_chosen(tools, made.value());
  CHECK(tools.empty());
}

TEST_CASE("what assistants may set is shown as their editors read it", "[agents]") {
  const auto schema = settings_schema(helper());
  const auto& fields = schema.at("properties").as_object();
  CHECK(fields.size() == 5);
  for (const auto& [key, field] : fields) {
    INFO(key);
    CHECK(field.at("langgraph_nodes") == js(R"(["model"])"));
    CHECK(field.at("metadata").at("x_oap_ui_config").at("type").is_string());
  }
  const auto& prompt = fields.at("prompt").as_object();
  CHECK(prompt.at("langgraph_type") == "prompt");
  CHECK(prompt.at("metadata").at("x_oap_ui_config").at("default") == "Be brief.");
  const auto& model = fields.at("model").as_object();
  CHECK(model.at("enum") == js(R"(["main", "cheap"])"));
  CHECK(model.at("__template_metadata__") == js(R"({"kind": "llm"})"));
  CHECK(model.at("metadata").at("x_oap_ui_config").at("options").at(1)
        == js(R"({"label": "cheap", "value": "cheap"})"));
  CHECK(fields.at("limits").at("properties").at("model_calls").at("maximum") == 25);
  CHECK(fields.at("tools").at("items").at("enum").as_array().size() == 3);
}

TEST_CASE("a run of an agent goes by its assistant's settings", "[agents]") {
  auto agent = helper();
  agent.tools.clear();
  testing::graph_runner runner{make_agent(agent)};
  runner.as("alice").model("main").says("never");
  auto& cheap = runner.model("cheap");
  cheap.says("ok");
  runner.configurable(
    js(R"({"model": "cheap", "prompt": "{identity} asks.", "temperature": 0.5})").as_object());
  const auto out = runner.run({{"messages", list(human("hi"))}});
  REQUIRE_FALSE(out.error);
  REQUIRE(cheap.asked().size() == 1);
  CHECK(cheap.asked().at(0).at("messages").at(0).at("content") == "alice asks.");
  CHECK(cheap.asked().at(0).at("temperature") == 0.5);
  runner.configurable(js(R"({"model": "dear"})").as_object());
  const auto refused = runner.run({{"messages", list(human("hi"))}});
  REQUIRE(refused.error);
  CHECK(has(refused.error->message, "one of these as 'model'"));
}
