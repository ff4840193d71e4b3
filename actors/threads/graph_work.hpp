// The activities of threads for a graph's runs.
#pragma once

#include "actors/threads/activity.hpp"

#include <functional>
#include <map>
#include <string>

namespace behalf {
class graph;
struct node_definition;
} // namespace behalf

namespace behalf::threads {

struct graph_work {
  graph_work(const std::string& graph_id, const graph* flow);

  const activity& of(const node_definition& node) const;

  activity between; // nodes: routers, reducers
  activity others;  // nodes that a factory makes for some runs alone
  std::map<std::string, activity, std::less<>> nodes;
  std::map<const node_definition*, activity> inside; // of graphs inside
};

} // namespace behalf::threads
