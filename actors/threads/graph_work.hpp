// The activities of threads for a graph's runs.
#pragma once

#include "actors/threads/activity.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace behalf {
class graph;
}

namespace behalf::threads {

struct graph_work {
  graph_work(const std::string& graph_id, const graph* flow);

  const activity& of(std::string_view node) const;

  activity between; // nodes: routers, reducers
  activity others;  // nodes that a factory makes for some runs alone
  std::map<std::string, activity, std::less<>> nodes;
};

} // namespace behalf::threads
