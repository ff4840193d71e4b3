// Graphs inside graphs: their streams as the reference sends them, what they keep, where they stop.
#include "runtime/graph/graph.hpp"
#include "testing/run_driver.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace behalf;
using lines = std::vector<std::string>;

namespace {

using graph_ptr = std::shared_ptr<const graph>;

node_result says_its_name(const state_view&, context& ctx) {
  return flow::update{{"foo", json::array{ctx.node()}}};
}

coroutine<node_result> may_ask(state_view state, context ctx) {
  if (!state.flag("do_int"))
    co_return flow::update{{"foo", json::array{"c2"}}};
  auto answer = co_await ctx.interrupt("from child");
  co_return flow::update{{"foo", json::array{"c2:" + std::string(answer.as_string())}}};
}

graph_builder foo_graph(const char* name) {
  graph_builder b{name};
  b.channel("foo", flow::append()).channel("do_int", flow::last_value());
  return b;
}

/// c1 → c2, which asks if told to
graph_ptr child(persistence keeps = persistence::per_invocation, bool stops = false) {
  auto b = foo_graph("child");
  b.node("c1", says_its_name).node("c2", may_ask).keeps(keeps);
  b.edge(flow::start, "c1").edge("c1", "c2");
  if (stops)
    b.interrupt_before({"c2"});
  return b.build().value();
}

/// pa → child → pb
graph_ptr around(graph_ptr inside, node_options options = {}) {
  auto b = foo_graph("parent");
  b.node("pa", says_its_name).node("child", std::move(inside), options).node("pb", says_its_name);
  b.edge(flow::start, "pa").edge("pa", "child").edge("child", "pb");
  return b.build().value();
}

/// x and y side by side, each a child
graph_ptr side_by_side() {
  auto b = foo_graph("side");
  b.output({"foo"});
  auto only_foo = foo_graph("quiet");
  only_foo.output({"foo"});
  only_foo.node("c1", says_its_name).node("c2", may_ask);
  only_foo.edge(flow::start, "c1").edge("c1", "c2");
  auto inside = only_foo.build().value();
  b.node("x", inside).node("y", inside);
  b.edge(flow::start, "x").edge(flow::start, "y");
  return b.build().value();
}

run_driver on(const graph_ptr& flow, kept_checkpoints& thread, bool inner_events = true) {
  run_driver r{flow, thread};
  r.modes(js(R"(["values","updates"])"));
  r.kwargs["subgraphs"] = inner_events;
  return r;
}

// Task and interrupt ids as #0, #1, … in the order they appear.
lines numbered(const run_driver& r) {
  std::map<std::string, std::string> names;
  auto all = r.lines();
  for (auto& line : all)
    for (std::size_t at = 0; at < line.size();) {
      auto end = line.find_first_not_of("0123456789abcdef-", at);
      auto length = (end == line.npos ? line.size() : end) - at;
      if (length == 36 || length == 32) {
        auto& name = names[line.substr(at, length)];
        if (name.empty())
          name = "#" + std::to_string(names.size() - 1);
        line.replace(at, length, name);
        length = name.size();
      }
      at += length + 1;
    }
  return all;
}

json::value interrupt_id(const run_driver& r, std::size_t i = 0) {
  return json::value(r.outcome->interrupts.at(i).id);
}

const json::value ask = js(R"({"foo":["in"],"do_int":true})");

} // namespace

