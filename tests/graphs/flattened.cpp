// Graphs that are made of subgraphs where they come from. Here the inner graphs' nodes stand among
// the outer one's.
#include "tests/graphs/graphs.hpp"

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
  return state.text("route") == "weather" ? "model_node" : "normal_llm_node";
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

json::object one_of(json::array names) {
  return {{"type", "string"}, {"enum", std::move(names)}};
}

} // namespace

// grandparent: gp_one, then parent: p_one, then child: c_one, c_two.
made make_nested() {
  graph_builder b{"nested"};
  b.channel("messages", flow::append());
  b.channel("entered", flow::last_value(one_of(list("grandparent", "parent", "child"))));
  std::string_view before = flow::start;
  for (const auto* name : {"gp_one", "p_one", "c_one", "c_two"}) {
    b.node(name, say_entered).edge(before, name);
    before = name;
  }
  b.edge(before, flow::end);
  return b.build();
}

// The weather graph is model_node, which finds the city, and weather_node, before which it stops.
made make_weather() {
  graph_builder b{"weather"};
  b.channel("messages", flow::messages());
  b.channel("route", flow::last_value(one_of(list("weather", "other"))));
  b.private_channel("city", flow::last_value());
  b.node("router_node", choose_weather).node("normal_llm_node", say_hello);
  b.node("model_node", find_city).node("weather_node", tell_weather);
  b.edge(flow::start, "router_node");
  b.conditional("router_node", as_chosen, {"model_node", "normal_llm_node"});
  b.edge("model_node", "weather_node");
  b.edge("weather_node", flow::end).edge("normal_llm_node", flow::end);
  b.interrupt_before({"weather_node"});
  return b.build();
}

} // namespace graphs
