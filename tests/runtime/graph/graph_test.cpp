#include "runtime/graph/graph.hpp"
#include "runtime/graph/hello_graph.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

node_result nothing(const state_view&, context&) {
  return {};
}

std::string refusal(graph_builder& b) {
  auto made = b.build();
  REQUIRE(made.has_error());
  CHECK(made.error().code == errc::invalid_argument);
  return made.error().message;
}

} // namespace

TEST_CASE("a graph that cannot work is refused with what is wrong", "[graph]") {
  using fill = void (*)(graph_builder&);
  const std::pair<fill, const char*> cases[] = {
    {[](graph_builder&) {}, "it has no node"},
    {[](graph_builder& b) { b.node("a", nothing); }, "nothing follows __start__"},
    {[](graph_builder& b) { b.node("a", nothing).node("a", nothing).edge("__start__", "a"); },
     "the node 'a' is declared twice"},
    {[](graph_builder& b) { b.node("__end__", nothing); }, "cannot be a node's name"},
    {[](graph_builder& b) { b.node("a:b", nothing); }, "cannot be a node's name"},
    {[](graph_builder& b) { b.node("a", nothing).edge("__start__", "a").edge("a", "c"); },
     "an edge leads to 'c', which is no node"},
    {[](graph_builder& b) { b.node("a", nothing).edge("__start__", "a").edge("c", "a"); },
     "an edge leads out of 'c', which is no node"},
    {[](graph_builder& b) { b.node("a", nothing).edge("__start__", "a").edge("__end__", "a"); },
     "no edge leads out of __end__"},
    {[](graph_builder& b) { b.node("a", nothing).edge("__start__", "a").edge("a", "__start__"); },
     "no edge leads to __start__"},
    {[](graph_builder& b) { b.node("a", nothing).node("b", nothing).edge("__start__", "a"); },
     "the node 'b' cannot be reached"},
    {[](graph_builder& b) {
       b.channel("x", flow::append()).channel("x", flow::append());
       b.node("a", nothing).edge("__start__", "a");
     },
     "the channel 'x' is declared twice"},
    {[](graph_builder& b) { b.input({"x"}).node("a", nothing).edge("__start__", "a"); },
     "the input channel 'x' is not declared"},
    {[](graph_builder& b) { b.node("a", nothing).edge("__start__", "a").edge("__start__", "a"); },
     "the edge from '__start__' to 'a' is declared twice"},
    {[](graph_builder& b) {
       b.node("a", nothing).edge("__start__", "a").edge({"a", "a"}, "a");
     },
     "waits for no node, or for one of them twice"},
    {[](graph_builder& b) {
       b.node("a", nothing).edge("__start__", "a").conditional("a", nullptr);
     },
     "has no function"},
  };
  for (const auto& [make, expected] : cases) {
    graph_builder b{"g"};
    make(b);
    CHECK_THAT(refusal(b), Catch::Contains(expected));
  }
}

TEST_CASE("all faults are told at once", "[graph]") {
  graph_builder b{"g"};
  b.node("a", nothing).edge("x", "y");
  auto text = refusal(b);
  CHECK(text.starts_with("the graph 'g' cannot be built: "));
  CHECK(std::count(text.begin(), text.end(), ';') == 2);
}

TEST_CASE("a node reached only by command says so", "[graph]") {
  CHECK(probes::fan()->find("w") != nullptr);
}

TEST_CASE("a conditional edge without targets may lead anywhere", "[graph]") {
  graph_builder b{"g"};
  b.node("a", nothing).node("b", nothing).edge(flow::start, "a");
  b.conditional("a", [](const state_view&, const context&) { return flow::route{"b"}; });
  REQUIRE(b.build());
}

TEST_CASE("a graph is drawn with start, end and conditional edges", "[graph]") {
  CHECK(dump(probes::loop()->drawing())
        == R"({"nodes":[{"id":"__start__","type":"runnable","data":{"name":"__start__"}},)"
           R"({"id":"s","type":"runnable","data":{"name":"s"}},{"id":"__end__"}],)"
           R"("edges":[{"source":"__start__","target":"s"},)"
           R"({"source":"s","target":"__end__","conditional":true},)"
           R"({"source":"s","target":"s","conditional":true}]})");
}

