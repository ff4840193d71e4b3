// The inside of a run's supervisor, shared by the files it is written in: run_supervisor.cpp
// (executing), run_end.cpp (the end made durable), run_stop.cpp (cancel, roll back, park).
#pragma once

#include "actors/basics.hpp"
#include "actors/runs/checkpoint_backlog.hpp"
#include "actors/runs/event_log.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/step.hpp"
#include "actors/runs/thread_updates.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf::runs {

struct viewer {
  next_events ask;
  caf::typed_response_promise<event_batch> promise;
};

struct live_node {
  graph_node_actor actor;
  stop_flag stopped;
};

/// How the run ended, until that is stored.
struct end_to_store {
  run_ending end;
  int tries = 0;      // that failed
  bool asked = false; // the writer has it; otherwise:
  int64_t again = 0;  // the generation that wakes it
  int conflicts = 0;  // in a row
  bool bare = false;  // without what the run did
};

struct run_supervisor_state {
  static inline const char* name = "run";
  run_supervisor_state() = default;

  app_ptr app;
  run_plan_ptr plan;
  std::shared_ptr<const graph_work> work;
  slot_lease_ptr lease;
  deadline until{}; // of the run
  scheduler_actor scheduler;
  presented_ptr credentials;
  sealed_ptr sealed;

  std::shared_ptr<const graph> flow;
  std::optional<loaded_checkpoint> from; // the state before the run
  std::string newest; // the thread's newest checkpoint, where the run begins at another
  std::optional<run_loop> loop;
  std::shared_ptr<const handle_list> handles = std::make_shared<handle_list>();
  std::map<std::string, live_node> nodes; // by task
  std::map<int64_t, task_spec> retries;   // by generation
  std::map<int64_t, std::string> limits;  // by generation: tasks with a time limit
  int64_t generation = 0;
  checkpoint_backlog checkpoints;
  std::optional<end_to_store> last;
  bool begun = false, ending = false;
  bool parked = false; // the server is stopping: nothing is tried again
  int tries_to_begin = 0;
  int64_t begin_again = 0; // the generation that wakes it
  deadline turn{};         // when it began
  int64_t tasks_done = 0;  // since the start of the process
  bool progress_told = false;

  event_log events;
  std::vector<viewer> viewers;
  std::optional<run_result> result;
  std::vector<caf::typed_response_promise<run_result>> waiting;  // for the end
  std::vector<caf::typed_response_promise<run_result>> stopping; // it, and told when it must wait
};

using run_pointer = run_supervisor_actor::stateful_pointer<run_supervisor_state>;

/// Answers the viewers who have something to see.
void show_news(run_pointer self);
/// Answered when the run is over, or at once when it is.
caf::result<run_result> when_ended(run_pointer self);

/// The checkpoints that are not on their way to the storage yet, as rows to put.
std::vector<commit::put> unsaved(run_pointer self);
/// Stops the run's nodes and cuts their calls.
void stop_nodes(run_pointer self);
/// Makes the end durable, however long that takes, then tells everyone. Only the first end counts.
/// An error's event is of what is told then.
void finish(run_pointer self, run_ending end);
/// Tries again to store the end.
void save_end(run_pointer self);
/// The pause after so many tries to write that failed.
std::chrono::milliseconds pause_after(int tries);
/// Ends the run in memory alone: it goes on after the next start.
void leave_for_the_next_start(run_pointer self);
/// It is durable, or will never be: tells everyone.
void ended(run_pointer self, const run_ending& end);

/// `plan.drop_thread`: nobody will ask for the values again.
run_ending ending_of(const run_plan& plan, const run_finish& f);
run_ending failure(const error& why);
/// {"__error__": …}: how `wait` says that a run failed.
json::value wait_error(const json::value& failure);

caf::result<run_result> cancel(run_pointer self, const cancel_run& m);

} // namespace behalf::runs
