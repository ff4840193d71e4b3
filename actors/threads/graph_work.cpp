#include "actors/threads/graph_work.hpp"

#include "runtime/graph/graph.hpp"

namespace behalf::threads {

graph_work::graph_work(const std::string& graph_id, const graph* flow)
  : between("routing and reducing of graph '" + graph_id + "'"),
    others("a node of graph '" + graph_id + "'") {
  if (flow)
    for (const auto& one : flow->nodes())
      nodes.try_emplace(one->name, "node '" + one->name + "' of graph '" + graph_id + "'");
}

const activity& graph_work::of(std::string_view node) const {
  auto at = nodes.find(node);
  return at == nodes.end() ? others : at->second;
}

} // namespace behalf::threads
