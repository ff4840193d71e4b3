#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/json.hpp"
#include "testing/run_driver.hpp"
#include "tests/support/agent_pieces.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/graph_pieces.hpp"

#include <algorithm>

using namespace behalf;

namespace {

json::object state_with_answer(std::string_view text) {
  return {{"values", json::object{{"messages", list(human("find it"), ai(text))}}},
          {"next", json::array{}},
          {"tasks", json::array{}}};
}

json::object state_with_question(std::string_view id, json::value value) {
  json::object question{{"id", id}, {"value", std::move(value)}};
  json::object task{{"id", "t"}, {"interrupts", list(std::move(question))}};
  return {{"values", json::object{}}, {"next", list("tools")}, {"tasks", list(std::move(task))}};
}

const std::string first_id(32, 'a'), second_id(32, 'b');

// An Agent Server: after the nth run it has the nth of `states`, and the last one from then on.
struct agent_server {
  agent_server() : runner(make_agent(options())) {
    runner.model("main").calls({{"ask_partner", {{"message", "find it"}}}}).says("Done.");
    auto& partner = runner.service("partner");
    partner.answers_by("GET *", [this](const auto& call) { return read(call.what); });
    partner.answers_by("POST *", [this](const auto& call) { return run(call.arguments); });
  }

  static agent_options options() {
    auto o = lead_with_partner();
    o.tools.front().assistant = "helper";
    return o;
  }

  result<service_reply> read(const std::string& what) {
    service_reply reply;
    if (what.ends_with("/state")) {
      const auto at = std::min(runs.size(), states.size());
      reply.body = at == 0 ? json::object{} : states[at - 1];
    } else if (runs.empty()) {
      reply.status = 404;
    } else {
      json::object run{{"run_id", "r"}, {"status", status}, {"metadata", runs.back()["metadata"]}};
      reply.body = list(std::move(run));
    }
    return reply;
  }

  result<service_reply> run(const json::value& body) {
    service_reply reply;
    reply.status = refusals.empty() ? 200 : refusals.front();
    reply.body = said;
    if (refusals.empty())
      runs.push_back(body.as_object());
    else
      refusals.erase(refusals.begin());
    return reply;
  }

  testing::outcome ask() { return runner.run({{"messages", list(human("secret words"))}}); }

  static std::string answer_in(const testing::outcome& out) {
    REQUIRE_FALSE(out.error);
    return first_result(out);
  }

  testing::graph_runner runner;
  std::vector<json::object> runs; // that it was sent
  std::vector<json::object> states;
  std::vector<int> refusals; // of runs, by their HTTP status
  std::string status = "success";
  json::value said = "event: metadata\ndata: {}\n\n"; // the stream of a run
};

} // namespace

TEST_CASE("an assistant of another server is asked", "[agents][agent_server]") {
  agent_server there;
  there.states = {state_with_answer("found it")};
  there.said = "event: custom\r\ndata: {\"at\": 1}\r\n\r\n: heartbeat\r\n\r\n";
  const auto out = there.ask();
  CHECK(there.answer_in(out) == "success: found it");
  REQUIRE(there.runs.size() == 1);
  const auto& sent = there.runs.front();
  CHECK(sent.at("assistant_id") == "helper");
  CHECK(sent.at("input").at("messages").at(0).at("content") == "find it");
  CHECK(sent.at("on_disconnect") == "cancel");
  CHECK(dump(sent).find("secret") == std::string::npos);
  json::object told{
    {"type", "agent_event"}, {"service", "partner"}, {"data", json::object{{"at", 1}}}};
  CHECK(out.data("custom") == std::vector<json::value>{told});
}

