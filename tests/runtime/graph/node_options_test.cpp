// Nodes that wait for everything else, nodes that a cache answers for, and how many steps are left.
#include "runtime/graph/graph.hpp"
#include "runtime/graph/node_cache.hpp"
#include "testing/run_driver.hpp"
#include "tests/support/catch.hpp"

#include <chrono>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

node_result says_its_name(const state_view&, context& ctx) {
  return flow::update{{"foo", json::array{ctx.node()}}};
}

node_options deferred() {
  node_options options;
  options.deferred = true;
  return options;
}

json::value foo_of(run_driver& r) {
  return r.run().values().at("foo");
}

/// a → b → b2 → d, a → c → d, where d is deferred.
std::shared_ptr<const graph> two_ways() {
  graph_builder b{"deferred"};
  b.channel("foo", flow::append());
  for (auto name : {"a", "b", "b2", "c"})
    b.node(name, says_its_name);
  b.node("d", says_its_name, deferred());
  b.edge(flow::start, "a").edge("a", "b").edge("a", "c").edge("b", "b2");
  b.edge("b2", "d").edge("c", "d");
  return b.build().value();
}

/// One cached node, which counts how often it ran.
struct counted {
  std::shared_ptr<int> runs = std::make_shared<int>(0);
  std::shared_ptr<const graph> flow;

  explicit counted(node_options options) {
    graph_builder b{"cached"};
    b.channel("foo", flow::append());
    b.node(
      "a",
      [n = runs](const state_view&, context&) -> node_result {
        ++*n;
        return flow::command{flow::update{{"foo", json::array{"a"}}}, "b"};
      },
      std::move(options));
    b.node("b", says_its_name).edge(flow::start, "a");
    flow = b.build().value();
  }
};

node_options cached_for(std::chrono::milliseconds ttl) {
  node_options options;
  options.cache.ttl = ttl;
  options.may_go_to = {"b"};
  return options;
}

std::string same_key(const state_view&, const context&) {
  return "same";
}

} // namespace

TEST_CASE("a deferred node runs once, when nothing else is left", "[graph]") {
  kept_checkpoints thread;
  run_driver r{two_ways(), thread};
  r.input(js(R"({"foo":["in"]})"));
  CHECK(foo_of(r) == js(R"(["in","a","b","c","b2","d"])"));
}

TEST_CASE("what a deferred node waits for survives a crash", "[graph]") {
  kept_checkpoints thread;
  run_driver first{two_ways(), thread};
  first.input(js(R"({"foo":[]})")).begin();
  for (std::string_view name : {"a", "b", "c"})
    first.run_task(name);
  CHECK(thread.load()->at.next.size() == 1); // b2
  run_driver second{two_ways(), thread};
  second.run_id = first.run_id;
  second.after_crash = true;
  CHECK(foo_of(second) == js(R"(["a","b","c","b2","d"])"));
}

TEST_CASE("what is sent to a deferred node is not held back", "[graph]") {
  graph_builder b{"sends"};
  b.channel("foo", flow::append());
  node_options goes;
  goes.may_go_to = {"d", "x"};
  b.node(
    "a",
    [](const state_view&, context&) -> node_result {
      flow::route to;
      to.add(flow::send{"d", json::object{}}).add("x");
      return flow::command{to};
    },
    goes);
  b.node("d", says_its_name, deferred()).node("x", says_its_name).node("y", says_its_name);
  b.edge(flow::start, "a").edge("x", "y");
  kept_checkpoints thread;
  run_driver r{b.build().value(), thread};
  r.input(js(R"({"foo":[]})"));
  CHECK(foo_of(r) == js(R"(["x","d","y"])"));
}

