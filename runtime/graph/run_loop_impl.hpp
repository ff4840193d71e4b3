// The inside of the superstep engine, split over run_loop.cpp (its ends), run_begin.cpp,
// run_step.cpp (one superstep) and run_commit.cpp (what follows one).
#pragma once

#include "runtime/graph/run_events.hpp"
#include "runtime/graph/run_loop.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// Where tasks lead: nodes with what triggers them, and sends in order.
struct next_moves {
  std::map<std::string, std::vector<std::string>> pulls;
  std::vector<std::pair<std::string, value_ptr>> pushes;

  void pull(const std::string& node);
};

/// A task of the current superstep.
struct live_task {
  planned_task plan;
  const node_definition* what = nullptr;
  pending_task so_far;
  channel_writes writes; // once done
  int attempt = 1;
  bool running = false, cached = false;

  bool settled() const {
    return so_far.is == pending_task::state::done || so_far.is == pending_task::state::interrupted;
  }
};

struct run_loop::impl {
  impl(std::shared_ptr<const graph> flow, std::optional<loaded_checkpoint> from, run_spec spec);

  // --- run_loop.cpp: the ends
  void bind(loaded_checkpoint from);
  void begin();
  void finish(run_finish::status is);
  void fail_run(std::string kind, std::string text);
  void fail_run(const error& why);
  bool left_by_this_run() const;
  bool wrote_head() const;

  // --- run_begin.cpp: how a run begins
  void begin_command(const run_command& c);
  void begin_without_input();
  /// New input: restarts from the start edges, whatever was left to do before.
  void enter(value_ptr input, next_moves extra = {});
  void enter_from(const json::value& input, next_moves extra);
  /// Continues with the tasks the checkpoint leaves.
  void go_on();
  void fork();
  bool adopt_tasks();
  result<void> answer(const json::value& resume);
  result<void> apply_command(const run_command& c);
  next_moves command_moves(const json::value& go_to) const;

  // --- run_step.cpp: one superstep
  void tick();
  void start_task(live_task& t, const state_view& view, std::chrono::milliseconds after = {});
  void task_done(std::string_view id, node_result how);
  void succeeded(live_task& t, json::value values, const flow::route& go_to);
  void interrupted(live_task& t, json::value question);
  void failed(live_task& t, const error& why);
  void settle();
  void complete_step();
  /// The outcome of a step whose tasks are all done.
  void close_step(std::vector<live_task*> in_order);
  next_moves moves_of(const std::vector<live_task*>& in_order);
  result<std::vector<channel_change>> apply_all(const std::vector<live_task*>& in_order);
  /// As their writes are joined, whichever was faster.
  std::vector<live_task*> tasks_in_order();
  /// What those that are done wrote.
  channel_writes writes_of(const std::vector<live_task*>& in_order) const;
  bool any_shown(const std::vector<channel_change>& changes) const;
  bool hidden_by_changes(const std::vector<channel_before>& old) const;
  live_task* running(std::string_view id);

  // --- run_commit.cpp: what follows a superstep, and what is kept of it
  result<next_moves> moves_from(std::string_view node, const graph_state& state,
                                const flow::route& go_to, bool with_edges);
  result<void> add_route(next_moves& to, const flow::route& go_to, std::string_view whose) const;
  void add_edges(next_moves& to, const std::string& node);
  void commit(std::string source, std::vector<channel_change> changes, const next_moves& moves,
              const std::string& sole_task = {});
  void record_changes(std::vector<channel_change> changes, const std::string& sole_task);
  void write_full();
  std::vector<planned_task> plan(const next_moves& moves, std::size_t pushes_before = 0) const;
  void make_tasks();
  void adopt_done(live_task& t);
  void add_tasks(const next_moves& moves);
  void keep(const checkpoint_doc& doc);
  void keep_pending();
  bool keeps_every_step() const {
    return spec.checkpointing && spec.lasting != durability_mode::exit;
  }

  std::shared_ptr<const graph> flow;
  run_spec spec;
  event_maker events{spec, *flow};
  std::shared_ptr<const json::object> base_metadata;

  graph_state state;
  checkpoint_doc head; // the newest checkpoint, kept or not
  bool has_head = false;
  bool foreign = false;   // the state had channels this graph does not: store all of it anew
  std::string first_head; // what was loaded; with durability exit the parent of all that follows
  std::vector<pending_task> updates; // commands' writes on the head, applied when it is loaded
  std::vector<live_task> tasks;

  int64_t step = -1, stop = 0, steps_done = 0;
  bool skip_breakpoints = false; // the next tick goes on from one
  bool resumed = false;          // answers of this run are in `tasks`
  bool dirty = false;            // durability exit: there is something to keep
  bool ended = false;
  std::vector<channel_change> sole_changes; // of the only task of a step, already applied

  loop_output out;
};

} // namespace behalf
