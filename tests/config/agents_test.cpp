#include "config/config.hpp"
#include "config/json_schema_export.hpp"
#include "config/libraries.hpp"
#include "config/reload.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace behalf;
using namespace std::string_literals;

namespace {

// Five lines before the agents.
const std::string around =
  "models: { main: { type: openai, model: x, prices: { input: 1 } } }\n"
  "services:\n"
  "  mail: { type: mcp, url: https://mail.example/mcp, tools: [read, send] }\n"
  "  files: { base_url: https://files.example }\n"
  "agents:\n";

loaded_config read(const std::string& agents) {
  return parse_config(around + agents, "f.yaml");
}

config valid(const std::string& agents) {
  auto c = read(agents);
  INFO(agents);
  for (const auto& p : c.problems)
    UNSCOPED_INFO(p.text());
  CHECK(c.problems.empty());
  return c.value;
}

std::string fault_of(const std::string& more) {
  auto c = read("  a: { model: main, " + more + " }");
  for (const auto& p : c.problems)
    UNSCOPED_INFO(p.text());
  REQUIRE(c.problems.size() == 1);
  return c.problems.front().text();
}

struct folder {
  folder() { std::filesystem::create_directories(path); }
  ~folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path =
    std::filesystem::temp_directory_path() / ("behalf-agents-" + std::to_string(::getpid()));
};

} // namespace