TEST_CASE("a subgraph streams under its namespace and asks at every level", "[graph]") {
  kept_checkpoints thread;
  auto first = on(around(child()), thread);
  first.input(ask).run();
  CHECK(
    numbered(first)
    == lines{
      R"(values {"foo":["in"],"do_int":true})", R"(updates {"pa":{"foo":["pa"]}})",
      R"(values {"foo":["in","pa"],"do_int":true})",
      R"(values|child:#0 {"foo":["in","pa"],"do_int":true})",
      R"(updates|child:#0 {"c1":{"foo":["c1"]}})",
      R"(values|child:#0 {"foo":["in","pa","c1"],"do_int":true})",
      R"(updates|child:#0 {"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})",
      R"(values|child:#0 {"foo":["in","pa","c1"],"do_int":true,"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})",
      R"(updates {"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})",
      R"(values {"foo":["in","pa"],"do_int":true,"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})"});
  CHECK(first.outcome->next == lines{"child"});
  REQUIRE(first.outcome->interrupts.size() == 1);
  const auto head = thread.load()->at;
  CHECK(first.outcome->interrupts[0].task_id != head.next[0].id); // the innermost task's

  auto second = on(around(child()), thread);
  second.command(js(R"({"resume":"yes"})")).run();
  CHECK(numbered(second)
        == lines{R"(values {"foo":["in","pa"],"do_int":true})",
                 R"(values|child:#0 {"foo":["in","pa","c1"],"do_int":true})",
                 R"(updates|child:#0 {"c2":{"foo":["c2:yes"]}})",
                 R"(values|child:#0 {"foo":["in","pa","c1","c2:yes"],"do_int":true})",
                 R"(updates {"child":{"foo":["in","pa","c1","c2:yes"],"do_int":true}})",
                 R"(values {"foo":["in","pa","in","pa","c1","c2:yes"],"do_int":true})",
                 R"(updates {"pb":{"foo":["pb"]}})",
                 R"(values {"foo":["in","pa","in","pa","c1","c2:yes","pb"],"do_int":true})"});
}

TEST_CASE("without the flag a subgraph's events are not sent", "[graph]") {
  kept_checkpoints thread;
  auto r = on(around(child()), thread, false);
  r.input(js(R"({"foo":["in"]})")).run();
  CHECK(numbered(r)
        == lines{
          R"(values {"foo":["in"]})", R"(updates {"pa":{"foo":["pa"]}})",
          R"(values {"foo":["in","pa"]})", R"(updates {"child":{"foo":["in","pa","c1","c2"]}})",
          R"(values {"foo":["in","pa","in","pa","c1","c2"]})", R"(updates {"pb":{"foo":["pb"]}})",
          R"(values {"foo":["in","pa","in","pa","c1","c2","pb"]})"});
}

TEST_CASE("a subgraph has checkpoints of its own, which name those around it", "[graph]") {
  kept_checkpoints thread;
  auto r = on(around(child()), thread);
  r.input(ask).run();
  const auto root = thread.load()->at;
  const auto ns = "child:" + root.next[0].id;
  const auto inner = thread.load({}, ns)->at;
  CHECK(inner.step == 1);
  CHECK(inner.next[0].name == "c2");
  CHECK(inner.parents == json::object{{"", root.id}});
  const auto metadata = inner.metadata();
  CHECK(metadata.at("checkpoint_ns") == json::value(ns));
  CHECK(metadata.at("langgraph_node") == json::value("child"));
  CHECK(metadata.at("langgraph_path") == js(R"(["__pregel_pull","child"])"));
  CHECK(metadata.at("parents") == json::value(inner.parents));
}

TEST_CASE("a breakpoint inside a subgraph stops the run, which goes on from there", "[graph]") {
  auto flow = around(child(persistence::per_invocation, true));
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(js(R"({"foo":["in"]})")).run();
  CHECK(first.lines().back() == R"(updates {"__interrupt__":[]})");
  CHECK(first.data("updates").back() == js(R"({"__interrupt__":[]})"));
  const auto all = first.lines();
  CHECK(std::count(all.begin(), all.end(), all.back()) == 1);
  CHECK(first.outcome->next == lines{"child"});
  CHECK(first.outcome->interrupts.empty());
  CHECK(first.outcome->thread_status() == "interrupted");
  auto second = on(flow, thread);
  second.run();
  CHECK(second.values() == js(R"({"foo":["in","pa","in","pa","c1","c2","pb"]})"));

  kept_checkpoints other;
  on(flow, other).input(ask).run();
  auto answered = on(flow, other);
  answered.command(js(R"({"resume":"early"})")).run();
  CHECK(answered.values().at("foo") == js(R"(["in","pa","in","pa","c1","c2:early","pb"])"));
}

TEST_CASE("answers find their questions in subgraphs side by side", "[graph]") {
  auto flow = side_by_side();
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(ask).run();
  REQUIRE(first.outcome->interrupts.size() == 2);
  auto x = interrupt_id(first, 0), y = interrupt_id(first, 1);

  auto plain = on(flow, thread);
  plain.command(js(R"({"resume":"v"})")).run();
  CHECK(plain.outcome->error.at("error") == json::value("RuntimeError"));

  auto one = on(flow, thread);
  one.command(json::object{{"resume", {{x.as_string(), "one"}}}}).run();
  REQUIRE(one.outcome->interrupts.size() == 1);
  CHECK(one.outcome->interrupts[0].id == std::string(y.as_string()));
  auto other = on(flow, thread);
  other.command(json::object{{"resume", {{y.as_string(), "two"}}}}).run();
  CHECK(other.values().at("foo") == js(R"(["in","in","c1","c2:one","in","c1","c2:two"])"));
  CHECK(other.data("updates").front().at("__metadata__") == js(R"({"cached":true})"));
}

