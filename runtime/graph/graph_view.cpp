// A graph as the API describes it: its drawing and its schemas.
#include "runtime/graph/graph.hpp"

#include <algorithm>

namespace behalf {
namespace {

json::object runnable(std::string_view name) {
  json::string_view id{name.data(), name.size()};
  return {{"id", id}, {"type", "runnable"}, {"data", json::object{{"name", id}}}};
}

void draw_edge(json::array& edges, std::string_view from, std::string_view to, bool conditional) {
  json::object edge{{"source", json::string_view{from.data(), from.size()}},
                    {"target", json::string_view{to.data(), to.size()}}};
  if (conditional)
    edge["conditional"] = true;
  edges.push_back(std::move(edge));
}

// "messages" as "Messages", "who_am_i" as "Who Am I".
std::string title(std::string_view name) {
  std::string text;
  bool begins = true;
  for (char c : name) {
    text += c == '_' ? ' ' : begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    begins = c == '_';
  }
  return text;
}

json::object channel_schema(const channel& c) {
  json::object schema = c.schema;
  if (!schema.contains("title"))
    schema["title"] = title(c.name);
  if (c.kind == reducer::messages) {
    schema["type"] = "array";
    schema["items"] = json::object{{"type", "object"}};
    schema["langgraph_type"] = "messages";
  } else if (c.kind == reducer::append && !schema.contains("type")) {
    schema["type"] = "array";
  }
  return schema;
}

template <class Want>
json::object state_schema(const channel_table& channels, const std::string& name, Want want) {
  json::object properties;
  for (std::size_t i = 0; i < channels.size(); ++i)
    if (want(i))
      properties[channels[i].name] = channel_schema(channels[i]);
  return {{"title", name}, {"type", "object"}, {"properties", std::move(properties)}};
}

} // namespace

// Where a node may lead: {target, conditional}.
std::vector<std::pair<std::string, bool>> graph::leads(std::string_view from) const {
  std::vector<std::pair<std::string, bool>> all;
  for (const auto& to : successors(from))
    all.emplace_back(to, false);
  for (const auto& one : joins_)
    if (std::find(one.from.begin(), one.from.end(), from) != one.from.end())
      all.emplace_back(one.to, false);
  for (const auto& one : branches_) {
    if (one.from != from)
      continue;
    for (const auto& to : one.targets)
      all.emplace_back(to, true);
    if (!one.targets.empty())
      continue;
    for (const auto& any : nodes_)
      all.emplace_back(any->name, true);
    all.emplace_back(flow::end, true);
  }
  const auto* n = find(from);
  if (n)
    for (const auto& to : n->options.may_go_to)
      all.emplace_back(to, true);
  if (n && all.empty())
    all.emplace_back(flow::end, false);
  return all;
}

json::object graph::drawing() const {
  json::array nodes, edges;
  bool ends = false;
  auto draw = [&](std::string_view node) {
    nodes.push_back(runnable(node));
    for (const auto& [to, conditional] : leads(node)) {
      ends = ends || to == flow::end;
      draw_edge(edges, node, to, conditional);
    }
  };
  draw(flow::start);
  for (const auto& n : nodes_)
    draw(n->name);
  if (ends)
    nodes.push_back(json::object{{"id", "__end__"}});
  return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}

json::object graph::schemas(std::string_view graph_id) const {
  auto base = title(name_);
  json::value config = config_schema_.is_null() ? json::value(json::object{}) : config_schema_;
  if (!context_schema_.is_null() && config_schema_.is_null())
    config = context_schema_;
  return {{"graph_id", json::string_view{graph_id.data(), graph_id.size()}},
          {"input_schema", state_schema(*channels_, base + " Input",
                                        [&](std::size_t i) { return takes_input(i); })},
          {"output_schema",
           state_schema(*channels_, base + " Output", [&](std::size_t i) { return shows(i); })},
          {"state_schema",
           state_schema(*channels_, base + " State", [&](std::size_t i) { return !hides(i); })},
          {"config_schema", std::move(config)},
          {"context_schema", context_schema_}};
}

} // namespace behalf
