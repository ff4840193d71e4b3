// The superstep engine of one graph as a plain machine: it says which tasks to start, which events
// to send and which checkpoints to keep; whoever drives it does all of that and reports back.
//
//   auto out = loop.begin();
//   loop: send out.events; keep out.checkpoints; drive each of out.start as a node;
//         when one ended: out = loop.task_done(its attempt, result); until out.outcome is set.
#pragma once

#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/run_outcome.hpp"
#include "runtime/graph/run_spec.hpp"

#include <chrono>
#include <compare>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// One event of the run's stream. `name` is the SSE event ("values", "messages/partial", …, later
/// also "values|ns"); `data` is one line of JSON, made once.
struct loop_event {
  std::string name;
  std::shared_ptr<const std::string> data;
};

/// One execution of a task. What an earlier one still reports, whose time was up, is not used.
struct task_attempt {
  std::string task_id;
  int number = 1;

  auto operator<=>(const task_attempt&) const = default;
};

/// One execution of one node to start.
struct task_spec {
  std::string id, name;
  std::shared_ptr<const node_definition> what; // keeps the graph alive
  state_view input;
  std::vector<std::string> triggers;
  int attempt = 1;
  std::vector<interrupt_answer> answers;
  std::chrono::milliseconds after{0}; // wait this long first: a retry
  int64_t step = 0, remaining_steps = 0;
  int64_t push = -1;    // as of planned_task
  bool resumed = false; // an earlier execution may have left something of a graph inside
  bool cut_off = false; // as of task_facts

  task_attempt this_attempt() const { return {id, attempt}; }
  /// The context for this execution. `emit` and `cancelled` as in task_facts.
  context make_context(std::shared_ptr<const run_facts> run, std::function<void(stream_item)> emit,
                       deadline until = deadline::max(),
                       std::function<bool()> cancelled = {}) const;
};

/// What a step of the engine wants done, in this order: events, checkpoints, ends, start, outcome.
struct loop_output {
  std::vector<loop_event> events;
  std::vector<checkpoint_doc> checkpoints; // one with a known id replaces the one kept before
                                           // and the ends kept beside it
  std::vector<task_end> ends;              // of tasks of the newest checkpoint
  std::vector<task_spec> start;
  /// The run is over. Everything still running is to be stopped; nothing it reports is used.
  std::optional<run_outcome> outcome;
  // With the outcome of a graph inside another: why it failed, or what it says to that one.
  std::optional<error> failure;
  std::optional<flow::command> to_parent;
};

/// Whether a run from there would take the answer (node_options::check_answer). Error: as the
/// node's.
result<void> check_answer(std::shared_ptr<const graph> flow, loaded_checkpoint at,
                          json::value answer);

class run_loop {
public:
  /// `from` is the checkpoint to go on from: the thread's head, or the one the run names.
  run_loop(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from, run_spec spec);
  ~run_loop();
  run_loop(run_loop&&) noexcept;

  /// Call once, first.
  loop_output begin();
  /// A task of `start` has ended. Ignored unless it is the attempt under way. Let go of its node,
  /// context and task_spec before: while a view of the state lives, lists are copied to grow.
  loop_output task_done(const task_attempt& which, node_result how);
  /// A graph inside the task has stopped, at these questions or (none) at a breakpoint.
  loop_output task_stopped(const task_attempt& which, std::vector<pending_interrupt> at);
  /// It wrote to the stream.
  loop_output written(const task_attempt& which, stream_item item);
  /// The run is to stop here: completed supersteps stay, running tasks are forgotten.
  loop_output cancel();
  /// As cancel, but the run failed: a time limit, a lost store.
  loop_output fail_with(const error& why);

  const std::shared_ptr<const run_facts>& facts() const;
  const run_spec& spec() const;

  /// What its checkpoints say of the run.
  const json::object& checkpoint_metadata() const;
  /// That attempt is under way.
  bool runs(const task_attempt& which) const;
  /// A task under way as it was started, without its input; none: it is not.
  std::optional<task_spec> task(const std::string& id) const;
  /// Those under way.
  std::vector<task_attempt> running() const;
  /// Which task of the checkpoint that was forked it is; "": of none.
  std::string forked_from(const std::string& task_id) const;
  const std::string& head_id() const;
  /// The newest checkpoint with what was done since, to go on from; none: there is none.
  std::optional<loaded_checkpoint> left() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace behalf