TEST_CASE("a question three levels deep is one question at each of them", "[graph]") {
  auto flow = around(around(child()));
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(ask).run();
  REQUIRE(first.outcome->interrupts.size() == 1);
  std::map<std::string, int> ids;
  for (const auto& e : first.events)
    if (e.name.starts_with("updates"))
      if (const auto data = js(*e.data); const auto* stops = member(data, "__interrupt__"))
        ++ids[std::string(stops->at(0).at("id").as_string())];
  CHECK(ids == std::map<std::string, int>{{first.outcome->interrupts[0].id, 3}});
  auto second = on(flow, thread);
  second.command(js(R"({"resume":"deep"})")).run();
  CHECK(second.outcome->status() == "success");
  CHECK(dump(second.values()).find("c2:deep") != std::string::npos);
}

TEST_CASE("a subgraph may keep its state for the thread", "[graph]") {
  auto flow = around(child(persistence::per_thread));
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(ask).run();
  CHECK(numbered(first)[3] == R"(values|child {"foo":["in","pa"],"do_int":true})");
  on(flow, thread).command(js(R"({"resume":"v"})")).run();
  auto again = on(flow, thread);
  again.input(js(R"({"foo":["two"],"do_int":false})")).run();
  CHECK(again.data("values|child").front().at("foo")
        == js(R"(["in","pa","c1","c2:v","in","pa","in","pa","c1","c2:v","pb","two","pa"])"));
}

TEST_CASE("a subgraph that keeps nothing begins anew, and is answered", "[graph]") {
  auto flow = around(child(persistence::none));
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(ask).run();
  for (const auto& [id, doc] : thread.docs)
    CHECK(doc.ns.empty());
  auto by_id = json::object{{"resume", {{interrupt_id(first).as_string(), "v"}}}};
  auto second = on(flow, thread);
  second.command(by_id).run();
  CHECK(second.data("values|child:" + thread.docs.begin()->second.id).empty());
  CHECK(second.values().at("foo") == js(R"(["in","pa","in","pa","c1","c2:v","pb"])"));
}

TEST_CASE("a command for the parent ends the subgraph with it", "[graph]") {
  auto b = foo_graph("up");
  b.node("c1", says_its_name).node("u", [](const state_view&, context&) -> node_result {
    return flow::command{flow::update{{"foo", json::array{"up"}}}, "pc"}.in_parent();
  });
  b.edge(flow::start, "c1").edge("c1", "u");
  auto up = b.build().value();
  auto p = foo_graph("parent");
  node_options options;
  options.may_go_to = {"pc"};
  p.node("child", up, options).node("pb", says_its_name).node("pc", says_its_name);
  p.edge(flow::start, "child").edge("child", "pb");
  kept_checkpoints thread;
  auto r = on(p.build().value(), thread);
  r.input(js(R"({"foo":["in"]})")).run();
  CHECK(r.values().at("foo") == js(R"(["in","up","pb","pc"])"));

  kept_checkpoints alone;
  auto refused = on(up, alone);
  refused.input(js(R"({"foo":["in"]})")).run();
  CHECK(refused.outcome->error.at("error") == json::value("ParentCommand"));
}

TEST_CASE("a subgraph's failure is its node's, which may be tried again", "[graph]") {
  auto tries = std::make_shared<int>(0);
  auto b = foo_graph("child");
  b.node("c1", says_its_name).node("u", [tries](const state_view&, context&) -> node_result {
    if (++*tries < 3)
      return error{errc::upstream, "boom", {}, "ValueError"};
    return flow::update{{"foo", json::array{"at last"}}};
  });
  b.edge(flow::start, "c1").edge("c1", "u");
  auto inside = b.build().value();
  kept_checkpoints thread;
  auto failed = on(around(inside), thread);
  failed.input(js(R"({"foo":["in"]})")).run();
  CHECK(failed.outcome->error == js(R"({"error":"ValueError","message":"boom"})"));
  CHECK(failed.data("error").size() == 1);
  CHECK(thread.load()->at.pending[0].failure == "ValueError('boom')");
  // Another run goes on inside it; so does a retry.
  node_options retry;
  retry.retry.max_attempts = 2;
  auto again = on(around(inside, retry), thread);
  again.run();
  CHECK(*tries == 3);
  CHECK(again.values().at("foo") == js(R"(["in","pa","in","pa","c1","at last","pb"])"));
}

