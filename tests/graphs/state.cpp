// Graphs about state, context and time: schemas, a run's context, failures, waiting.
#include "tests/graphs/graphs.hpp"

using namespace behalf;

namespace graphs {
namespace {

node_result use_context(const state_view&, context& ctx) {
  const auto* model = member(ctx.run_context(), "model");
  return flow::update{{"model", model ? *model : json::value(nullptr)}};
}

node_result respond(const state_view& state, context&) {
  auto count = state.number("count") + 1;
  flow::update out;
  out.set("count", count);
  out.set("messages", ai("Response " + std::to_string(count)));
  return out;
}

node_result add_message(const state_view& state, context&) {
  auto count = state.number("count") + 1;
  flow::update out;
  out.set("count", count).set("status", "done");
  out.set("messages", json::array{"Message " + std::to_string(count)});
  return out;
}

node_result add_item(const state_view& state, context&) {
  auto counter = state.number("counter") + 1;
  flow::update out;
  out.set("counter", counter).set("items", json::array{"item " + std::to_string(counter)});
  return out;
}

made one_node(graph_builder& b, const char* name, node_fn body) {
  b.node(name, std::move(body));
  b.edge(flow::start, name).edge(name, flow::end);
  return b.build();
}

// {node, messages: [node]}, of the node's own name.
node_result name_itself(const state_view&, context& ctx) {
  return flow::update{{"node", ctx.node()}, {"messages", list(ctx.node())}};
}

json::object type(const char* name) {
  return {{"type", name}};
}

} // namespace

made make_simple_runtime() {
  graph_builder b{"simple_runtime"};
  b.channel("message", flow::last_value()).channel("model", flow::last_value(type("string")));
  json::object models{{"type", "string"}, {"enum", json::array{"openai", "anthropic", "unknown"}}};
  b.context_schema({{"type", "object"}, {"properties", {{"model", models}}}});
  return one_node(b, "use_context", use_context);
}

made make_state_schema_graph() {
  graph_builder b{"state_schema_graph"};
  b.channel("messages", flow::messages());
  b.channel("count", flow::reduced([](const json::value&, const json::value& next) { return next; },
                                   0, type("integer")));
  return one_node(b, "respond", respond);
}

made make_zod_registry_graph() {
  graph_builder b{"zod_registry_graph"};
  b.channel("messages", flow::append({{"type", "array"}, {"items", type("string")}}));
  b.channel("count", flow::last_value(type("integer")));
  json::object states{{"type", "string"}, {"enum", json::array{"idle", "processing", "done"}}};
  b.channel("status", flow::last_value(states));
  return one_node(b, "add", add_message);
}

made make_plain_zod_graph() {
  graph_builder b{"plain_zod_graph"};
  b.channel("items", flow::append({{"type", "array"}, {"items", type("string")}}));
  b.channel("counter", flow::last_value(type("integer")));
  b.channel("label", flow::last_value(type("string")));
  return one_node(b, "add", add_item);
}

made make_dynamic(const context& ctx) {
  const std::string name(string_or(ctx.configurable(), "nodeName", "default"));
  graph_builder b{"dynamic"};
  b.channel("node", flow::last_value(type("string"))).channel("messages", flow::append());
  return one_node(b, name.c_str(), name_itself);
}

} // namespace graphs
