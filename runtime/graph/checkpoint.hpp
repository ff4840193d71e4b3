// Checkpoints: what a superstep changed, what comes next, and how a chain of them becomes a state.
#pragma once

#include "behalf/time.hpp"
#include "runtime/graph/state.hpp"
#include "runtime/graph/task_facts.hpp"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace behalf {

/// The id of writes that belong to no task: a command's update.
inline constexpr std::string_view null_task_id = "00000000-0000-0000-0000-000000000000";

/// A task a checkpoint leaves to do.
struct planned_task {
  std::string id, name;
  std::vector<std::string> triggers; // {"branch:to:ask"}, {"__pregel_push"}
  int64_t push = -1;                 // position among the sends; -1: pulled by an edge
  value_ptr sent;                    // of a send

  /// ["__pregel_pull", "ask"] or ["__pregel_push", 0, false] (false: the send came from a node).
  json::array path() const;
};

struct pending_interrupt {
  // 32 hexadecimal characters; stays until it is answered, then the next has another
  std::string id;
  json::value value;
  std::string place = {};   // as of flow::interrupt
  std::string task_id = {}; // of the task that asks, in a graph inside this one; else ""
  time_point asked_at = {}; // first; older ones do not know
};

/// A question that a run has answered: whoever answers it once more is told so.
struct past_question {
  std::string id, run_id;
  time_point asked_at, until; // answers of that time may be meant for it
};

/// What became of a task before its superstep was complete.
struct pending_task {
  enum class state : uint8_t { open, done, interrupted, failed };

  std::string id;
  state is = state::open;
  json::object writes;               // done: what it wrote, complete messages
  std::vector<std::string> branches; // done: nodes it goes to besides its plain edges
  std::vector<std::pair<std::string, json::value>> sends; // done: {node, input}
  std::vector<pending_interrupt> interrupts;
  std::vector<interrupt_answer> answers; // to its interrupts so far
  std::string failure;                   // failed: ValueError('boom')

  json::object body() const;
};

/// What became of a task since its checkpoint was made: kept beside the checkpoint, so that the end
/// of one of many tasks does not write all of them again.
struct task_end {
  std::string checkpoint_id, ns;
  pending_task task;
};

/// A state's values by name: what can be restored without the graph.
using named_values = std::map<std::string, value_ptr, std::less<>>;

/// Which nodes of a join have run, by the join's key.
using join_progress = std::map<std::string, std::vector<std::string>, std::less<>>;

/// One checkpoint as it is stored. Its values are what changed since the parent, unless `full`.
struct checkpoint_doc {
  std::string id, parent_id; // uuid6; "" for the first
  std::string ns;            // "" is the run's own graph; "child:<task id>|…" one inside it
  json::object parents;      // of one inside: {ns: checkpoint id} of the graphs around it
  std::string source;        // input, loop, update, fork
  int64_t step = -1;
  bool full = true;
  time_point created_at{};
  std::shared_ptr<const json::object> base_metadata; // of the run; shared by all its checkpoints

  named_values set;                        // full: everything; else what was overwritten
  named_values append;                     // what lists grew by
  int links = 0;                           // since the last full one
  std::size_t weight = 0, full_weight = 0; // bytes, about: changes since, and of, the last full one

  std::vector<planned_task> next;
  join_progress joins;
  std::vector<std::string> ran; // the nodes that ran last, sorted; none: only the start
  std::vector<pending_task> pending;
  value_ptr input;                 // of source input: what __start__ is about to take
  std::string resumed_by;          // the run whose answers `pending` holds
  std::vector<past_question> past; // the last ones of the thread, oldest first
  bool stopped = false;            // its run ended here, at a breakpoint after a node
  std::vector<std::string> hidden; // channels that clients are not shown, should the graph be gone

  /// What the parent's tasks wrote, by task id, where `set` and `append` do not tell.
  json::object results;
  std::string sole_task; // the parent's only task: `set` and `append` are its writes

  /// What a superstep changed, on top of the parent's `links` and `weight`, which the document has
  /// already; or the whole state once that is less to read, or when `whole` says so.
  void set_values(const graph_state& state, std::vector<channel_change> changes,
                  const std::string& sole_task_of_parent, bool whole);
  void set_whole(const graph_state& state);
  /// `set` and `append` as one object: what `sole_task` wrote.
  json::object changed_values() const;
  /// Puts bodies of pending tasks, kept beside the checkpoint, in the place of what `pending` says
  /// of the same tasks. Error: internal, naming the checkpoint.
  result<void> add_ends(const json::array& ends);

  /// The run's metadata with source, step and parents.
  json::object metadata() const;
  /// Everything but id, parent, ns, metadata, full: what a record's `doc` holds.
  json::object body() const;
  /// The inverse, from a record's fields. Error: internal, naming the checkpoint.
  static result<checkpoint_doc> from(std::string id, std::string parent_id, std::string ns,
                                     bool full, json::object metadata, const json::object& body,
                                     time_point created_at);
};

/// A checkpoint with its whole state.
struct loaded_checkpoint {
  checkpoint_doc at; // the newest of the chain
  named_values values;
};

/// Oldest (a full one) first, each the parent of the next. Error: internal when it is empty, does
/// not begin with a full one or is not a chain.
result<void> check_chain(std::span<const checkpoint_doc> chain);

/// Joins a chain. Error: internal, as `check_chain`.
result<loaded_checkpoint> restore_chain(std::span<const checkpoint_doc> chain);

/// Puts what one checkpoint changed on top of its parent's values.
/// Error: internal when a list grows that is none.
result<void> overlay(named_values& values, const checkpoint_doc& link);

/// `v` without these members of it; as it is when it is no object.
json::value without(json::value v, const std::vector<std::string>& members);

/// About the bytes `v` takes as text.
std::size_t json_weight(const json::value& v);
std::size_t json_weight(const json::object& v);

} // namespace behalf