TEST_CASE("an agent is a model, a prompt, tools and limits", "[config]") {
  const auto c = valid("  helper:\n"
                       "    model: main\n"
                       "    description: Helps\n"
                       "    prompt: You help {display_name}.\n"
                       "    tools: [{ service: mail, allow: [read], ask: send, trusted: true }]\n"
                       "    limits: { model_calls: 3, tool_calls: 0, tokens_per_run: 200000,"
                       " cost_per_user_per_day: 2.5, tool_calls_per_user_per_day: 90,"
                       " per_tool: { read: 2 } }\n"
                       "  plain: { model: main, tools: [mail] }\n");
  REQUIRE(c.agents.size() == 2);
  const auto& a = c.agents.front();
  CHECK(a.name == "helper");
  CHECK(a.model == "main");
  CHECK(a.description == "Helps");
  CHECK(a.prompt == "You help {display_name}.");
  REQUIRE(a.tools.size() == 1);
  CHECK(a.tools.front().service == "mail");
  CHECK(a.tools.front().allow == std::vector<std::string>{"read"});
  CHECK(a.tools.front().ask == std::vector<std::string>{"send"});
  CHECK(a.tools.front().deny.empty());
  CHECK(a.tools.front().trusted);
  CHECK(a.limits.model_calls == 3);
  CHECK(a.limits.tool_calls == 0);
  CHECK(a.limits.tool_calls_per_user_per_day == 90);
  CHECK(a.limits.per_tool == decltype(a.limits.per_tool){{"read", 2}});
  CHECK(a.limits.spending.tokens_per_run == 200'000);
  CHECK(a.limits.spending.cost_per_user_per_day == 2.5);
  CHECK(a.limits.spending.by_day());
  CHECK_FALSE(c.agents.back().limits.spending.by_day());
  CHECK(c.agents.back().tools.front().service == "mail");
  CHECK_FALSE(c.agents.back().tools.front().trusted);
  CHECK(c.agents.back().limits.model_calls == agent_limits{}.model_calls);
}

TEST_CASE("a limit of cost needs prices of every model that may answer", "[config]") {
  auto fault = [](const std::string& more) {
    const auto c = parse_config("models: { main: { type: openai, model: x, prices: { input: 0 } },"
                                " free: { type: openai, model: y },"
                                " first: { type: openai, model: z, prices: { input: 1 },"
                                " fallback: [free] } }\n"
                                "agents: { a: { limits: { cost_per_day: 1 }, "
                                  + more + " } }",
                                "f.yaml");
    return c.problems.empty() ? "" : c.problems.front().text();
  };
  const std::string sentence =
    "f.yaml:2: agents.a.limits: cost_per_day would hold nothing back: models.free has no `prices`";
  CHECK(fault("model: main").empty());
  CHECK(fault("model: free").starts_with(sentence));
  CHECK(fault("model: first").starts_with(sentence));
  CHECK(fault("model: main, configurable: { model: [free] }").starts_with(sentence));
  CHECK(fault("model: main, configurable: { model: [first] }").starts_with(sentence));
}

TEST_CASE("a prompt can stand in a file beside the configuration", "[config]") {
  folder here;
  std::ofstream{here.path / "prompt.md"} << "Be brief.\n";
  std::ofstream{here.path / "bytes"} << "\xff\xfe";
  auto prompt = [&](const std::string& file) {
    auto c = parse_config(around + "  a: { model: main, prompt: 'file:" + file + "' }",
                          (here.path / "behalf.yaml").string());
    return c.problems.empty() ? c.value.agents.front().prompt : c.problems.front().message;
  };
  CHECK(prompt("prompt.md") == "Be brief.\n");
  CHECK(prompt((here.path / "prompt.md").string()) == "Be brief.\n");
  std::ofstream{here.path / "blank.md"} << " \n\n";
  CHECK(prompt("blank.md") == (here.path / "blank.md").string() + " is empty");
  CHECK(prompt("none.md") == (here.path / "none.md").string() + " cannot be read");
  CHECK(prompt(".") == (here.path / ".").string() + " cannot be read");
  CHECK(prompt("bytes") == "is not a text in UTF-8");
  std::ofstream{here.path / "prompt.md"} << std::string((1 << 20) + 1, 'x');
  CHECK(prompt("prompt.md") == "is longer than 1048576 bytes");
}

TEST_CASE("rules about tools may depend on arguments, and on what was read", "[config]") {
  const auto c = valid("  a:\n"
                       "    model: main\n"
                       "    safety: { rule_of_two: deny }\n"
                       "    tools:\n"
                       "      - service: mail\n"
                       "        reads: [read]\n"
                       "        allow: [{ tool: send, if: { required: [to] } }]\n"
                       "        deny: [{ tool: send, if: { required: [bcc] } }]\n"
                       "  b: { model: main, tools: [mail] }\n");
  const auto& a = c.agents.front();
  CHECK(a.rule_of_two == tainted_calls::deny);
  CHECK(c.agents.back().rule_of_two == tainted_calls::ask);
  const auto& mail = a.tools.front();
  CHECK(mail.reads == std::vector<std::string>{"read"});
  CHECK(mail.allow.empty());
  REQUIRE(mail.conditions.size() == 2);
  CHECK(mail.conditions[0].rule == tool_rule::allow);
  CHECK(mail.conditions[0].tool == "send");
  CHECK(dump(mail.conditions[0].arguments) == R"({"required":["to"]})");
  CHECK(mail.conditions[1].rule == tool_rule::deny);
  // Called as nobody: what it gives is for everybody.
  CHECK_FALSE(mail.personal);
}

TEST_CASE("a prompt is text, whatever it looks like", "[config]") {
  CHECK(valid("  a: { model: main, prompt: 'env:HOME' }").agents.front().prompt == "env:HOME");
}

TEST_CASE("what is wrong with an agent is said with its place", "[config]") {
  CHECK(read("  a: { prompt: p }").problems.front().text()
        == "f.yaml:6: agents.a: lacks the key 'model'");
  CHECK(read("  a: { model: other }").problems.front().text()
        == "f.yaml:6: agents.a.model: there is no model 'other' in `models`; there are: main");
  CHECK(fault_of("tools: [post]")
        == "f.yaml:6: agents.a.tools[0].service: there is no 'post' in `services`");
  CHECK(
    fault_of("tools: [now]")
    == "f.yaml:6: agents.a.tools[0].service: there is no 'now' in `services`; the tool is built "
       "in: { builtin: [now] }");
  CHECK(fault_of("response: answer.json")
        == "f.yaml:6: agents.a.response.schema: is no JSON object, here or in a file: "
           "file:answer.schema.json");
  CHECK(fault_of("tools: [files]")
          .starts_with("f.yaml:6: agents.a.tools[0].service: 'files' is of type http"));
  CHECK(fault_of("tools: [model-main]").find("there is no 'model-main'") != std::string::npos);
  CHECK(fault_of("tools: [mail, mail]")
        == "f.yaml:6: agents.a.tools[1].service: 'mail' stands above already");
  CHECK(fault_of("tools: [{ service: mail, allow: [erase] }]")
        == "f.yaml:6: agents.a.tools[0].allow[0].tool: 'erase' is not among the tools that "
           "services.mail.tools lists");
  CHECK(fault_of("tools: [{ service: mail, allow: [read, '*'], ask: [read] }]")
          .starts_with("f.yaml:6: agents.a.tools[0].ask[0].tool: 'read' stands twice"));
  CHECK(fault_of("tools: [{ service: mail, reads: [read], deny: read }]")
          .starts_with("f.yaml:6: agents.a.tools[0].reads: 'read' stands twice"));
  CHECK(fault_of("tools: [{ service: mail, return_direct: [raed] }]")
        == "f.yaml:6: agents.a.tools[0].return_direct: 'raed' is not among the tools that "
           "services.mail.tools lists");
  CHECK(fault_of("tools: [{ service: mail, return_direct: '*' }]").find("by their names")
        != std::string::npos);
  CHECK(fault_of("tools: [{ service: mail, ask: [{ if: { required: [to] } }] }]")
        == "f.yaml:6: agents.a.tools[0].ask[0]: lacks the key 'tool'");
  const std::string rule = "tools: [{ service: mail, ask: [{ tool: send, if: ";
  CHECK(fault_of(rule + "{ to: bob } }] }]")
          .starts_with("f.yaml:6: agents.a.tools[0].ask[0].if: 'to' is not understood here"));
  CHECK(fault_of(rule + "{ properties: { to: { pattern: 'b.b' } } } }] }]")
          .find("'pattern \"b.b\"' is not understood here")
        != std::string::npos);
  CHECK(fault_of("tools: [{ service: mail, ask: [{ tool: '*', if: { required: [to] } }] }]")
          .find("is about one tool")
        != std::string::npos);
  CHECK(
    fault_of("safety: { rule_of_two: no }").starts_with("f.yaml:6: agents.a.safety.rule_of_two: "));
  CHECK(fault_of("tools: [{ allow: [read] }]")
        == "f.yaml:6: agents.a.tools[0]: lacks the key 'service'");
  CHECK(fault_of("limits: { model_calls: 0 }")
          .starts_with("f.yaml:6: agents.a.limits.model_calls: must be a whole number from 1"));
  CHECK(fault_of("promt: x").find("did you mean 'prompt'?") != std::string::npos);
}

TEST_CASE("a limit is of a tool that there can be", "[config]") {
  auto why = [](const std::string& tools, const std::string& name) {
    return fault_of("tools: [" + tools + "], limits: { per_tool: { '" + name + "': 3 } }");
  };
  CHECK(
    why("{ service: mail, allow: [read] }, { builtin: [todo] }", "send")
      .find(
        "agents.a.limits.per_tool.send: there is no tool \"send\"; there are: write_todos, read")
    != std::string::npos);
  CHECK(why("{ service: mail, allow: [read] }", "mail").find("no tool") != std::string::npos);
  CHECK(why("{ builtin: [now] }", "*").find("no tool") != std::string::npos);
  for (const auto* name : {"read", "mail_read", "now", "read_result"})
    CHECK(valid("  a: { model: main, tools: [{ service: mail, allow: [read] }, { builtin: [now] }],"
                " limits: { per_tool: { "
                + std::string(name) + ": 3 } } }")
            .agents.size()
          == 1);
  CHECK(valid("  a: { model: main, tools: [mail], limits: { per_tool: { any: 3 } } }").agents.size()
        == 1); // the service knows
}

TEST_CASE("all faults of agents are told at once", "[config]") {
  auto c = read("  a: { model: none }\n"
                "  b b: { model: main }\n"
                "  c:\n"
                "  d: { model: main, tools: [none], limits: { calls: 1 } }\n");
  std::vector<std::string> keys;
  for (const auto& p : c.problems)
    keys.push_back(p.where.substr(7) + " " + p.key);
  CHECK(keys
        == std::vector<std::string>{"6 agents.a.model", "7 agents.b b", "8 agents.c",
                                    "9 agents.d.tools[0].service", "9 agents.d.limits.calls"});
}

TEST_CASE("an agent is served as a graph of its name", "[config]") {
  auto c = parse_config(around
                          + "  helper: { model: main, description: Helps }\n"
                            "graphs: [builtin:hello]",
                        "f.yaml");
  REQUIRE(c.problems.empty());
  auto loaded = load_libraries(c.value);
  REQUIRE(loaded);
  REQUIRE(loaded->graphs.size() == 2);
  CHECK(loaded->graphs.back().graph_id == "helper");
  CHECK(loaded->graphs.back().description == "Helps");
  CHECK(loaded->graphs.back().flow);
}

TEST_CASE("an agent and a graph of one name are a fault of the agent", "[config]") {
  auto c = read("  hello: { model: main }\ngraphs: [builtin:hello]");
  REQUIRE(c.problems.size() == 1);
  CHECK(c.problems.front().text()
        == "f.yaml:6: agents.hello: there is a graph of this name; give one of them another");
  // A library's graphs are known once it is loaded.
  auto loaded = load_libraries(c.value);
  REQUIRE_FALSE(loaded);
  CHECK(loaded.error().message.starts_with("agents.hello: there is another graph 'hello'"));
}

TEST_CASE("other models and agents need a restart", "[config]") {
  const auto before = read("  a: { model: main }").places;
  const auto after = read("  a: { model: main, prompt: p }").places;
  const auto changed = changes(before, after);
  REQUIRE(changed.size() == 1);
  CHECK(changed.front().key == "agents.a.prompt");
  CHECK_FALSE(changed.front().live);
}

TEST_CASE("the schema knows agents, and a tool by its service's name alone", "[config]") {
  const auto schema = config_schema();
  const auto& agent = schema.at("properties").at("agents").at("additionalProperties").as_object();
  CHECK(dump(agent.at("required")) == R"(["model"])");
  const auto& tools = agent.at("properties").at("tools").at("items").as_object();
  CHECK(dump(tools.at("type")) == R"(["object","string"])");
  CHECK(tools.at("properties").as_object().contains("ask"));
  CHECK(agent.at("properties").at("limits").at("properties").as_object().contains("tool_calls"));
}

TEST_CASE("agents give tasks to agents and graphs that there are, in no circle", "[config]") {
  auto why = [](const std::string& agents) {
    auto made = load_libraries(valid(agents));
    return made ? "" : made.error().message;
  };
  CHECK(why("  a: { model: main, tools: [{ agent: b }, mail] }\n"
            "  b: { model: main, tools: [{ agent: c }] }\n"
            "  c: { model: main }\n")
        == "");
  CHECK(why("  a: { model: main, tools: [{ agent: c }] }\n")
        == "agents.a.tools: there is no agent or graph 'c'");
  CHECK(why("  a: { model: main, tools: [{ agent: b }] }\n"
            "  b: { model: main, tools: [{ agent: a }] }\n")
        == "agents.b.tools: agents that give tasks to each other in a circle: a, b, a");
  CHECK(why("  a: { model: main, tools: [{ agent: b, hand_off: true }] }\n"
            "  b: { model: main, tools: [{ agent: a, hand_off: true }] }\n")
        == "");
  CHECK(why("  a: { model: main, tools: [{ agent: b, hand_off: true }] }\n"
            "  b: { model: main, tools: [{ agent: a }] }\n")
        == "agents.b.tools: agents that give tasks to each other in a circle: a, b, a");
  CHECK(why("  a: { model: main, tools: [{ agent: c, hand_off: true }] }\n")
        == "agents.a.tools: there is no agent 'c'");
  std::string deep;
  for (char c = 'a'; c < 'i'; ++c)
    deep += std::string("  ") + c + ": { model: main, tools: [{ agent: " + char(c + 1) + " }] }\n";
  CHECK(why(deep + "  i: { model: main }\n").starts_with("agents.h.tools: agents that give tasks"));
  CHECK(fault_of("tools: [{ agent: b, service: mail }]").find("stands beside `service`")
        != std::string::npos);
  CHECK(fault_of("tools: [{ agent: b }, { agent: b }]").find("'b' stands above already")
        != std::string::npos);
}

TEST_CASE("an agent's answer may have a form", "[config]") {
  const auto inside = valid(
    "  a: { model: main, response: { schema: { type: object, title: A }, strategy: tool } }\n");
  CHECK(inside.agents.at(0).response.schema.at("title") == "A");
  CHECK(inside.agents.at(0).response.strategy == response_strategy::tool);
  CHECK(valid("  a: { model: main }\n").agents.at(0).response.schema.empty());
  CHECK(fault_of("response: { schema: { type: array } }").find("type: object")
        != std::string::npos);
  CHECK(fault_of("response: { schema: 'no json' }").find("no JSON object") != std::string::npos);
  CHECK(fault_of("response: { strategy: tool }").find("schema") != std::string::npos);

  const folder f;
  std::ofstream(f.path / "a.json") << R"({"type": "object", "title": "B"})";
  const auto c = parse_config(around + "  a: { model: main, response: file:a.json }\n",
                              (f.path / "c.yaml").string());
  REQUIRE(c.problems.empty());
  CHECK(c.value.agents.at(0).response.schema.at("title") == "B");
}

TEST_CASE("an agent's memory is bounded by tokens", "[config]") {
  const auto c = valid("  a: { model: main, memory: { summarise_above: 60000 tokens, "
                       "trim_above: 70000, clear_tool_results_above: '80000tokens' } }\n");
  const auto& memory = c.agents.at(0).memory;
  CHECK(memory.summarise_above == 60'000);
  CHECK(memory.trim_above == 70'000);
  CHECK(memory.clear_tool_results_above == 80'000);
  for (const auto* wrong : {"60 kilos", "tokens", "99", "-5", "1000000000", "[]", "60000 tokens x"})
    CHECK(fault_of("memory: { trim_above: " + std::string(wrong) + " }").find("number of tokens")
          != std::string::npos);
}

TEST_CASE("an agent names the tools it has without a service", "[config]") {
  const auto c = valid("  a: { model: main, memory: { remember: true }, "
                       "tools: [mail, { builtin: [now, todo] }, { builtin: recall }] }\n");
  CHECK(c.agents.at(0).builtin == std::vector<std::string>{"now", "todo", "recall"});
  CHECK(c.agents.at(0).memory.remember);
  CHECK(c.agents.at(0).tools.size() == 1);
  CHECK(fault_of("tools: [{ builtin: [clock] }]").find("there is no 'clock'; there are: now, ")
        != std::string::npos);
  CHECK(fault_of("tools: [{ builtin: now }, { builtin: now }]").find("'now' stands twice")
        != std::string::npos);
  CHECK(fault_of("tools: [{ builtin: now, service: mail }]").find("beside another kind")
        != std::string::npos);
}

TEST_CASE("what assistants may set of an agent is listed", "[config]") {
  const auto c = valid("  a: { model: main, configurable: { prompt: true, model: main } }\n"
                       "  b: { model: main }\n");
  CHECK(c.agents.front().choices.prompt);
  CHECK(c.agents.front().choices.models == std::vector<std::string>{"main"});
  CHECK_FALSE(c.agents.front().choices.limits);
  CHECK_FALSE(c.agents.back().choices.prompt);
  CHECK(fault_of("configurable: { model: [dear] }").find("there is no model 'dear'")
        != std::string::npos);
  const auto graphs = load_libraries(c).value().graphs;
  const auto served = std::find_if(graphs.begin(), graphs.end(),
                                   [](const served_graph& one) { return one.graph_id == "a"; });
  REQUIRE(served != graphs.end());
  const auto config = [](const char* text) {
    return json::object{{"configurable", parse_json(text).value()}};
  };
  CHECK(served->check_config(config(R"({"prompt": "x"})")));
  CHECK_FALSE(served->check_config(config(R"({"tools": []})")));
}

TEST_CASE("an agent's version is that of its declaration", "[config]") {
  const folder in;
  const auto version = [&](const std::string& agents) {
    const auto c = parse_config(around + agents, (in.path / "f.yaml").string());
    CHECK(c.problems.empty());
    return c.value.agents.front().version;
  };
  const std::string plain = "  a: { model: main, prompt: x }\n";
  CHECK(version(plain).size() == 12);
  CHECK(version(plain) == version("  a:\n    prompt: x # the same\n    model: main\n"));
  CHECK(version(plain) == version(plain + "  b: { model: main }\n"));
  CHECK(version(plain) != version("  a: { model: main, prompt: y }\n"));
  CHECK(version(plain) != version("  a: { model: main, prompt: x, tools: [mail] }\n"));
  const std::string from_file = "  a: { model: main, prompt: 'file:prompt.txt' }\n";
  std::ofstream{in.path / "prompt.txt"} << "x";
  const auto first = version(from_file);
  std::ofstream{in.path / "prompt.txt"} << "y";
  CHECK(version(from_file) != first);
}

TEST_CASE("an agent's version is that of what it is made of, too", "[config]") {
  const folder in;
  const std::string agents = "agents:\n"
                             "  a: { model: main, tools: [{ agent: b }, { service: shop }],"
                             " configurable: { model: fifth } }\n"
                             "  b: { model: second, description: Helps }\n"
                             "  c: { model: fourth }\n";
  const std::string services = "services:\n"
                               "  shop: { type: http, base_url: https://shop.example,"
                               " openapi: 'file:shop.json' }\n";
  const auto describe = [&](const std::string& summary) {
    std::ofstream{in.path / "shop.json"}
      << R"({"openapi": "3.1.0", "info": {"title": "s", "version": "1"}, "paths": {"/a": {"get":)"
      << R"({"operationId": "a", "summary": ")" + summary + R"(", "responses": {}}}}})";
  };
  const auto model = [](const std::string& name, const std::string& more) {
    return "  " + name + ": { type: openai, model: x" + more + " }\n";
  };
  const auto models = model("main", "") + model("second", ", fallback: third") + model("third", "")
                      + model("fourth", "") + model("fifth", "");
  const auto version = [&](const std::string& models, const std::string& agents) {
    const auto c =
      parse_config("models:\n" + models + services + agents, (in.path / "f.yaml").string());
    for (const auto& p : c.problems)
      UNSCOPED_INFO(p.text());
    CHECK(c.problems.empty());
    return c.value.agents.front().version;
  };
  const auto changed = [](std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  describe("First");
  const auto first = version(models, agents);
  CHECK(version(models, changed(agents, "Helps", "Works")) != first);
  for (const auto* of : {"main", "second", "third", "fifth"})
    CHECK(version(
            changed(models, of + ": { type: openai, model: x"s, of + ": { type: openai, model: y"s),
            agents)
          != first);
  CHECK(
    version(changed(models, "fourth: { type: openai, model: x", "fourth: { type: openai, model: y"),
            agents)
    == first);
  CHECK(version(changed(models, "main: {", "main: { key: 'env:HOME',"), agents) == first);
  describe("Second");
  CHECK(version(models, agents) != first);
}
