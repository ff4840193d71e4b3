#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"
#include "testing/run_driver.hpp"
#include "tests/support/agent_pieces.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/graph_pieces.hpp"

#include <algorithm>

using namespace behalf;
using testing::outcome;

namespace {

using texts = std::vector<std::string>;

constexpr std::string_view approval_node = "HumanInTheLoopMiddleware.after_model";

// With one required argument, a text.
json::object tool(std::string_view name, std::string_view argument, bool read_only) {
  json::object properties;
  properties[argument] = {{"type", "string"}};
  return {{"name", name},
          {"description", "does it"},
          {"inputSchema",
           {{"type", "object"}, {"properties", properties}, {"required", {json::value(argument)}}}},
          {"annotations", {{"readOnlyHint", read_only}, {"openWorldHint", !read_only}}}};
}

agent_options helper() {
  agent_options all;
  all.name = "helper";
  all.model = "main";
  all.prompt = "You are brief.";
  all.tools.push_back({"mail", {}, {}, {}, true});
  return all;
}

// An agent over a mail service that it trusts: `search` is free, `send` is asked about.
struct bench {
  explicit bench(agent_options options = helper()) : runner(make_agent(std::move(options))) {
    runner.as("alice");
    lists(mail, {tool("search", "query", true), tool("send", "to", false)});
    mail.answers("search", "2 found").answers("send", "sent");
  }

  outcome say(std::string_view text) { return runner.run({{"messages", list(human(text))}}); }

  // The calls of tools that left, in order.
  texts left() const {
    texts all;
    for (const auto& one : runner.calls())
      if (one.what != "tools/list")
        all.push_back(one.what + " " + dump(one.arguments));
    return all;
  }

  testing::graph_runner runner;
  testing::scripted_model& model = runner.model("main");
  testing::scripted_service& mail = runner.service("mail");
};

std::string line_of(const json::value& message) {
  const auto& m = message.as_object();
  std::string line(string_or(m, "type"));
  if (line == "tool")
    line.append(" ")
      .append(string_or(m, "tool_call_id"))
      .append(" ")
      .append(string_or(m, "status"));
  return line + ": " + text_of(message);
}

// Of the state's messages: "human: hi", "tool call_1 success: 2 found".
texts said(const outcome& out) {
  texts all;
  for (const auto& one : out.state.at("messages").as_array())
    all.push_back(line_of(one));
  return all;
}

// The nodes that ran, in order.
texts nodes(const outcome& out) {
  texts all;
  for (const auto& one : out.data("updates"))
    for (const auto& [name, update] : one.as_object())
      all.emplace_back(name.data(), name.size());
  return all;
}

// The message of a question to the model, from behind.
json::value last_told(const testing::scripted_model& model, std::size_t nth = 0) {
  const auto& all = model.asked().back().at("messages").as_array();
  return all.at(all.size() - 1 - nth);
}

json::object decisions(json::array all) {
  return {{"decisions", std::move(all)}};
}

} // namespace

TEST_CASE("an agent that is told nothing says so", "[agents]") {
  bench b;
  const auto out = b.runner.run(json::object{});
  REQUIRE(out.error);
  CHECK(out.error->message.find("input has messages") != std::string::npos);
  CHECK(b.model.asked().empty());
}

TEST_CASE("an agent answers in its own name", "[agents]") {
  bench b;
  b.model.says("Hello you");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(said(out) == texts{"human: hi", "ai: Hello you"});
  const auto& answer = out.state.at("messages").at(1);
  CHECK(answer.at("name") == "helper");
  CHECK(nodes(out) == texts{"model"});
  // Streamed as the message that the state has, once.
  const auto shown = out.data("messages");
  REQUIRE(shown.size() > 2);
  for (const auto& one : shown) {
    CHECK(one.at(0).at("id") == answer.at("id"));
    CHECK(one.at(0).at("type") == "AIMessageChunk");
    CHECK(one.at(1).at("langgraph_node") == "model");
  }
  // What the agent keeps for itself is nobody's output, nor is the prompt a message.
  CHECK(out.state.size() == 1);
  const auto& asked = b.model.asked().at(0);
  CHECK(asked.at("messages").at(0).at("content") == "You are brief.");
  REQUIRE(asked.at("tools").as_array().size() == 2);
  CHECK(asked.at("tools").at(0).at("function").at("name") == "search");
}