TEST_CASE("schemas name the channels that go in and come out", "[graph]") {
  graph_builder b{"agent"};
  b.channel("messages", flow::messages()).channel("secret_plan", flow::last_value());
  b.input({"messages"}).output({"messages"}).context_schema({{"type", "object"}});
  b.node("a", nothing).edge(flow::start, "a");
  auto s = b.build().value()->schemas();
  CHECK(s.at("input_schema").at("properties").as_object().size() == 1);
  CHECK(s.at("input_schema").at("properties").at("messages").at("langgraph_type") == "messages");
  CHECK(s.at("state_schema").at("properties").at("secret_plan").at("title") == "Secret Plan");
  CHECK(s.at("config_schema") == s.at("context_schema"));
  auto plain = probes::echo()->schemas();
  CHECK((plain.at("config_schema") == js("{}") && plain.at("context_schema").is_null()));
}

TEST_CASE("the hello graph greets whoever asks", "[graph]") {
  kept_checkpoints thread;
  run_driver run{hello_graph().value(), thread};
  run.configurable["langgraph_auth_user_id"] = "alice";
  run.input(js(R"({"messages": [{"role": "user", "content": "hi"}]})")).run();
  CHECK(run.values().at("who") == "alice");
  CHECK(run.values().at("messages").at(1).at("content") == "hello alice");
  CHECK(run.values().at("messages").at(1).at("type") == "ai");
}

TEST_CASE("a node sees configurable and context as they are", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::cfg(), thread};
  run.configurable = js(R"({"k": [1], "user_id": "u"})").as_object();
  run.kwargs["context"] = js(R"({"model": "m"})");
  run.input(js("{}")).run();
  CHECK(run.values() == js(R"({"seen": {"k": [1], "user_id": "u"}, "ctx": {"model": "m"}})"));
}

TEST_CASE("a router may fail, and its run fails as it says", "[graph]") {
  graph_builder b{"routed"};
  b.channel("go", flow::last_value());
  b.node("a", nothing).edge(flow::start, "a");
  b.conditional("a", [](const state_view& s, const context&) -> result<flow::route> {
    if (!s.has("go"))
      return fail(errc::invalid_argument, "nowhere to go");
    return flow::end;
  });
  auto flow = b.build().value();
  kept_checkpoints none;
  run_driver lost{flow, none};
  lost.input(js("{}")).run();
  CHECK(lost.outcome->error.at("error") == "ValueError");
  CHECK(lost.outcome->error.at("message") == "nowhere to go");
  kept_checkpoints other;
  run_driver found{flow, other};
  found.input(js(R"({"go": 1})")).run();
  CHECK(found.outcome->error.is_null());
}

TEST_CASE("what is not there is a KeyError where it is read by at", "[graph]") {
  graph_builder b{"strict"};
  b.channel("x", flow::last_value());
  b.node("a", [](const state_view& s, context&) -> node_result {
    return flow::update{{"x", s.at("x").to_number<int>() + 1}};
  });
  b.edge(flow::start, "a");
  auto flow = b.build().value();
  kept_checkpoints none, other;
  run_driver without{flow, none};
  without.input(js("{}")).run();
  CHECK(without.outcome->error.at("error") == "KeyError");
  CHECK(without.outcome->error.at("message") == "'x'");
  run_driver with{flow, other};
  with.input(js(R"({"x": 1})")).run();
  CHECK(with.values() == js(R"({"x": 2})"));
}

TEST_CASE("an error that value() finds ends the node as that error", "[graph]") {
  graph_builder b{"careless"};
  b.channel("x", flow::last_value());
  b.node("a", [](state_view, context ctx) -> coroutine<node_result> {
    auto reply = (co_await ctx.service("mail").get("/")).value();
    co_return flow::update{{"x", reply.body}};
  });
  b.edge(flow::start, "a");
  kept_checkpoints none;
  run_driver run{b.build().value(), none};
  run.answer = [](const effect&) { return error{errc::denied, "log in", {}, "needs_auth"}; };
  run.input(js("{}")).run();
  CHECK(run.outcome->error.at("error") == "needs_auth");
}

