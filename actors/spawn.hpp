// One maker per actor. States and behaviors stay private to their .cpp files.
#pragma once

#include "actors/core.hpp"
#include "actors/messages.hpp"
#include "runtime/graph/plugin.hpp"

#include <caf/fwd.hpp>

#include <memory>
#include <vector>

namespace behalf {

class client;
class secret_source;
class policy;
struct identity_setup;
struct step;
struct recovered_runs;

/// Detached: they wait for the disk. `in_background` false keeps them on the caller's scheduler,
/// for tests.
/// `meters`: may be null.
store_writer_actor spawn_store_writer(caf::actor_system& sys, std::unique_ptr<storage> db,
                                      metrics* meters, bool in_background = true);
store_reader_actor spawn_store_reader(caf::actor_system& sys, std::unique_ptr<storage_reader> db,
                                      metrics* meters, bool in_background = true);
/// Hands slices to `readers`, which serve nobody else.
scan_desk_actor spawn_scan_desk(caf::actor_system& sys, std::vector<store_reader_actor> readers);

authenticator_actor spawn_authenticator(caf::actor_system& sys,
                                        std::shared_ptr<const identity_setup> setup,
                                        http_client_actor http, plugin_auth_actor plugin,
                                        metrics& meters);
authorizer_actor spawn_authorizer(caf::actor_system& sys, std::shared_ptr<const policy> rules);

/// `run_blocking`: where the handler has its turns once it was seen to hold a thread; may be null.
plugin_auth_actor spawn_plugin_auth(caf::actor_system& sys, authenticate_fn handler,
                                    std::shared_ptr<const service_registry> services,
                                    http_client_actor http, blocking_runner run_blocking = {});

/// Turns calls of the outbound door into questions and answers.
http_client_actor spawn_http_client(caf::actor_system& sys, std::shared_ptr<client> door);

/// `source` may be null when every credential is a field of the principal.
secret_store_actor spawn_secret_store(caf::actor_system& sys, std::unique_ptr<secret_source> source,
                                      std::shared_ptr<const service_registry> services,
                                      http_client_actor http, std::chrono::milliseconds lease_time,
                                      metrics& meters);
egress_actor spawn_egress(caf::actor_system& sys, std::shared_ptr<const service_registry> services,
                          secret_store_actor secrets, audit_actor audit, http_client_actor http,
                          metrics& meters);
mcp_keeper_actor spawn_mcp_keeper(caf::actor_system& sys,
                                  std::shared_ptr<const service_registry> services,
                                  egress_actor egress, secret_store_actor secrets);
audit_actor spawn_audit(caf::actor_system& sys, audit_log log, metrics* meters,
                        bool in_background = true);

graph_node_actor spawn_graph_node(caf::actor_system& sys, core_ptr with, step what);

scheduler_actor spawn_scheduler(caf::actor_system& sys, core_ptr with, recovered_runs recovered);

/// `credentials` may be null: after a restart nobody holds the user's own token.
run_supervisor_actor spawn_run_supervisor(caf::actor_system& sys, core_ptr with, run_plan_ptr plan,
                                          scheduler_actor scheduler, presented_ptr credentials,
                                          sealed_ptr sealed);

} // namespace behalf
