// Graphs that are made of graphs.
#include "tests/graphs/graphs.hpp"

#include <chrono>

using namespace behalf;

namespace graphs {
namespace {

node_result say_entered(const state_view&, context& ctx) {
  return flow::update{{"messages", list("Entered " + std::string(ctx.node()) + " node")}};
}

node_result choose_weather(const state_view&, context&) {
  return flow::update{{"route", "weather"}};
}

flow::route as_chosen(const state_view& state, const context&) {
  return state.text("route") == "weather" ? "weather_graph" : "normal_llm_node";
}

node_result find_city(const state_view&, context&) {
  return flow::update{{"city", "San Francisco"}};
}

node_result tell_weather(const state_view& state, context&) {
  return flow::update{{"messages", ai("It's sunny in " + std::string(state.text("city")) + "!")}};
}

node_result say_hello(const state_view&, context&) {
  return flow::update{{"messages", ai("Hello")}};
}

coroutine<node_result> ask_if_told(state_view state, context ctx) {
  if (!state.flag("do_int"))
    co_return flow::update{{"foo", list("c2")}};
  auto answer = co_await ctx.interrupt("from child");
  if (answer == json::value("slow"))
    co_await ctx.sleep(std::chrono::seconds(3));
  co_return flow::update{{"foo", list("c2:" + dump(answer))}};
}

node_result say_name(const state_view&, context& ctx) {
  return flow::update{{"foo", list(ctx.node())}};
}

json::object one_of(json::array names) {
  return {{"type", "string"}, {"enum", std::move(names)}};
}

} // namespace

namespace {

graph_builder said(const char* name) {
  graph_builder b{name};
  b.channel("messages", flow::append());
  b.channel("entered", flow::last_value(one_of(list("grandparent", "parent", "child"))));
  return b;
}

// What cannot be built is told by the graph around it.
std::shared_ptr<const graph> inside(made built) {
  return built ? *built : nullptr;
}

} // namespace

// grandparent: gp_one, then the graph parent: p_one, then the graph child: c_one, c_two.
made make_nested() {
  auto child = said("child"), parent = said("parent"), grandparent = said("nested");
  child.node("c_one", say_entered).node("c_two", say_entered);
  child.edge(flow::start, "c_one").edge("c_one", "c_two");
  parent.node("p_one", say_entered).node("p_two", inside(child.build()));
  parent.edge(flow::start, "p_one").edge("p_one", "p_two");
  grandparent.node("gp_one", say_entered).node("gp_two", inside(parent.build()));
  grandparent.edge(flow::start, "gp_one").edge("gp_one", "gp_two");
  return grandparent.build();
}

// The weather graph is model_node, which finds the city, and weather_node, before which it stops.
made make_weather() {
  graph_builder weather{"weather_graph"};
  weather.channel("messages", flow::messages()).channel("city", flow::last_value());
  weather.node("model_node", find_city).node("weather_node", tell_weather);
  weather.edge(flow::start, "model_node").edge("model_node", "weather_node");
  weather.interrupt_before({"weather_node"});

  graph_builder b{"weather"};
  b.channel("messages", flow::messages());
  b.channel("route", flow::last_value(one_of(list("weather", "other"))));
  b.node("router_node", choose_weather).node("normal_llm_node", say_hello);
  b.node("weather_graph", inside(weather.build()));
  b.edge(flow::start, "router_node");
  b.conditional("router_node", as_chosen, {"weather_graph", "normal_llm_node"});
  return b.build();
}

namespace {

graph_builder with_foo(const char* name) {
  graph_builder b{name};
  b.channel("foo", flow::append()).channel("do_int", flow::last_value());
  return b;
}

// c1, then c2, which asks if told to.
std::shared_ptr<const graph> make_child() {
  auto child = with_foo("child");
  child.node("c1", say_name).node("c2", ask_if_told);
  child.edge(flow::start, "c1").edge("c1", "c2");
  return inside(child.build());
}

} // namespace

// ask calls the graph child twice; the second may ask.
made make_calls() {
  auto child = make_child();
  node_options options;
  options.calls = child;
  auto b = with_foo("calls");
  b.node(
    "ask",
    [child](state_view state, context ctx) -> coroutine<node_result> {
      auto one = co_await ctx.run(child, {{"foo", list("one")}});
      auto two = co_await ctx.run(child, {{"foo", list("two")}, {"do_int", state.flag("do_int")}});
      if (!one || !two)
        co_return one ? two.error() : one.error();
      co_return flow::update{{"foo", list(one->at("foo"), two->at("foo"))}};
    },
    options);
  b.edge(flow::start, "ask");
  return b.build();
}

// pa, then the graph child, then pb.
made make_sub() {
  auto b = with_foo("sub");
  b.node("pa", say_name).node("child", make_child()).node("pb", say_name);
  b.edge(flow::start, "pa").edge("pa", "child").edge("child", "pb");
  return b.build();
}

// tally is the graph one_more, which keeps its count for the thread.
made make_kept() {
  graph_builder child{"one_more"};
  child.channel("foo", flow::append()).channel("n", flow::last_value());
  child.input({"foo"}).output({"n"}).keeps(persistence::per_thread);
  child.node("count", [](const state_view& state, context&) -> node_result {
    return flow::update{{"n", state.number("n") + 1}};
  });
  child.edge(flow::start, "count");
  graph_builder b{"kept"};
  b.channel("foo", flow::append()).channel("n", flow::last_value()).input({"foo"});
  b.node("tally", inside(child.build()));
  b.edge(flow::start, "tally");
  return b.build();
}

// leave, inside the graph child, goes to the node there of the graph around it.
made make_up() {
  auto child = with_foo("child");
  child.node("leave", [](const state_view&, context&) -> node_result {
    return flow::command{flow::update{{"foo", list("leave")}}, "there"}.in_parent();
  });
  child.node("never", say_name);
  child.edge(flow::start, "leave").edge("leave", "never");
  node_options options;
  options.may_go_to = {"there"};
  auto b = with_foo("up");
  b.node("child", inside(child.build()), options).node("here", say_name).node("there", say_name);
  b.edge(flow::start, "child").edge("child", "here");
  return b.build();
}

// The graph sleeper has less time than it takes.
made make_limited() {
  auto child = with_foo("sleeper");
  child.node("first", say_name);
  child.node("sleep", [](state_view, context ctx) -> coroutine<node_result> {
    co_await ctx.sleep(std::chrono::seconds(20));
    co_return flow::update{{"foo", list("woke")}};
  });
  child.edge(flow::start, "first").edge("first", "sleep");
  node_options options;
  options.timeout = std::chrono::milliseconds(300);
  auto b = with_foo("limited");
  b.node("before", say_name).node("inside", inside(child.build()), options);
  b.edge(flow::start, "before").edge("before", "inside");
  return b.build();
}

} // namespace graphs
