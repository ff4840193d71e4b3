// The makers of this room's actors. Their states and behaviors stay private to their .cpp files.
#pragma once

#include "actors/interfaces.hpp"
#include "secrets/audit_log.hpp"

#include <chrono>
#include <memory>

namespace behalf {
class client;
class metrics;
class secret_sources;
class service_registry;
} // namespace behalf

namespace behalf::outside {

/// The HTTP client as an actor.
http_client_actor spawn_http_client(caf::actor_system& sys, std::shared_ptr<client> outbound);

/// `sources` may be empty when no credential comes from a store. `server_keys`: the operator's own,
/// by service.
secret_store_actor spawn_secret_store(caf::actor_system& sys, secret_sources sources,
                                      std::shared_ptr<const service_registry> services,
                                      http_client_actor http, std::chrono::milliseconds lease_time,
                                      metrics& meters, sealed_fields server_keys = {});
/// `outbound`: what `http` sends calls with; nodes read streams from it. Null: they ask for each
/// part.
egress_actor spawn_egress(caf::actor_system& sys, std::shared_ptr<const service_registry> services,
                          secret_store_actor secrets, audit_actor audit, http_client_actor http,
                          metrics& meters, std::weak_ptr<client> outbound = {});
mcp_keeper_actor spawn_mcp_keeper(caf::actor_system& sys,
                                  std::shared_ptr<const service_registry> services,
                                  egress_actor egress, secret_store_actor secrets);
audit_actor spawn_audit(caf::actor_system& sys, audit_log log, metrics* meters,
                        bool in_background = true);

} // namespace behalf::outside