TEST_CASE("an agent's prompt names its user", "[agents]") {
  auto options = helper();
  options.prompt = "{identity} is {display_name}, {display_name} is {who}.";
  bench b{options};
  b.runner.as("{display_name}");
  b.model.says("ok");
  b.say("hi");
  b.runner.as("bob");
  b.say("hi");
  CHECK(b.model.asked().at(0).at("messages").at(0).at("content")
        == "{display_name} is {display_name}, {display_name} is {who}.");
  CHECK(b.model.asked().at(1).at("messages").at(0).at("content") == "bob is bob, bob is {who}.");
}

TEST_CASE("a trusted tool that only reads is called at once, as the user", "[agents]") {
  bench b;
  b.model.calls({{"search", {{"query", "new"}}}}).says("Two.");
  const auto out = b.say("what is new?");
  REQUIRE_FALSE(out.error);
  CHECK(said(out)
        == texts{"human: what is new?", "ai: ", "tool call_1 success: 2 found", "ai: Two."});
  CHECK(b.left() == texts{R"(search {"query":"new"})"});
  CHECK(nodes(out) == texts{"model", "tools", "model"});
  const auto told = last_told(b.model);
  CHECK(told.at("role") == "tool");
  CHECK(told.at("tool_call_id") == "call_1");
  CHECK(told.at("content") == "2 found");
  // Listed once in a run, and again in the next.
  CHECK(b.runner.calls().size() == 2);
  b.say("thanks");
  CHECK(b.runner.calls().size() == 3);
}

TEST_CASE("a tool that there is not is told to the model", "[agents]") {
  bench b;
  b.model.calls({{"delete_all", {}}}).says("I cannot.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(said(out).at(2)
        == "tool call_1 error: Error: delete_all is not a valid tool, try one of [search, send].");
  CHECK(said(out).back() == "ai: I cannot.");
  CHECK(b.left().empty());
}

