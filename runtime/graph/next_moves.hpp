// Where a run goes next: what commands, edges, joins and routers come to, as tasks to do.
#pragma once

#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/task_facts.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

struct next_moves {
  std::map<std::string, std::vector<std::string>> pulls; // node → what triggers it
  std::vector<std::pair<std::string, value_ptr>> pushes; // node and what it was sent, in order

  void pull(const std::string& node);
  void push(std::string node, json::value input);

  /// Where a node's command or router wants to go. Error: ValueError (kind) for a node the graph
  /// does not have, invalid_argument for an input that cannot be stored.
  result<void> add_route(const graph& g, const flow::route& go_to, std::string_view whose);
  /// Where the routers after `node` lead, which read `after`; `facts` of the run and the step.
  /// Error: as `add_route`, or what a router throws.
  result<void> add_branches(const graph& g, std::string_view node, const graph_state& after,
                            std::shared_ptr<task_facts> facts);
  /// The plain edges and joins out of a node; `joins` is each join's progress.
  void add_edges(const graph& g, join_progress& joins, const std::string& node);
  /// Holds back the moves to deferred nodes in `joins` while there are others, or takes those held
  /// back out again when there are none.
  void defer(const graph& g, join_progress& joins);
  /// A run's `goto`: a node, {node, input} or a list of them. Nodes the graph does not have are
  /// passed over: a client may talk of an older graph.
  void add_goto(const graph& g, const json::value& go_to);

  /// As a task remembers its own moves, and back.
  void remember_in(pending_task& task) const;
  void add_remembered(pending_task task);

  /// The tasks of the checkpoint `checkpoint_id`, sends first; `pushes_before`: sends it has
  /// already. The same moves make the same task ids.
  std::vector<planned_task> plan(std::string_view checkpoint_id,
                                 std::size_t pushes_before = 0) const;
};

} // namespace behalf
