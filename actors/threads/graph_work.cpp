#include "actors/threads/graph_work.hpp"

#include "runtime/graph/graph.hpp"

namespace behalf::threads {

graph_work::graph_work(const std::string& graph_id, const graph* flow)
  : between("routing and reducing of graph '" + graph_id + "'"),
    others("a node of graph '" + graph_id + "'") {
  if (!flow)
    return;
  for (const auto& one : flow->nodes())
    nodes.try_emplace(one->name, "node '" + one->name + "' of graph '" + graph_id + "'");
  for (const auto& inner : flow->subgraphs(true))
    for (const auto& one : inner.what->nodes())
      inside.try_emplace(one.get(), "node '" + inner.place + '|' + one->name + "' of graph '"
                                      + graph_id + "'");
}

const activity& graph_work::of(const node_definition& node) const {
  if (auto inner = inside.find(&node); inner != inside.end())
    return inner->second;
  auto at = nodes.find(node.name);
  return at == nodes.end() ? others : at->second;
}

} // namespace behalf::threads
