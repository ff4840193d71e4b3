// What starts the runs of crons that are due.
#pragma once

#include "actors/app_context.hpp"
#include "actors/interfaces.hpp"
#include "behalf/time.hpp"

#include <functional>

namespace behalf {

/// A cron was stored that fires then.
struct cron_set {
  time_point due;
};

} // namespace behalf

BEHALF_MESSAGE(behalf::cron_set)

namespace behalf::endpoints {

/// `clock` is the time on the wall.
cron_clock_actor spawn_cron_clock(caf::actor_system& sys, app_ptr app,
                                  std::function<time_point()> clock = now);

} // namespace behalf::endpoints
