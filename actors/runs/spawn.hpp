// The makers of this room's actors. Their states and behaviors stay private to their .cpp files.
#pragma once

#include "actors/app_context.hpp"
#include "actors/interfaces.hpp"
#include "actors/runs/messages.hpp"

namespace behalf {
struct webhook_secrets;
}

namespace behalf::runs {

struct recovered_runs;
struct step;

graph_node_actor spawn_graph_node(caf::actor_system& sys, app_ptr app, step what);

scheduler_actor spawn_scheduler(caf::actor_system& sys, app_ptr app, recovered_runs recovered);

/// What only the process that took a run's request has of it. All null after a restart.
struct of_request {
  presented_ptr credentials = nullptr; // the user's own token
  sealed_ptr sealed = nullptr;
  std::shared_ptr<const start_run> to_store = nullptr; // the run is to be begun before it is stored
};

run_supervisor_actor spawn_run_supervisor(caf::actor_system& sys, app_ptr app, run_plan_ptr plan,
                                          scheduler_actor scheduler, of_request given);

/// Begins with what an earlier process left to be called.
webhook_caller_actor spawn_webhook_caller(caf::actor_system& sys, app_ptr app,
                                          http_client_actor http, webhook_secrets secrets);

/// `base`: the number before its first event's.
thread_stream_actor spawn_thread_stream(caf::actor_system& sys, app_ptr app, follow_thread what,
                                        int64_t base);

} // namespace behalf::runs
