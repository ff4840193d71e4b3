// What a graph node is spawned with, and what it reports.
#pragma once

#include "actors/messages.hpp"
#include "runtime/graph/run_loop.hpp"

#include <memory>

namespace behalf {

using handle_list = std::vector<std::pair<std::string, sealed_handle>>;

struct step {
  task_spec task;
  std::shared_ptr<const run_facts> run;
  principal_ptr who;
  std::shared_ptr<const handle_list> handles; // of the run's services
  run_supervisor_actor supervisor;
};

/// Something a node wrote to the stream.
struct task_event {
  std::string task_id;
  std::shared_ptr<stream_item> item;
};
struct task_finished {
  std::string task_id;
  std::shared_ptr<node_result> outcome;
};

} // namespace behalf

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::task_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::task_finished)
