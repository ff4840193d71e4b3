// What a graph node is spawned with, and what it reports to its supervisor.
#pragma once

#include "actors/runs/messages.hpp"
#include "actors/threads/activity.hpp"
#include "runtime/graph/run_tree.hpp"

#include <atomic>
#include <memory>
#include <optional>

namespace behalf::runs {

using handle_list = std::vector<std::pair<std::string, sealed_handle>>;

/// Set when a node's result will not be used: its run was stopped, or its time is up.
using stop_flag = std::shared_ptr<std::atomic<bool>>;

/// A run's slot, held by its supervisor and by every turn of its nodes. The last one to release it
/// reports it as free, unless the supervisor has done so at the run's end.
class slot_lease {
public:
  slot_lease(scheduler_actor to, std::string run_id)
    : scheduler_(std::move(to)), run_id_(std::move(run_id)) {}
  slot_lease(const slot_lease&) = delete;
  ~slot_lease() {
    if (scheduler_)
      tell(scheduler_, slot_report{run_id_, slot_report::state::returned});
  }

  void settled() { scheduler_ = nullptr; }

private:
  scheduler_actor scheduler_;
  std::string run_id_;
};
using slot_lease_ptr = std::shared_ptr<slot_lease>;

struct step {
  task_spec task;
  std::shared_ptr<const run_facts> run;
  principal_ptr who;
  std::shared_ptr<const handle_list> handles; // one per service that takes a credential
  run_supervisor_actor supervisor;
  const threads::activity* work;
  slot_lease_ptr lease;
  stop_flag stopped;
  deadline until; // of the node or of the run, the earlier one
  bool stored;    // the run is durable: the node may reach out
};

} // namespace behalf::runs

namespace behalf {

/// Something a node wrote to the stream.
struct task_event {
  task_attempt by;
  std::shared_ptr<stream_item> item;
};
struct task_finished {
  task_attempt which;
  std::shared_ptr<node_result> outcome;
};
/// A node runs a graph, or takes that back (nothing).
struct subgraph_asked {
  task_attempt by;
  uint64_t ask_id;
  std::optional<run_subgraph> what;
};
/// What came of an effect that other actors than egress saw to: a graph has ended, a part of a
/// stream was read.
struct effect_answered {
  uint64_t ask_id;
  std::shared_ptr<effect_reply> reply;
};
/// A node's turn on a blocking thread is over.
struct turn_taken {
  std::shared_ptr<turn> what;
};

} // namespace behalf

BEHALF_MESSAGE(behalf::task_event)
BEHALF_MESSAGE(behalf::task_finished)
BEHALF_MESSAGE(behalf::subgraph_asked)
BEHALF_MESSAGE(behalf::effect_answered)
BEHALF_MESSAGE(behalf::turn_taken)
