// The makers of this room's actors. Their states and behaviors stay private to their .cpp files.
#pragma once

#include "actors/app_context.hpp"
#include "actors/interfaces.hpp"
#include "behalf/plugin.hpp"

#include <memory>

namespace behalf {
class policy;
}

namespace behalf::admission {

struct identity_setup;

authenticator_actor spawn_authenticator(caf::actor_system& sys,
                                        std::shared_ptr<const identity_setup> setup,
                                        http_client_actor http, plugin_auth_actor plugin,
                                        metrics& meters);
authorizer_actor spawn_authorizer(caf::actor_system& sys, std::shared_ptr<const policy> rules);

/// `run_blocking`: runs the handler's turns once it was seen to hold a thread; may be null.
plugin_auth_actor spawn_plugin_auth(caf::actor_system& sys, authenticate_fn handler,
                                    std::shared_ptr<const service_registry> services,
                                    http_client_actor http, blocking_runner run_blocking = {});

} // namespace behalf::admission
