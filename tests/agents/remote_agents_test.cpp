#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/agent_pieces.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::object rpc_result(json::value what) {
  return {{"jsonrpc", "2.0"}, {"id", "1"}, {"result", std::move(what)}};
}

json::value task(std::string_view state, std::string_view text) {
  json::object part{{"kind", "text"}, {"text", text}};
  json::object holder{{"parts", list(part)}};
  json::object made{{"kind", "task"}, {"id", "t1"}};
  json::object status{{"state", state}};
  if (state == "completed")
    made["artifacts"] = list(holder);
  else
    status["message"] = holder;
  made["status"] = std::move(status);
  return made;
}

struct remote {
  remote() : runner(make_agent(options())) {
    runner.model("main").calls({{"ask_partner", {{"message", "find it"}}}}).says("Done.");
  }

  static agent_options options() {
    auto o = lead_with_partner();
    o.tools.front().a2a = true;
    return o;
  }

  std::string answer() {
    const auto out = runner.run({{"messages", list(human("secret words"))}});
    REQUIRE_FALSE(out.error);
    return first_result(out);
  }

  testing::graph_runner runner;
  testing::scripted_service& partner = runner.service("partner");
};

} // namespace

TEST_CASE("an agent of another server is asked, and waited for", "[agents][a2a]") {
  remote r;
  int asked = 0;
  r.partner.answers_by("POST ", [&](const testing::recorded_call&) -> result<service_reply> {
    service_reply reply;
    reply.body = rpc_result(++asked < 3 ? task("working", "") : task("completed", "found it"));
    return reply;
  });
  CHECK(r.answer() == "success: found it");
  REQUIRE(r.runner.calls().size() == 3);
  const auto& sent = r.runner.calls().front().arguments;
  CHECK(sent.at("method") == "message/send");
  CHECK(sent.at("params").at("message").at("parts").at(0).at("text") == "find it");
  CHECK(dump(sent).find("secret") == std::string::npos);
  CHECK(r.runner.calls().back().arguments.at("method") == "tasks/get");
  CHECK(r.runner.calls().back().arguments.at("params").at("id") == "t1");
  CHECK(r.runner.slept() == std::chrono::milliseconds(600));
}

TEST_CASE("what becomes of a task elsewhere is told to the model", "[agents][a2a]") {
  remote r;
  SECTION("it answers with a message") {
    json::object part{{"kind", "text"}, {"text", "hello"}};
    r.partner.answers("POST ",
                      rpc_result(json::object{{"kind", "message"}, {"parts", list(part)}}));
    CHECK(r.answer() == "success: hello");
  }
  SECTION("it answers with files") {
    json::object file{{"name", "plan.zip"}, {"mimeType", "application/zip"}, {"bytes", "AP8A"}};
    json::object part{{"kind", "file"}, {"file", file}};
    r.partner.answers("POST ",
                      rpc_result(json::object{{"kind", "message"}, {"parts", list(part)}}));
    CHECK(r.answer().find(", plan.zip, models cannot read it; kept as file 1, for the user]")
          != std::string::npos);
    CHECK(r.runner.store().size() == 1);
  }
  SECTION("it failed") {
    r.partner.answers("POST ", rpc_result(task("failed", "no luck")));
    CHECK(r.answer() == "error: The agent did not do it (failed):\nno luck");
  }
  SECTION("it asks somebody: not the model") {
    r.partner.answers("POST ", rpc_result(task("input-required", "may I?")));
    CHECK(r.answer()
          == "error: The agent waits for a person's answer, which cannot be given from here:\n"
             "may I?");
  }
  SECTION("it refuses the request") {
    json::object why{{"code", -32600}, {"message", "no"}};
    r.partner.answers("POST ", {{"error", why}});
    CHECK(r.answer() == "error: Error: 'partner' could not do it: no");
  }
  SECTION("it has never heard of the protocol") {
    r.partner.answers("POST ", "<html>", 404);
    CHECK(r.answer() == "error: Error: 'partner' could not do it: HTTP 404");
  }
  SECTION("it does not know the user") {
    r.partner.answers("POST ", "", 401);
    CHECK(r.answer()
          == "error: Error: 'partner' refused access: a credential that is stored may be wrong, "
             "expired or not enough.");
  }
}

TEST_CASE("a result that is returned directly ends the turn", "[agents]") {
  auto options = remote::options();
  options.tools.front().return_direct = {"ask_partner"};
  testing::graph_runner runner{make_agent(options)};
  auto& model = runner.model("main");
  model.calls({{"ask_partner", {{"message", "go"}}}}).says("Done.");
  auto& partner = runner.service("partner");
  SECTION("when it is one") {
    partner.answers("POST ", rpc_result(task("completed", "found it")));
    const auto out = runner.run({{"messages", list(human("hi"))}});
    REQUIRE_FALSE(out.error);
    CHECK(out.state.at("messages").as_array().size() == 3);
    CHECK(model.asked().size() == 1);
    CHECK(runner.run({{"messages", list(human("and now?"))}}).state.at("messages").at(4).at("name")
          == "lead");
  }
  SECTION("not when the call failed") {
    partner.answers("POST ", rpc_result(task("failed", "no luck")));
    const auto out = runner.run({{"messages", list(human("hi"))}});
    CHECK(text_of(out.state.at("messages").as_array().back()) == "Done.");
  }
}