TEST_CASE("a cached node is answered with what it came to, and says so", "[graph]") {
  counted made{cached_for(60s)};
  kept_checkpoints one, two, three;
  run_driver first{made.flow, one};
  first.input(js(R"({"foo":["in"]})"));
  CHECK(foo_of(first) == js(R"(["in","a","b"])"));
  run_driver second{made.flow, two};
  second.input(js(R"({"foo":["in"]})")).modes(js(R"(["updates","tasks"])"));
  CHECK(foo_of(second) == js(R"(["in","a","b"])"));
  CHECK(*made.runs == 1);
  auto updates = second.data("updates");
  CHECK(updates[0] == js(R"({"a":{"foo":["a"]},"__metadata__":{"cached":true}})"));
  CHECK(updates[1] == js(R"({"b":{"foo":["b"]}})"));
  CHECK(second.data("tasks").size() == 3); // the start of a, and b with its result

  run_driver third{made.flow, three};
  third.input(js(R"({"foo":["else"]})")).run();
  CHECK(*made.runs == 2);
}

TEST_CASE("a cached node may say what its result depends on", "[graph]") {
  auto options = cached_for(60s);
  options.cache.key = same_key;
  counted made{options};
  for (auto input : {R"({"foo":["x"]})", R"({"foo":["y"]})"}) {
    kept_checkpoints thread;
    run_driver r{made.flow, thread};
    r.input(js(input)).run();
  }
  CHECK(*made.runs == 1);
}

TEST_CASE("a cache keeps users apart, its times and its bound", "[graph]") {
  node_cache cache{2000};
  const auto begin = time_point{} + 1h;
  auto mine = node_cache::key("alice", "a", "x");
  CHECK(mine != node_cache::key("bob", "a", "x"));
  CHECK(mine != node_cache::key("alice", "ax", ""));
  cache.keep(mine, flow::command{"b"}, begin + 1min);
  CHECK(cache.find(mine, begin));
  CHECK_FALSE(cache.find(mine, begin + 1min));
  for (int i = 0; i < 100; ++i)
    cache.keep(std::to_string(i), flow::command{"b"}, begin + 1min);
  CHECK_FALSE(cache.find("0", begin));
  CHECK(cache.find("99", begin));
  cache.keep("huge", flow::command{flow::update{{"x", std::string(5000, 'x')}}, "b"}, begin + 1min);
  CHECK_FALSE(cache.find("huge", begin));
  CHECK(cache.find("99", begin));
}

TEST_CASE("many cached steps in a row take no stack", "[graph]") {
  auto sum = [](const json::value& old, const json::value& more) {
    return json::value(old.as_int64() + more.as_int64());
  };
  graph_builder b{"loop"};
  b.channel("n", flow::reduced(sum, 0));
  node_options options;
  options.cache = {60s, same_key};
  auto one = [](const state_view&, context&) -> node_result { return flow::update{{"n", 1}}; };
  b.node("a", one, options).edge(flow::start, "a");
  b.conditional("a", [](const state_view& s, const context&) {
    return s.number("n") < 9000 ? flow::route{"a"} : flow::route{flow::end};
  });
  kept_checkpoints thread;
  run_driver r{b.build().value(), thread};
  r.kwargs["durability"] = "exit";
  r.input(js(R"({"n":0})")).run();
  CHECK(r.values().at("n") == json::value(9000));
}

TEST_CASE("a node knows how many steps are left", "[graph]") {
  graph_builder b{"managed"};
  b.channel("foo", flow::append());
  b.node("a", [](const state_view&, context& ctx) -> node_result {
    return flow::update{{"foo", json::array{ctx.remaining_steps(), ctx.is_last_step()}}};
  });
  b.edge(flow::start, "a");
  b.conditional("a", [](const state_view&, const context& ctx) {
    return ctx.remaining_steps() <= 2 ? flow::route{flow::end} : flow::route{"a"};
  });
  auto flow = b.build().value();
  kept_checkpoints thread, other;
  run_driver r{flow, thread};
  r.input(js(R"({"foo":[]})")).kwargs["config"] = js(R"({"recursion_limit":4})");
  CHECK(foo_of(r) == js("[3,false,2,false]"));
  run_driver few{flow, other};
  few.input(js(R"({"foo":[]})")).kwargs["config"] = js(R"({"recursion_limit":2})");
  CHECK(foo_of(few) == js("[1,true]"));
}
