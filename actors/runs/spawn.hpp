// The makers of this room's actors. Their states and behaviors stay private to their .cpp files.
#pragma once

#include "actors/app_context.hpp"
#include "actors/interfaces.hpp"
#include "actors/runs/messages.hpp"

namespace behalf::runs {

struct recovered_runs;
struct step;

graph_node_actor spawn_graph_node(caf::actor_system& sys, app_ptr app, step what);

scheduler_actor spawn_scheduler(caf::actor_system& sys, app_ptr app, recovered_runs recovered);

/// `credentials` may be null: after a restart nobody holds the user's own token.
run_supervisor_actor spawn_run_supervisor(caf::actor_system& sys, app_ptr app, run_plan_ptr plan,
                                          scheduler_actor scheduler, presented_ptr credentials,
                                          sealed_ptr sealed);

} // namespace behalf::runs