TEST_CASE("files in an assistant's answer reach the model, or are kept", "[agents][agent_server]") {
  agent_server there;
  there.runner.as("alice");
  auto state = state_with_answer("earlier");
  json::object image{{"type", "image"}, {"base64", "iVBORw0KGgo="}, {"mime_type", "image/png"}};
  json::object zip{{"type", "file"}, {"base64", "AP8A"}, {"mime_type", "application/zip"}};
  zip["extras"] = json::object{{"filename", "plan.zip"}};
  json::object text{{"type", "text"}, {"text", "found it"}};
  json::object answer{{"type", "ai"}, {"content", list(text, image, zip)}};
  state["values"] = json::object{{"messages", list(human("find it"), ai("earlier"), answer)}};
  there.states = {state};
  const auto out = there.ask();
  REQUIRE_FALSE(out.error);
  const auto& message = out.state.at("messages").at(2);
  const auto& told = message.at("content").as_array();
  REQUIRE(told.size() == 4);
  CHECK(told[0].at("text") == "found it");
  CHECK(told[1].at("base64") == "iVBORw0KGgo=");
  CHECK(text_of(message).find(", plan.zip, models cannot read it; kept as file 1, for the user]")
        != std::string::npos);
  CHECK(there.runner.store().size() == 1);
}

TEST_CASE("an assistant that may have been asked before a crash is not asked twice",
          "[agents][agent_server]") {
  const json::object call{
    {"id", "call_x"}, {"name", "ask_partner"}, {"args", json::object{{"message", "find it"}}}};
  const json::object task{
    {"service", "partner"}, {"tool", "ask_partner"}, {"repeatable", true}, {"call", call}};
  const auto leaving = leaves_to_tools(task);
  const auto agent = make_agent(agent_server::options()).value();
  const auto asked_for = [&](bool crashed) {
    kept_checkpoints thread;
    json::object input{{"messages", json::array{}}};
    run_driver{leaving, thread}.input(std::move(input)).run();
    run_driver before{agent, thread};
    before.input(nullptr).begin();
    run_driver driver{agent, thread};
    driver.run_id = before.run_id;
    driver.after_crash = crashed;
    std::string effects;
    driver.answer = [&](const effect& one) -> effect_reply {
      service_reply reply;
      reply.status = 404;
      const auto* made = std::get_if<service_call>(&one);
      effects += made ? std::get<http_operation>(made->operation).method + ' ' : "pause ";
      return made ? effect_reply{reply} : effect_reply{std::monostate{}};
    };
    driver.input(nullptr).begin().run_task("tools");
    const auto lines = driver.lines();
    const auto told = std::any_of(lines.begin(), lines.end(), [](const auto& line) {
      return line.find("Whether it was made is unknown") != line.npos;
    });
    return effects + (told ? "unknown" : "made");
  };
  CHECK(asked_for(false).starts_with("pause GET POST ")); // what led to it is stored meanwhile
  CHECK(asked_for(true) == "pause GET unknown");
}

TEST_CASE("what an assistant elsewhere asks, the user answers", "[agents][agent_server]") {
  agent_server there;
  json::object request{{"name", "send"}, {"args", json::object{}}, {"description", "May I?"}};
  json::object hitl{{"action_requests", list(std::move(request))}};
  there.states = {state_with_question(first_id, hitl), state_with_question(second_id, "Sure?"),
                  state_with_answer("sent")};
  auto out = there.ask();
  REQUIRE(out.interrupts.size() == 1);
  CHECK(out.interrupts[0].at("asked_by") == "partner");
  CHECK(out.interrupts[0].at("action_requests").at(0).at("description")
        == "The agent 'partner' of another server asks. May I?");

  json::object approve{{"type", "approve"}};
  const json::object decisions{{"decisions", list(approve)}};
  out = there.runner.resume(decisions);
  REQUIRE(there.runs.size() == 2);
  CHECK(there.runs[1].at("command").at("resume").at(first_id) == decisions);
  CHECK(there.runs[1].find("input") == there.runs[1].end());
  REQUIRE(out.interrupts.size() == 1);
  CHECK(out.interrupts[0].at("question") == "Sure?");

  out = there.runner.resume("yes");
  CHECK(there.answer_in(out) == "success: sent");
  REQUIRE(there.runs.size() == 3);
  CHECK(there.runs[2].at("command").at("resume").at(second_id) == "yes");
  const auto thread = [](const auto& call) { return call.what.substr(call.what.find('/'), 45); };
  for (const auto& call : there.runner.calls())
    CHECK(thread(call) == thread(there.runner.calls().front()));
}