TEST_CASE("a node sees the channels it reads, and private ones are shown to nobody", "[graph]") {
  graph_builder b{"apart"};
  b.channel("in", flow::last_value()).channel("out", flow::last_value());
  b.private_channel("notes", flow::last_value());
  node_options narrow;
  narrow.reads = {"notes"};
  b.node("a", [](const state_view& s, context&) -> node_result {
    return flow::update{{"notes", s["in"]}};
  });
  b.node(
    "b",
    [](const state_view& s, context&) -> node_result {
      return flow::update{{"out", json::object{{"in", s.has("in")}, {"all", s.to_json()}}}};
    },
    narrow);
  b.edge(flow::start, "a").edge("a", "b");
  auto flow = b.build().value();
  kept_checkpoints none;
  run_driver run{flow, none};
  run.input(js(R"({"in": 1})")).run();
  CHECK(run.values() == js(R"({"in": 1, "out": {"in": false, "all": {"notes": 1}}})"));
  for (const auto* schema : {"input_schema", "output_schema", "state_schema"})
    CHECK_FALSE(flow->schemas().at(schema).at("properties").as_object().contains("notes"));

  for (const auto* kwargs :
       {R"({"input": {"notes": 1}})", R"({"command": {"update": {"notes": 1}}})",
        R"({"command": {"update": [["in", 1], ["notes", 1]]}})",
        R"({"command": {"goto": {"node": "b", "input": {"notes": 1}}}})",
        R"({"command": {"goto": ["a", {"node": "b", "input": {"notes": 1}}]}})"}) {
    kept_checkpoints thread;
    run_driver refused{flow, thread};
    refused.kwargs = js(kwargs).as_object();
    refused.run();
    CHECK(refused.outcome->error
          == js(R"({"error": "InvalidUpdateError",)"
                R"( "message": "At key 'notes': the channel is private to the graph's nodes"})"));
    CHECK(thread.docs.empty());
  }

  node_options wrong;
  wrong.reads = {"nothing"};
  graph_builder c{"wrong"};
  c.node("a", nothing, wrong).edge(flow::start, "a").interrupt_before({"b"});
  auto why = refusal(c);
  CHECK(why.find("channel 'nothing' is not declared") != why.npos);
  CHECK(why.find("runs are to stop at 'b', which is no node") != why.npos);
}

TEST_CASE("a graph says where its runs stop, and a run may say otherwise", "[graph]") {
  graph_builder b{"stops"};
  b.channel("x", flow::append());
  for (const auto* name : {"a", "b"})
    b.node(name, [](const state_view&, context& ctx) -> node_result {
      return flow::update{{"x", ctx.node()}};
    });
  b.edge(flow::start, "a").edge("a", "b").interrupt_before({"b"});
  auto flow = b.build().value();
  kept_checkpoints thread, other;
  run_driver first{flow, thread};
  first.input(js("{}")).run();
  CHECK(first.outcome->next == std::vector<std::string>{"b"});
  run_driver second{flow, thread};
  second.run();
  CHECK(second.values() == js(R"({"x": ["a", "b"]})"));
  run_driver own{flow, other};
  own.kwargs["interrupt_before"] = json::array{"a"};
  own.input(js("{}")).run();
  CHECK(own.outcome->next == std::vector<std::string>{"a"});
}

TEST_CASE("a graph tells which of its nodes are graphs, however deep", "[graph]") {
  auto around = [](const char* name, const char* node, std::shared_ptr<const graph> inner) {
    graph_builder b{name};
    b.node(node, std::move(inner)).edge(flow::start, node);
    return b.build().value();
  };
  graph_builder b{"child"};
  b.node("c", nothing).edge(flow::start, "c").keeps(persistence::per_thread);
  auto child = b.build().value();
  auto parent = around("parent", "p_two", child);
  auto grandparent = around("grandparent", "gp_two", parent);
  auto flat = grandparent->subgraphs(false);
  REQUIRE(flat.size() == 1);
  CHECK(flat[0].place == "gp_two");
  CHECK(flat[0].what == parent.get());
  auto all = grandparent->subgraphs(true);
  REQUIRE(all.size() == 2);
  CHECK(all[1].place == "gp_two|p_two");
  CHECK(all[1].what->keeps() == persistence::per_thread);

  CHECK(grandparent->at("") == grandparent.get());
  CHECK(grandparent->at("gp_two|p_two") == child.get());
  CHECK(grandparent->at("gp_two:1f-2|p_two:3e-4") == child.get());
  CHECK(grandparent->at("gp_two:1f-2|1|p_two:3e-4") == child.get());
  CHECK(grandparent->at("1|gp_two") == nullptr);
  CHECK(grandparent->at("gp_two|p_two|c") == nullptr);

  graph_builder calls{"calls"};
  node_options options;
  options.calls = child;
  calls.node("ask", nothing, options).edge(flow::start, "ask");
  CHECK(calls.build().value()->at("ask:1f-2") == child.get());

  graph_builder without{"without"};
  without.node("x", std::shared_ptr<const graph>{}).edge(flow::start, "x");
  CHECK_THAT(refusal(without), Catch::Contains("the node 'x' is a graph that could not be built"));
}