TEST_CASE("a graph is called inside a node, and goes on when the node runs again", "[graph]") {
  auto inside = child();
  auto b = foo_graph("caller");
  node_options options;
  options.calls = inside;
  b.node(
    "ask",
    [inside](state_view state, context ctx) -> coroutine<node_result> {
      auto one = co_await ctx.run(inside, {{"foo", list("one")}});
      auto two = co_await ctx.run(inside, {{"foo", list("two")}, {"do_int", state.flag("do_int")}});
      if (!one || !two)
        co_return error{errc::internal, "a call failed"};
      auto all = one->at("foo").as_array();
      for (const auto& each : two->at("foo").as_array())
        all.push_back(each);
      co_return flow::update{{"foo", all}};
    },
    options);
  b.edge(flow::start, "ask");
  auto flow = b.build().value();
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(ask).run();
  CHECK(
    numbered(first)
    == lines{
      R"(values {"foo":["in"],"do_int":true})", R"(values|ask:#0 {"foo":["one"]})",
      R"(updates|ask:#0 {"c1":{"foo":["c1"]}})", R"(values|ask:#0 {"foo":["one","c1"]})",
      R"(updates|ask:#0 {"c2":{"foo":["c2"]}})", R"(values|ask:#0 {"foo":["one","c1","c2"]})",
      R"(values|ask:#0|1 {"foo":["two"],"do_int":true})",
      R"(updates|ask:#0|1 {"c1":{"foo":["c1"]}})",
      R"(values|ask:#0|1 {"foo":["two","c1"],"do_int":true})",
      R"(updates|ask:#0|1 {"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})",
      R"(values|ask:#0|1 {"foo":["two","c1"],"do_int":true,"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})",
      R"(updates {"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})",
      R"(values {"foo":["in"],"do_int":true,"__interrupt__":[{"value":"from child","id":"#1","response_schema":null}]})"});

  auto second = on(flow, thread);
  second.command(js(R"({"resume":"v"})")).run();
  CHECK(numbered(second)
        == lines{R"(values {"foo":["in"],"do_int":true})",
                 R"(values|ask:#0 {"foo":["one","c1","c2"]})",
                 R"(values|ask:#0|1 {"foo":["two","c1"],"do_int":true})",
                 R"(updates|ask:#0|1 {"c2":{"foo":["c2:v"]}})",
                 R"(values|ask:#0|1 {"foo":["two","c1","c2:v"],"do_int":true})",
                 R"(updates {"ask":{"foo":["one","c1","c2","two","c1","c2:v"]}})",
                 R"(values {"foo":["in","one","c1","c2","two","c1","c2:v"],"do_int":true})"});
}

TEST_CASE("graphs called side by side in one node each have a place of their own", "[graph]") {
  auto inside = child();
  auto b = foo_graph("caller");
  b.node("ask", [inside](state_view, context ctx) -> coroutine<node_result> {
    auto [one, two] = co_await when_all(ctx.run(inside, {{"foo", list("one")}}),
                                        ctx.run(inside, {{"foo", list("two")}}));
    co_return flow::update{{"foo", json::array{one->at("foo"), two->at("foo")}}};
  });
  b.edge(flow::start, "ask");
  kept_checkpoints thread;
  auto r = on(b.build().value(), thread);
  r.input(js(R"({"foo":[]})")).run();
  CHECK(r.values().at("foo") == js(R"([["one","c1","c2"],["two","c1","c2"]])"));
  std::set<std::string> places;
  for (const auto& [id, doc] : thread.docs)
    places.insert(doc.ns);
  CHECK(places.size() == 3);
}

