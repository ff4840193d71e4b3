#include "agents/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using testing::outcome;

namespace {

using texts = std::vector<std::string>;

// `lead`, on model "main", gives tasks to `researcher`, on model "deep", which may ask to send.
struct team {
  team() : runner(make_agent(lead())) {
    runner.as("alice");
    service_reply all;
    json::object schema{{"type", "object"}};
    json::object send{{"name", "send"}, {"inputSchema", schema}};
    all.body = json::object{{"tools", list(send)}};
    mail.answers_by("tools/list", [all](const auto&) -> result<service_reply> { return all; });
    mail.answers("send", "sent");
  }

  static agent_options researcher() {
    agent_options o;
    o.name = "researcher";
    o.model = "deep";
    o.tools.push_back({"mail", {}, {"send"}, {}});
    return o;
  }

  static agent_options lead() {
    agent_options o;
    o.name = "lead";
    o.model = "main";
    o.agents.push_back({"researcher", "Finds things out", make_agent(researcher()).value()});
    return o;
  }

  outcome say(std::string_view text) { return runner.run({{"messages", list(human(text))}}); }

  testing::graph_runner runner;
  testing::scripted_model& main = runner.model("main");
  testing::scripted_model& deep = runner.model("deep");
  testing::scripted_service& mail = runner.service("mail");
};

testing::scripted_model::call task(std::string_view what, std::string_view who = "researcher") {
  return {"task", {{"description", what}, {"subagent_type", who}}};
}

std::vector<std::string> answers(const outcome& out) {
  texts all;
  for (const auto& one : out.state.at("messages").as_array())
    if (one.at("type") == "tool")
      all.push_back(std::string(string_or(one.as_object(), "status")) + ": " + text_of(one));
  return all;
}

} // namespace

TEST_CASE("an agent gives tasks to another, which sees nothing else", "[agents]") {
  team t;
  t.main.calls({task("Find it.")}).says("Done.");
  t.deep.says("Found it.");
  const auto out = t.say("secret words");
  REQUIRE_FALSE(out.error);
  CHECK(answers(out) == texts{"success: Found it."});
  CHECK(text_of(out.state.at("messages").as_array().back()) == "Done.");
  const auto& told = t.main.asked().front().at("tools").at(0).at("function");
  CHECK(told.at("name") == "task");
  CHECK(std::string(told.at("description").as_string()).find("- researcher: Finds things out")
        != std::string::npos);
  REQUIRE(t.deep.asked().size() == 1);
  const auto& asked = t.deep.asked().front().at("messages").as_array();
  REQUIRE(asked.size() == 1);
  CHECK(asked.front().at("content") == "Find it.");
}

TEST_CASE("tasks of one answer are done side by side, each by a run of its own", "[agents]") {
  team t;
  t.main.calls({task("a"), task("b")}).says("Done.");
  t.deep.says("one").says("two");
  const auto out = t.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(answers(out) == texts{"success: one", "success: two"});
}

TEST_CASE("a task for nobody is refused, and no agent runs", "[agents]") {
  team t;
  t.main.calls({task("a", "stranger")}).says("Done.");
  const auto out = t.say("hi");
  REQUIRE_FALSE(out.error);
  REQUIRE(answers(out).size() == 1);
  CHECK(answers(out)[0].starts_with("error: Error invoking tool 'task'"));
  CHECK(t.deep.asked().empty());
}

TEST_CASE("an agent that fails at its task ends no run", "[agents]") {
  team t;
  t.main.calls({task("a")}).says("Done.");
  t.deep.fails(fail(errc::upstream, "no luck"));
  const auto out = t.say("hi");
  REQUIRE_FALSE(out.error);
  REQUIRE(answers(out).size() == 1);
  CHECK(answers(out)[0].starts_with("error: Error: the agent 'researcher' could not do it: "));
}

TEST_CASE("what an agent asks while it does a task, the user answers", "[agents]") {
  team t;
  t.main.calls({task("a")}).says("Done.");
  t.deep.calls({{"send", {}}}).says("I have sent it.");
  const auto asked = t.say("hi");
  REQUIRE(asked.interrupts.size() == 1);
  CHECK(asked.interrupts[0].at("action_requests").at(0).at("name") == "send");
  const auto sent = [&] {
    return std::count_if(t.runner.calls().begin(), t.runner.calls().end(),
                         [](const auto& one) { return one.what == "send"; });
  };
  CHECK(sent() == 0);
  json::object approve{{"type", "approve"}};
  const auto out = t.runner.resume({{"decisions", list(approve)}});
  REQUIRE_FALSE(out.error);
  CHECK(sent() == 1);
  CHECK(answers(out) == texts{"success: I have sent it."});
  CHECK(t.deep.asked().size() == 2);
}

TEST_CASE("a graph without messages cannot be given tasks", "[agents]") {
  graph_builder b{"other"};
  b.channel("text", flow::last_value());
  b.node("start", [](const state_view&, context&) { return flow::update{}; });
  b.edge(flow::start, "start");
  agent_options o;
  o.name = "lead";
  o.agents.push_back({"other", "", b.build().value()});
  const auto made = make_agent(o);
  REQUIRE_FALSE(made);
  CHECK(made.error().message == "'other' takes and gives no messages: it cannot be given tasks");
}
