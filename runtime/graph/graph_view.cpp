// A graph as the API describes it: its drawing and its schemas.
#include "runtime/graph/graph.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace behalf {
namespace {

struct drawn_edge {
  std::string from, to;
  bool conditional;
};

// What is drawn of a graph, under names that say where it is: "gp_two:p_one".
struct sketch {
  std::vector<std::string> nodes; // the first is where it begins
  std::vector<drawn_edge> edges;
  std::string end;                               // empty: nothing leads there
  std::map<std::string, std::string> stops = {}; // "before", "after" or "before,after"
};

// Where an inner graph stands in the outer one's drawing.
struct door {
  std::string in, out;
};

std::size_t without_edge(const sketch& s, std::string drawn_edge::*side) {
  return static_cast<std::size_t>(
    std::count_if(s.nodes.begin(), s.nodes.end(), [&](const auto& node) {
      return std::none_of(s.edges.begin(), s.edges.end(),
                          [&](const auto& edge) { return edge.*side == node; });
    }));
}

sketch without(const sketch& s, const std::string& node) {
  auto rest = s;
  std::erase(rest.nodes, node);
  std::erase_if(rest.edges, [&](const auto& edge) { return edge.from == node || edge.to == node; });
  return rest;
}

// The one node that no edge leads to (`to`) or out of (`from`).
std::string only_without_edge(const sketch& s, std::string drawn_edge::*side) {
  for (const auto& node : s.nodes)
    if (std::none_of(s.edges.begin(), s.edges.end(),
                     [&](const auto& edge) { return edge.*side == node; }))
      return node;
  return {};
}

// An inner graph's start and end are left out where one node is plainly the first or the last.
door trim(sketch& inner) {
  door at{inner.nodes.front(), inner.end};
  if (auto rest = without(inner, at.in); without_edge(rest, &drawn_edge::to) == 1) {
    at.in = only_without_edge(rest, &drawn_edge::to);
    inner = std::move(rest);
  }
  if (at.out.empty())
    return at;
  if (auto rest = without(inner, at.out); without_edge(rest, &drawn_edge::from) == 1) {
    at.out = only_without_edge(rest, &drawn_edge::from);
    inner = std::move(rest);
  }
  return at;
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

// As input takes them and answers show them: `role` or `type` says whose a message is.
json::object message_schema() {
  const json::object text{{"type", "string"}};
  const json::object block{{"type", "object"}};
  const json::object content{
    {"anyOf", json::array{text, json::object{{"type", "array"}, {"items", block}}}}};
  return {{"title", "Message"},
          {"type", "object"},
          {"properties",
           json::object{{"type", text}, {"role", text}, {"content", content}, {"id", text}}}};
}

json::object channel_schema(const channel& c) {
  json::object schema = c.schema;
  schema.erase("$defs"); // they stand where "#/$defs/…" is found
  if (!schema.contains("title"))
    schema["title"] = title(c.name);
  if (c.kind == reducer::messages) {
    schema["type"] = "array";
    schema["items"] = message_schema();
    schema["langgraph_type"] = "messages";
  } else if (c.kind == reducer::append && !schema.contains("type")) {
    schema["type"] = "array";
  }
  if (c.initial && !c.initial->is_null() && !schema.contains("default"))
    schema["default"] = *c.initial;
  return schema;
}

template <class Want>
json::object state_schema(const channel_table& channels, const std::string& name, Want want) {
  json::object properties, definitions;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    if (!want(i))
      continue;
    properties[channels[i].name] = channel_schema(channels[i]);
    merge(definitions, object_or_empty(channels[i].schema, "$defs"));
  }
  json::object schema{{"title", name}, {"type", "object"}, {"properties", std::move(properties)}};
  if (!definitions.empty())
    schema["$defs"] = std::move(definitions);
  return schema;
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

namespace {

using leads_of =
  std::function<std::vector<std::pair<std::string, bool>>(const graph&, std::string_view)>;

// Where runs of the graph stop that do not say so themselves.
void note_stops(const graph& g, const std::string& prefix, sketch& s) {
  const auto names = [](const std::vector<std::string>& all, const std::string& node) {
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& one) { return one == "*" || one == node; });
  };
  for (const auto& node : g.nodes()) {
    const bool before = names(g.stops_before(), node->name);
    const bool after = names(g.stops_after(), node->name);
    if (before || after)
      s.stops[prefix + node->name] = before && after ? "before,after" : before ? "before" : "after";
  }
}

sketch sketch_of(const graph& g, const leads_of& leads, int64_t depth, const std::string& prefix) {
  sketch s, inside;
  s.nodes.push_back(prefix + std::string(flow::start));
  std::map<std::string, door, std::less<>> doors;
  for (const auto& node : g.nodes()) {
    const auto name = prefix + node->name;
    if (!node->inner() || depth == 0) {
      s.nodes.push_back(name);
      continue;
    }
    auto inner = sketch_of(*node->inner(), leads, depth - 1, name + ":");
    doors.emplace(node->name, trim(inner));
    inside.nodes.insert(inside.nodes.end(), inner.nodes.begin(), inner.nodes.end());
    inside.edges.insert(inside.edges.end(), inner.edges.begin(), inner.edges.end());
    inside.stops.merge(inner.stops);
  }
  // Step by step as a run would go, as the reference draws it: sources in the order of the nodes,
  // where they lead in the order of names.
  std::set<std::string> seen;
  std::set<std::string, std::less<>> layer{std::string(flow::start)};
  while (!layer.empty()) {
    std::vector<drawn_edge> step;
    const auto take = [&](std::string_view from) {
      auto all = leads(g, from);
      std::sort(all.begin(), all.end());
      for (const auto& [to, conditional] : all)
        step.push_back({std::string(from), to, conditional});
    };
    if (layer.contains(flow::start))
      take(flow::start);
    for (const auto& node : g.nodes())
      if (layer.contains(node->name))
        take(node->name);
    layer.clear();
    for (auto& edge : step) {
      if (edge.to != flow::end && seen.insert(edge.to).second)
        layer.insert(edge.to);
      const auto out = doors.find(edge.from), in = doors.find(edge.to);
      edge.from = out == doors.end() ? prefix + edge.from : out->second.out;
      edge.to = in == doors.end() ? prefix + edge.to : in->second.in;
      if (edge.from.empty()) // an inner graph that never ends
        continue;
      if (edge.to == prefix + std::string(flow::end))
        s.end = edge.to;
      s.edges.push_back(std::move(edge));
    }
  }
  if (!s.end.empty())
    s.nodes.push_back(s.end);
  note_stops(g, prefix, s);
  s.nodes.insert(s.nodes.end(), inside.nodes.begin(), inside.nodes.end());
  s.edges.insert(s.edges.end(), inside.edges.begin(), inside.edges.end());
  s.stops.merge(inside.stops);
  return s;
}

bool is_end(std::string_view name) {
  return name.ends_with(flow::end)
         && (name.size() == flow::end.size() || name[name.size() - flow::end.size() - 1] == ':');
}

json::object shown_node(const sketch& s, const std::string& name) {
  if (is_end(name))
    return {{"id", name}};
  json::object shown{{"id", name}, {"type", "runnable"}, {"data", json::object{{"name", name}}}};
  if (auto stop = s.stops.find(name); stop != s.stops.end())
    shown["metadata"] = json::object{{"__interrupt", stop->second}};
  return shown;
}

} // namespace

json::object graph::drawing(int64_t depth) const {
  const auto whole = sketch_of(
    *this, [](const graph& g, std::string_view from) { return g.leads(from); }, depth, {});
  json::array nodes, edges;
  for (const auto& name : whole.nodes)
    nodes.push_back(shown_node(whole, name));
  for (const auto& edge : whole.edges) {
    json::object shown{{"source", edge.from}, {"target", edge.to}};
    if (edge.conditional)
      shown["conditional"] = true;
    edges.push_back(std::move(shown));
  }
  return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}

json::object graph::schemas() const {
  auto base = title(name_);
  json::value config = config_schema_.is_null() ? json::value(json::object{}) : config_schema_;
  if (!context_schema_.is_null() && config_schema_.is_null())
    config = context_schema_;
  return {{"input_schema", state_schema(*channels_, base + " Input",
                                        [&](std::size_t i) { return takes_input(i); })},
          {"output_schema",
           state_schema(*channels_, base + " Output", [&](std::size_t i) { return shows(i); })},
          {"state_schema",
           state_schema(*channels_, base + " State", [&](std::size_t i) { return !hides(i); })},
          {"config_schema", std::move(config)},
          {"context_schema", context_schema_}};
}

} // namespace behalf