TEST_CASE("a graph that runs itself without end is refused", "[graph]") {
  static std::weak_ptr<const graph> self;
  auto b = foo_graph("endless");
  b.node("again", [](state_view, context ctx) -> coroutine<node_result> {
    auto deeper = co_await ctx.run(self.lock(), {{"foo", list("x")}});
    if (!deeper)
      co_return deeper.error();
    co_return node_result{};
  });
  b.edge(flow::start, "again");
  auto flow = b.build().value();
  self = flow;
  kept_checkpoints thread;
  auto r = on(flow, thread);
  r.input(js(R"({"foo":[]})")).run();
  CHECK(r.outcome->error.at("error") == json::value("GraphRecursionError"));
}

TEST_CASE("after a crash inside a subgraph the run goes on from its last checkpoint", "[graph]") {
  auto flow = around(child());
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(js(R"({"foo":["in"]})"));
  first.begin();
  first.run_task("pa");
  first.run_task("child");
  first.run_task("c1"); // and here the process ends
  auto second = on(flow, thread);
  second.input(js(R"({"foo":["in"]})"));
  second.run_id = first.run_id;
  second.after_crash = true;
  second.run();
  CHECK(second.values().at("foo") == js(R"(["in","pa","in","pa","c1","c2","pb"])"));
  for (const auto& line : second.lines())
    CHECK(line.find(R"({"c1":)") == std::string::npos);
}

TEST_CASE("with durability exit only what is needed of a subgraph is kept", "[graph]") {
  auto flow = around(child());
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(ask);
  first.kwargs["durability"] = "exit";
  first.run();
  CHECK(thread.docs.size() == 2); // the run's and the child's
  auto second = on(flow, thread);
  second.command(js(R"({"resume":"v"})"));
  second.kwargs["durability"] = "exit";
  second.run();
  CHECK(second.values().at("foo") == js(R"(["in","pa","in","pa","c1","c2:v","pb"])"));
  CHECK(thread.docs.size() == 3); // the child's is not needed any more
}

TEST_CASE("the recursion limit counts each graph's own steps", "[graph]") {
  kept_checkpoints thread;
  auto r = on(around(child()), thread);
  r.input(js(R"({"foo":["in"]})"));
  r.kwargs["config"] = js(R"({"recursion_limit":4})");
  CHECK(r.run().outcome->status() == "success"); // three steps around, two inside
  kept_checkpoints other;
  auto few = on(around(child()), other);
  few.input(js(R"({"foo":["in"]})"));
  few.kwargs["config"] = js(R"({"recursion_limit":2})");
  CHECK(few.run().outcome->error.at("error") == json::value("GraphRecursionError"));
}

TEST_CASE("cancelling a run inside a subgraph keeps where it was", "[graph]") {
  auto flow = around(child());
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(js(R"({"foo":["in"]})"));
  first.begin();
  first.run_task("pa");
  first.run_task("child");
  first.run_task("c1");
  first.take(first.loop->cancel());
  CHECK(first.outcome->next == lines{"child"});
  auto second = on(flow, thread);
  second.run();
  CHECK(second.values().at("foo") == js(R"(["in","pa","in","pa","c1","c2","pb"])"));
  CHECK(second.data("updates|child:" + thread.load()->at.id).empty());
}

TEST_CASE("a run goes back to a checkpoint inside a subgraph, and on from there", "[graph]") {
  auto flow = around(child());
  kept_checkpoints thread;
  auto first = on(flow, thread);
  first.input(js(R"({"foo":["in"]})")).run();
  std::string root, ns, inside;
  for (const auto& [id, doc] : thread.docs) {
    if (doc.ns.empty() && !doc.next.empty() && doc.next[0].name == "child") {
      root = id;
      ns = "child:" + doc.next[0].id;
    }
    if (!doc.ns.empty() && !doc.next.empty() && doc.next[0].name == "c2")
      inside = id;
  }
  auto back = on(flow, thread);
  back.from = root;
  back.kwargs["checkpoint_map"] = json::object{{"", root}, {ns, inside}};
  back.run();
  CHECK(back.values().at("foo") == js(R"(["in","pa","in","pa","c1","c2","pb"])"));
  for (const auto& line : back.lines())
    CHECK(line.find(R"({"c1":)") == std::string::npos); // c1 is not run again
  auto copies = std::count_if(thread.docs.begin(), thread.docs.end(), [](const auto& one) {
    return !one.second.ns.empty() && one.second.source == "fork" && one.second.full;
  });
  CHECK(copies == 1);
  auto anew = on(flow, thread);
  anew.from = root;
  anew.run();
  CHECK(dump(json::value_from(anew.lines())).find("c1") != std::string::npos);
}