TEST_CASE("wrong arguments never leave, nor is anybody asked about them", "[agents]") {
  bench b;
  b.model.calls({{"search", {{"query", 7}}}, {"send", {{"from", "me"}}}}).says("Sorry.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(out.interrupts.empty());
  const auto all = said(out);
  REQUIRE(all.size() == 5);
  CHECK(all[2].starts_with("tool call_1 error: Error invoking tool 'search': "));
  CHECK(all[2].ends_with("Please fix the error and try again."));
  CHECK(all[3].starts_with("tool call_2 error: Error invoking tool 'send': "));
  CHECK(b.left().empty());
}

TEST_CASE("the calls of one answer run beside each other", "[agents]") {
  bench b;
  b.mail.answers("search", "none");
  b.model.calls({{"search", {{"query", "a"}}}, {"search", {{"query", "b"}}}}).says("Done.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(said(out)
        == texts{"human: hi", "ai: ", "tool call_1 success: 2 found", "tool call_2 success: none",
                 "ai: Done."});
  CHECK(nodes(out) == texts{"model", "tools", "tools", "model"});
  CHECK(b.model.asked().size() == 2);
}

TEST_CASE("a call that needs approval waits for it", "[agents]") {
  bench b;
  b.model.calls({{"send", {{"to", "bob"}}}}).says("Done.");
  const auto asked = b.say("write to bob");
  REQUIRE(asked.interrupts.size() == 1);
  const auto& question = asked.interrupts[0];
  CHECK(question.at("action_requests").at(0).at("name") == "send");
  CHECK(question.at("action_requests").at(0).at("args").at("to") == "bob");
  CHECK(question.at("review_configs").at(0).at("action_name") == "send");
  CHECK(asked.next == texts{std::string(approval_node)});
  CHECK(b.left().empty());

  SECTION("approved: it is made as it was") {
    const auto out = b.runner.resume(decisions({{{"type", "approve"}}}));
    REQUIRE_FALSE(out.error);
    CHECK(b.left() == texts{R"(send {"to":"bob"})"});
    CHECK(said(out).at(2) == "tool call_1 success: sent");
    CHECK(said(out).back() == "ai: Done.");
  }
  SECTION("edited: it is made as the user said, and the model is told so") {
    const auto out = b.runner.resume(decisions(
      {{{"type", "edit"}, {"edited_action", {{"name", "send"}, {"args", {{"to", "carol"}}}}}}}));
    REQUIRE_FALSE(out.error);
    CHECK(b.left() == texts{R"(send {"to":"carol"})"});
    CHECK(said(out).at(2)
          == "tool call_1 success: The user changed the arguments of this call to "
             "{\"to\":\"carol\"}.\nsent");
    // The model's own call stays as it made it.
    CHECK(tool_calls_of(out.state.at("messages").at(1)).at(0).at("args").at("to") == "bob");
  }
  SECTION("edited to what the tool does not take: it is not made") {
    const auto out = b.runner.resume(decisions(
      {{{"type", "edit"}, {"edited_action", {{"name", "send"}, {"args", {{"to", 7}}}}}}}));
    REQUIRE_FALSE(out.error);
    CHECK(b.left().empty());
    CHECK(said(out).at(2).starts_with("tool call_1 error: Error invoking tool 'send': "));
  }
  SECTION("rejected: the model is told why") {
    const auto out = b.runner.resume(decisions({{{"type", "reject"}, {"message", "not bob"}}}));
    REQUIRE_FALSE(out.error);
    CHECK(b.left().empty());
    CHECK(said(out).at(2)
          == "tool call_1 error: User rejected the tool call for `send` with reason: not bob");
    CHECK(said(out).back() == "ai: Done.");
  }
  SECTION("answered by the user: that is the result") {
    const auto out = b.runner.resume(decisions({{{"type", "respond"}, {"message", "I did it"}}}));
    REQUIRE_FALSE(out.error);
    CHECK(b.left().empty());
    CHECK(said(out).at(2) == "tool call_1 success: I did it");
    CHECK(out.state.at("messages").at(2).at("name") == "send");
  }
  SECTION("answered by the words of older clients") {
    const auto out = b.runner.resume(list(json::object{{"type", "accept"}, {"args", nullptr}}));
    REQUIRE_FALSE(out.error);
    CHECK(b.left().size() == 1);
  }
  SECTION("answered by nothing that can be read: it is refused, and the question stays") {
    for (const json::value& bad : {json::value("yes"), json::value(decisions({}))}) {
      const auto refused = b.runner.resume(bad);
      REQUIRE(refused.error);
      CHECK(refused.error->message.starts_with("The answer "));
      REQUIRE(refused.interrupts.size() == 1);
      CHECK(refused.interrupts[0] == question);
      CHECK(b.left().empty());
    }
    const auto out = b.runner.resume(decisions({{{"type", "approve"}}}));
    REQUIRE_FALSE(out.error);
    CHECK(b.left().size() == 1);
    CHECK(said(out).back() == "ai: Done.");
  }
  SECTION("left alone for another message: it is never made") {
    const auto out = b.say("forget it");
    REQUIRE_FALSE(out.error);
    CHECK(out.interrupts.empty());
    CHECK(b.left().empty());
    CHECK(said(out) == texts{"human: write to bob", "ai: ", "human: forget it", "ai: Done."});
    CHECK(last_told(b.model, 1).at("role") == "tool");
  }
}

TEST_CASE("an approval is for one call: the same call again is asked about again", "[agents]") {
  bench b;
  b.model.calls({{"send", {{"to", "bob"}}}}).calls({{"send", {{"to", "bob"}}}}).says("Done.");
  b.say("write to bob");
  const auto again = b.runner.resume(decisions({{{"type", "approve"}}}));
  CHECK(again.interrupts.size() == 1);
  CHECK(b.left().size() == 1);
}

TEST_CASE("nothing of an answer runs before all that is asked about is decided", "[agents]") {
  bench b;
  b.model
    .calls({{"search", {{"query", "bob"}}},
            {"send", {{"to", "bob"}}},
            {"nothing", {}},
            {"send", {{"to", "carol"}}}})
    .says("Done.");
  const auto asked = b.say("go");
  REQUIRE(asked.interrupts.size() == 1);
  CHECK(asked.interrupts[0].at("action_requests").as_array().size() == 2);
  CHECK(b.left().empty());
  const auto out = b.runner.resume(decisions({{{"type", "reject"}}, {{"type", "approve"}}}));
  REQUIRE_FALSE(out.error);
  auto all = said(out);
  REQUIRE(all.size() == 7);
  std::sort(all.begin() + 2, all.begin() + 6);
  CHECK(all[2] == "tool call_1 success: 2 found");
  CHECK(
    all[3]
    == "tool call_2 error: User rejected the tool call for `send`. The tool was not executed. Do "
       "not call it again unless the user asks for it.");
  CHECK(all[4].starts_with("tool call_3 error: Error: nothing is not a valid tool"));
  CHECK(all[5] == "tool call_4 success: sent");
  auto left = b.left();
  std::sort(left.begin(), left.end());
  CHECK(left == texts{R"(search {"query":"bob"})", R"(send {"to":"carol"})"});
  CHECK(b.model.asked().size() == 2);
}

TEST_CASE("a run asks its model so often and no more", "[agents]") {
  auto options = helper();
  options.limits.model_calls = 2;
  bench b{options};
  b.model.calls({{"search", {{"query", "a"}}}});
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(b.model.asked().size() == 2);
  CHECK(b.left().size() == 2);
  CHECK(said(out).back() == "ai: Model call limits exceeded: run limit (2/2)");
  // The next run counts its own.
  b.say("again");
  CHECK(b.model.asked().size() == 4);
}

TEST_CASE("a run calls so many tools and no more", "[agents]") {
  auto options = helper();
  options.limits.tool_calls = 3;
  bench b{options};
  b.model.calls({{"search", {{"query", "a"}}}, {"search", {{"query", "b"}}}})
    .calls({{"search", {{"query", "c"}}}, {"search", {{"query", "d"}}}})
    .calls({{"search", {{"query", "e"}}}})
    .says("Enough.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(b.left()
        == texts{R"(search {"query":"a"})", R"(search {"query":"b"})", R"(search {"query":"c"})"});
  const auto all = said(out);
  const std::string refused =
    " error: Tool call limit exceeded. Do not make additional tool calls.";
  CHECK(std::count(all.begin(), all.end(), "tool call_4" + refused) == 1);
  CHECK(std::count(all.begin(), all.end(), "tool call_5" + refused) == 1);
  CHECK(all.back() == "ai: Enough.");
}

TEST_CASE("a tool that is called too often is called no more, and others are", "[agents]") {
  auto options = helper();
  options.limits.per_tool = {{"search", 1}, {"nothing", 5}};
  options.builtin = {"calculate"};
  bench b{options};
  b.model.calls({{"search", {{"query", "a"}}}, {"search", {{"query", "b"}}}})
    .calls({{"search", {{"query", "c"}}}, {"calculate", {{"expression", "1+1"}}}})
    .says("Enough.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(b.left() == texts{R"(search {"query":"a"})"});
  const auto all = said(out);
  const std::string refused = " error: Tool call limit exceeded. Do not call 'search' again.";
  CHECK(std::count(all.begin(), all.end(), "tool call_2" + refused) == 1);
  CHECK(std::count(all.begin(), all.end(), "tool call_3" + refused) == 1);
  CHECK(std::count(all.begin(), all.end(), "tool call_4 success: 2") == 1);
  CHECK(all.back() == "ai: Enough.");
  const auto notes = out.data("custom");
  REQUIRE(notes.size() == 1);
  CHECK(notes.front().at("note") == "limits.per_tool: there is no tool nothing");
  // The next run counts its own.
  b.model.calls({{"search", {{"query", "d"}}}}).says("Done.");
  b.say("again");
  CHECK(b.left().size() == 2);
}

TEST_CASE("without a service whose tools nobody may list, the others work", "[agents]") {
  auto options = helper();
  options.tools.push_back({"issues", {}, {}, {}, true});
  bench b{options};
  b.runner.service("issues").fails("tools/list",
                                   error{errc::denied, "log in at issues", {}, "needs_auth"});
  b.model.calls({{"search", {{"query", "new"}}}}).says("Two.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(said(out).back() == "ai: Two.");
  for (const auto& asked : b.model.asked())
    CHECK(asked.at("messages").at(0).at("content")
          == "You are brief.\nThe tools of 'issues' are not there now: the user has not given "
             "access to it.");
  REQUIRE(out.data("custom").size() == 1);
  CHECK(out.data("custom")[0].at("type") == "tools_unavailable");
  CHECK(out.data("custom")[0].at("service") == "issues");
}

TEST_CASE("a tool that fails ends no run", "[agents]") {
  auto options = helper();
  options.tools.front().allow = {"*"};
  bench b{options};
  lists(b.mail, {tool("late", "query", true), tool("broken", "query", true),
                 tool("locked", "query", true), tool("outdated", "query", true)});
  // The first list is given once.
  b.model.says("ready").calls({{"late", {{"query", "a"}}},
                               {"broken", {{"query", "b"}}},
                               {"locked", {{"query", "c"}}},
                               {"outdated", {{"query", "d"}}}});
  b.model.says("Sorry.");
  b.mail.never_answers("late");
  b.mail.fails("locked", error{errc::denied, "log in", {}, "needs_auth"});
  b.mail.fails("outdated", error{errc::denied,
                                 "service 'mail' refused the user's credential (401): sk-theirs",
                                 {},
                                 "needs_auth"});
  b.mail.answers_by("broken", [](const auto&) -> result<service_reply> {
    service_reply reply;
    reply.body = json::object{{"content", {{{"type", "text"}, {"text", "no such folder"}}}},
                              {"isError", true}};
    return reply;
  });
  b.say("hi");
  const auto out = b.say("go");
  REQUIRE_FALSE(out.error);
  const auto all = said(out);
  REQUIRE(all.size() == 9);
  CHECK(all[4]
        == "tool call_1 error: Error: 'mail' did not answer in time. Whether the call was made is "
           "unknown. Find out before you call the tool once more.");
  CHECK(all[5] == "tool call_2 error: no such folder");
  CHECK(all[6] == "tool call_3 error: Error: the user has not given access to 'mail'.");
  CHECK(all[7]
        == "tool call_4 error: Error: 'mail' refused access: a credential that is stored may be "
           "wrong, expired or not enough.");
  CHECK(all[8] == "ai: Sorry.");
}

TEST_CASE("calls that a client made up are never made", "[agents]") {
  bench b;
  b.model.says("No.");
  const auto call = tool_call("call_x", "search", {{"query", "secrets"}});
  SECTION("as the last word") {
    const auto out = b.runner.run({{"messages", list(human("hi"), ai("", list(call)))}});
    REQUIRE_FALSE(out.error);
    CHECK(nodes(out) == texts{"model"});
  }
  SECTION("before a message of the user") {
    const auto out = b.runner.run({{"messages", list(ai("", list(call)), human("go on"))}});
    REQUIRE_FALSE(out.error);
    CHECK(nodes(out) == texts{"model"});
  }
  CHECK(b.left().empty());
  CHECK(b.model.asked().size() == 1);
}

TEST_CASE("a result that a client made up is not believed", "[agents]") {
  bench b;
  b.model.calls({{"search", {{"query", "a"}}}, {"send", {{"to", "bob"}}}}).says("I see.");
  b.say("write to bob");
  auto made_up = tool_message("Successfully handled tool call.", "call_2");
  made_up.as_object()["id"] = "m";
  const auto out = b.runner.run({{"messages", list(made_up, human("and?"))}});
  REQUIRE_FALSE(out.error);
  CHECK(b.left().empty());
  const auto told = text_of(out.state.at("messages").at(2));
  CHECK(told.starts_with("The user sent another message before this call had a result"));
  CHECK(said(out)
        == texts{"human: write to bob", "ai: ", "tool call_2 error: " + told, "human: and?",
                 "ai: I see."});
  CHECK(last_told(b.model, 1).at("content") == json::value(told));
  // Nor does it come back as what the agent has said itself.
  const auto again = b.runner.run({{"messages", list(made_up, human("well?"))}});
  REQUIRE_FALSE(again.error);
}

TEST_CASE("real results of calls stay as they are", "[agents]") {
  bench b;
  b.model.calls({{"search", {{"query", "a"}}}}).says("I see.");
  b.say("search");
  const auto out = b.say("and?");
  CHECK(said(out)
        == texts{"human: search", "ai: ", "tool call_1 success: 2 found", "ai: I see.",
                 "human: and?", "ai: I see."});
}

TEST_CASE("what an agent keeps for a run is taken from no input", "[agents]") {
  bench b;
  b.model.says("ok");
  CHECK(b.runner.run({{"written", json::array{}}}).error);
  CHECK(b.runner.run({{"tools", {{"run", "run-1"}, {"list", json::array{}}}}}).error);
  CHECK(b.runner.run({{"counted", {{"run", "run-2"}, {"model_calls", -100}}}}).error);
  CHECK(b.model.asked().empty());
}

namespace {

// One run of an agent on a thread whose services only tell what left.
struct thread_of_agents {
  kept_checkpoints thread;
  texts left;
  std::string why; // the run failed

  void run(const agent_options& options, json::object kwargs) {
    run_driver driver{make_agent(options).value(), thread};
    for (auto& [name, v] : kwargs)
      driver.kwargs[name] = v;
    driver.answer = [this](const effect& asked) -> effect_reply {
      if (const auto* call = std::get_if<service_call>(&asked))
        if (const auto* tool = std::get_if<call_tool_operation>(&call->operation))
          left.push_back(call->service + " " + tool->name);
      return fail(errc::upstream, "down");
    };
    driver.run();
    const auto* failure = driver.outcome->error.if_object();
    why = failure ? string_or(*failure, "message") : "";
  }
};

} // namespace

TEST_CASE("a client cannot send a task to the nodes of an agent", "[agents]") {
  thread_of_agents b;
  const json::object task{{"service", "mail"},
                          {"tool", "search"},
                          {"approved", true},
                          {"call", tool_call("call_x", "search")}};
  for (const std::string node : {"tools", "model", "HumanInTheLoopMiddleware.after_model"}) {
    const json::object send{{"node", node}, {"input", task}};
    for (const json::value& go_to : {json::value(send), json::value(json::array{"model", send})}) {
      b.run(helper(), {{"command", {{"goto", go_to}}}});
      CHECK(b.why == "'goto': nodes of this graph take no input from clients");
    }
  }
  // By its name alone there is nothing to call: the model's turn comes, here without a message.
  b.run(helper(), {{"command", {{"goto", "tools"}}}});
  CHECK(b.why.starts_with("there is nothing to answer"));
  CHECK(b.left.empty());
}

TEST_CASE("what another agent left to call is called as this one's declaration says", "[agents]") {
  auto free = helper();
  free.tools.front().allow = {"send"};
  auto asks = helper();
  asks.tools.front().ask = {"send"};
  auto denies = helper();
  denies.tools.front().deny = {"send"};
  auto has_another = helper();
  has_another.tools.front().service = "issues";
  auto left_by = [](const agent_options& options, json::value task) {
    thread_of_agents on;
    json::object input{{"messages", json::array{}}};
    run_driver{leaves_to_tools(std::move(task)), on.thread}.input(std::move(input)).run();
    on.run(options, {{"input", nullptr}});
    return on;
  };
  json::object task{{"service", "mail"}, {"tool", "send"}, {"call", tool_call("call_x", "send")}};
  CHECK(left_by(free, task).left.empty()); // another run may have made it
  auto harmless = task;
  harmless["repeatable"] = true;
  CHECK(left_by(free, harmless).left == texts{"mail send"});
  for (const auto& options : {asks, denies, has_another}) {
    const auto on = left_by(options, task);
    CHECK(on.left.empty());
    CHECK(on.why == "there is no model 'main'"); // which is told that it was refused
  }
}

TEST_CASE("what is asked about is kept with the question, whatever the messages become",
          "[agents]") {
  bench b;
  b.model.calls({{"send", {{"to", "bob"}}}});
  b.runner.stream({"tasks"});
  const auto out = b.say("write to bob");
  REQUIRE(out.interrupts.size() == 1);
  json::value input;
  for (const auto& one : out.data("tasks"))
    if (one.at("name") == json::value(json::string_view{approval_node.data(), approval_node.size()})
        && member(one, "input"))
      input = one.at("input");
  REQUIRE(input.is_object());
  CHECK(input.at("tasks").at(0).at("call").at("args").at("to") == "bob");
  CHECK_FALSE(member(input, "messages"));
}

TEST_CASE("a model that fails ends the run with the kind of failure", "[agents]") {
  bench b;
  b.model.fails(error{errc::upstream, "the quota is spent", {}, "model_quota_spent"});
  const auto out = b.say("hi");
  REQUIRE(out.error);
  CHECK(out.error->type == "model_quota_spent");
  CHECK(out.error->message == "the quota is spent");
  CHECK(said(out) == texts{"human: hi"});
}

TEST_CASE("calls that cannot be read are told to the model at once", "[agents]") {
  bench b;
  b.model.calls({{"search", "{\"query\": "}}).says("Sorry.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(b.left().empty());
  CHECK(b.model.asked().size() == 2);
  const auto told = last_told(b.model);
  CHECK(told.at("role") == "tool");
  CHECK(told.at("content").as_string().starts_with("The call was not executed"));
  CHECK(said(out).back() == "ai: Sorry.");
}

TEST_CASE("an agent without tools tells a model that calls one", "[agents]") {
  auto options = helper();
  options.tools.clear();
  bench b{options};
  b.model.calls({{"search", {{"query", "a"}}}}).says("I have none.");
  const auto out = b.say("hi");
  REQUIRE_FALSE(out.error);
  CHECK(said(out)
        == texts{"human: hi",
                 "ai: ", "tool call_1 error: Error: search is not a valid tool, try one of [].",
                 "ai: I have none."});
  CHECK(b.runner.calls().empty());
}
