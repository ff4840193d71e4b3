// A graph as clients are shown it: its drawing, also with the graphs inside it, and its schemas.
#include "runtime/graph/graph.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

node_result nothing(const state_view&, context&) {
  return flow::update{};
}

using graph_ptr = std::shared_ptr<const graph>;

// From start through these nodes to the end; those with a graph are it.
graph_ptr chain(const char* name, const std::vector<std::pair<std::string, graph_ptr>>& nodes) {
  graph_builder b{name};
  std::string_view before = flow::start;
  for (const auto& [node, inner] : nodes) {
    if (inner)
      b.node(node, inner);
    else
      b.node(node, nothing);
    b.edge(before, node);
    before = node;
  }
  return b.edge(before, flow::end).build().value();
}

std::vector<std::string> names_in(const json::object& drawing) {
  std::vector<std::string> names;
  for (const auto& node : drawing.at("nodes").as_array())
    names.emplace_back(node.at("id").as_string());
  return names;
}

// "a>b", a conditional one "a?b".
std::vector<std::string> edges_in(const json::object& drawing) {
  std::vector<std::string> edges;
  for (const auto& edge : drawing.at("edges").as_array())
    edges.push_back(std::string(edge.at("source").as_string())
                    + (edge.as_object().contains("conditional") ? "?" : ">")
                    + std::string(edge.at("target").as_string()));
  std::sort(edges.begin(), edges.end());
  return edges;
}

using names = std::vector<std::string>;

json::object type(const char* name) {
  return {{"type", name}};
}

} // namespace

TEST_CASE("graphs inside are drawn in the place of their nodes, as deep as asked", "[graph]") {
  auto child = chain("child", {{"c_one", nullptr}, {"c_two", nullptr}});
  auto parent = chain("parent", {{"p_one", nullptr}, {"p_two", child}});
  auto nested = chain("nested", {{"gp_one", nullptr}, {"gp_two", parent}});

  CHECK(names_in(nested->drawing()) == names{"__start__", "gp_one", "gp_two", "__end__"});
  CHECK(names_in(nested->drawing(1))
        == names{"__start__", "gp_one", "__end__", "gp_two:p_one", "gp_two:p_two"});
  auto whole = nested->drawing(7);
  CHECK(names_in(whole)
        == names{"__start__", "gp_one", "__end__", "gp_two:p_one", "gp_two:p_two:c_one",
                 "gp_two:p_two:c_two"});
  CHECK(edges_in(whole)
        == names{"__start__>gp_one", "gp_one>gp_two:p_one", "gp_two:p_one>gp_two:p_two:c_one",
                 "gp_two:p_two:c_one>gp_two:p_two:c_two", "gp_two:p_two:c_two>__end__"});
}

TEST_CASE("an inner graph's start and end stay where no one node is first or last", "[graph]") {
  graph_builder b{"loop"};
  b.node("agent", nothing).node("tools", nothing).edge(flow::start, "agent");
  b.conditional("agent", [](const state_view&, const context&) { return flow::route{"tools"}; },
                {"tools", flow::end});
  b.edge("tools", "agent");
  auto outer = chain("outer", {{"in", b.build().value()}});
  auto drawing = outer->drawing(1);
  CHECK(names_in(drawing)
        == names{"__start__", "__end__", "in:__start__", "in:agent", "in:tools", "in:__end__"});
  CHECK(edges_in(drawing)
        == names{"__start__>in:__start__", "in:__end__>__end__", "in:__start__>in:agent",
                 "in:agent?in:__end__", "in:agent?in:tools", "in:tools>in:agent"});
  for (const auto& node : drawing.at("nodes").as_array())
    CHECK(node.as_object().contains("data")
          != std::string(node.at("id").as_string()).ends_with("__end__"));
}

TEST_CASE("where runs stop is drawn", "[graph]") {
  graph_builder b{"stops"};
  b.node("a", nothing).node("b", nothing).edge(flow::start, "a").edge("a", "b");
  b.interrupt_before({"b"}).interrupt_after({"*"});
  auto drawing = b.build().value()->drawing();
  const auto& nodes = drawing.at("nodes").as_array();
  CHECK_FALSE(nodes[0].as_object().contains("metadata"));
  CHECK(nodes[1].at("metadata").at("__interrupt") == "after");
  CHECK(nodes[2].at("metadata").at("__interrupt") == "before,after");
}

TEST_CASE("an inner graph that never ends leads nowhere", "[graph]") {
  graph_builder b{"endless"};
  b.node("turn", nothing).edge(flow::start, "turn").edge("turn", "turn");
  auto drawing = chain("outer", {{"in", b.build().value()}})->drawing(1);
  CHECK(names_in(drawing) == names{"__start__", "in:__start__", "in:turn"});
  CHECK(edges_in(drawing)
        == names{"__start__>in:__start__", "in:__start__>in:turn", "in:turn>in:turn"});
}

TEST_CASE("what channels define stands where their references look for it", "[graph]") {
  const json::object place{{"type", "object"}, {"properties", {{"city", type("string")}}}};
  const json::object refers{{"$ref", "#/$defs/Place"}, {"$defs", {{"Place", place}}}};
  graph_builder b{"travel"};
  b.channel("from", flow::last_value(refers)).channel("to", flow::last_value(refers));
  b.channel("notes", flow::reduced([](const json::value&, const json::value& to) { return to; }, 0,
                                   type("integer")));
  b.channel("messages", flow::messages());
  b.node("a", nothing).edge(flow::start, "a");
  auto state = b.build().value()->schemas().at("state_schema").as_object();
  CHECK(state.at("$defs").at("Place") == place);
  const auto& properties = state.at("properties").as_object();
  CHECK_FALSE(properties.at("from").as_object().contains("$defs"));
  CHECK(properties.at("to").at("$ref") == "#/$defs/Place");
  CHECK(properties.at("notes").at("default") == 0);
  CHECK(properties.at("messages").at("langgraph_type") == "messages");
  CHECK(properties.at("messages").at("items").at("properties").as_object().contains("content"));

  graph_builder other{"other"};
  other.channel("from", flow::last_value(refers));
  other.channel("to", flow::last_value({{"$defs", {{"Place", type("string")}}}}));
  other.node("a", nothing).edge(flow::start, "a");
  CHECK_THAT(other.build().error().message,
             Catch::Contains("two channels define 'Place' in the $defs of their schemas"));
}
