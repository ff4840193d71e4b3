// A run: its own graph and the graphs inside it, each with an engine of its own. Their tasks,
// events and checkpoints come out as one; what ends inside goes to the task it belongs to.
//
// Driven as a run_loop is, and besides:
//   a task of out.start whose node is a graph is not driven as a node: out = tree.enter(task);
//   a checkpoint of out.load is read and told: out = tree.loaded(its `by`, what was found);
//   an effect run_subgraph of a node: out = tree.call(…), whose answer comes in out.replies;
//   nodes of out.stop are stopped: they are not needed any more.
#pragma once

#include "runtime/graph/run_loop.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace behalf {

/// The checkpoint that a graph inside goes on from, if there is one; `id` empty: the newest.
struct wanted_checkpoint {
  std::string by; // the namespace of who wants it
  std::string ns, id;
};

/// The answer to a node's run_subgraph.
struct subgraph_end {
  task_attempt to;
  uint64_t ask_id;
  effect_reply reply;
};

struct tree_output : loop_output {
  std::vector<wanted_checkpoint> load;
  std::vector<subgraph_end> replies;
  std::vector<task_attempt> stop;
};

class run_tree {
public:
  /// As run_loop.
  run_tree(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from, run_spec spec);
  ~run_tree();
  run_tree(run_tree&&) noexcept;

  tree_output begin();
  tree_output enter(task_spec task);
  tree_output call(const task_attempt& by, uint64_t ask_id, run_subgraph what);
  /// The node takes a call back.
  tree_output take_back(const task_attempt& by, uint64_t ask_id);
  tree_output loaded(const std::string& by, std::optional<loaded_checkpoint> from);
  tree_output task_done(const task_attempt& which, node_result how);
  tree_output written(const task_attempt& which, stream_item item);
  tree_output cancel();
  tree_output fail_with(const error& why);

  const std::shared_ptr<const run_facts>& facts() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace behalf