TEST_CASE("an answer that is refused elsewhere is asked for again", "[agents][agent_server]") {
  agent_server there;
  there.states = {state_with_question(first_id, json::object{{"to", "bob"}}),
                  state_with_question(second_id, "And now?"), state_with_answer("sent")};
  there.ask();
  there.refusals = {422};
  there.said = R"({"detail": "no decision"})";
  auto out = there.runner.resume("what?");
  REQUIRE(out.interrupts.size() == 1);
  CHECK(out.interrupts[0].at("error") == "HTTP 422: no decision");
  there.refusals = {422}; // the first answer is there as before
  out = there.runner.resume("good");
  REQUIRE(there.runs.size() == 2);
  CHECK(there.runs[1].at("command").at("resume").at(first_id) == "good");
  REQUIRE(out.interrupts.size() == 1);
  CHECK(out.interrupts[0].at("question") == "And now?");
  out = there.runner.resume("fine");
  CHECK(there.answer_in(out) == "success: sent");
  CHECK(there.runs[2].at("command").at("resume").at(second_id) == "fine");
}

TEST_CASE("no answer goes to a question that came behind the user's back",
          "[agents][agent_server]") {
  agent_server there;
  there.states = {state_with_question(first_id, "Read it?"),
                  state_with_question(second_id, "Send it?"), state_with_answer("sent")};
  there.ask();
  SECTION("somebody went on there") {
    there.runs.push_back({{"metadata", json::object{}}});
    CHECK(there.answer_in(there.runner.resume("yes"))
          == "error: Error: somebody has gone on with this on the other server, where it waits for "
             "an answer.");
    CHECK(there.runs.size() == 2);
  }
  SECTION("the thread is gone") {
    there.runs.clear();
    CHECK(there.answer_in(there.runner.resume("yes"))
          == "error: Error: the other server does not know this conversation any more.");
    CHECK(there.runs.empty());
  }
}

TEST_CASE("what becomes of a run elsewhere is told to the model", "[agents][agent_server]") {
  agent_server there;
  there.states = {state_with_answer("found it")};
  std::string wanted;
  SECTION("it fails") {
    there.said = "event: error\ndata: {\"error\": \"ValueError\", \"message\": \"no luck\"}\n\n";
    wanted = "error: Error: 'partner' could not do it: its run failed: no luck";
  }
  SECTION("it stops on its way") {
    there.states.front()["next"] = list("model");
    wanted = "error: Error: 'partner' stopped before it was done.";
  }
  SECTION("there is no such assistant") {
    there.refusals = {404};
    there.said = R"({"detail": "no assistant 'helper'"})";
    wanted = "error: Error: 'partner' could not do it: HTTP 404: no assistant 'helper'";
  }
  SECTION("the user is nobody there") {
    there.refusals = {401};
    wanted = "error: Error: 'partner' refused access: a credential that is stored may be wrong, "
             "expired or not enough.";
  }
  SECTION("the user may not do it") {
    there.refusals = {403};
    wanted = "error: Error: 'partner' refused access: a credential that is stored may be wrong, "
             "expired or not enough.";
  }
  SECTION("it tells without end") {
    there.said = "data: " + std::string(2 << 20, 'x');
    wanted = "error: Error: 'partner' could not do it: it tells too much while it works";
  }
  SECTION("its question is too long") {
    there.states = {state_with_question(first_id, json::string(100'000, 'x'))};
    wanted = "error: Error: 'partner' asks a question that is too long.";
  }
  CHECK(there.answer_in(there.ask()) == wanted);
}

TEST_CASE("what an assistant elsewhere says is untrusted unless its operator is trusted",
          "[agents][agent_server]") {
  for (const bool trusted : {false, true}) {
    agent_server there;
    there.states = {state_with_answer("found it")};
    auto options = there.options();
    options.tools.front().trusted = trusted;
    testing::graph_runner runner{make_agent(options, agent_place::inside)};
    runner.model("main").calls({{"ask_partner", {{"message", "find it"}}}}).says("Done.");
    auto& partner = runner.service("partner");
    partner.answers_by("GET *", [&](const auto& call) { return there.read(call.what); });
    partner.answers_by("POST *", [&](const auto& call) { return there.run(call.arguments); });
    const auto out = runner.run({{"messages", list(human("hi"))}});
    CHECK(out.state.at("taint").as_object().contains("untrusted") == !trusted);
    CHECK(out.state.at("taint").as_object().contains("private"));
  }
}
