// Runs actors on the threads that also serve the sockets: a request that arrives on one of them is
// answered there, and no thread is woken for each message of its way
// (docs/decisions/0010-actors-on-the-io-threads.md).
#pragma once

#include <boost/asio/io_context.hpp>

#include <vector>

namespace caf {
class actor_system;
class actor_system_config;
class resumable;
} // namespace caf

namespace behalf::threads {

/// Makes actor systems of this configuration run their actors, and keep their timers, on `io`.
/// Actors run while a thread runs `io`, which must outlive the actor system.
void run_actors_on(caf::actor_system_config& cfg, boost::asio::io_context& io);

/// At the end: drops all timers, as a delayed message keeps its actor alive.
void drop_timers(caf::actor_system& sys);

/// Enqueues actors that a held thread deferred, for the other threads.
void adopt_jobs(caf::actor_system& sys, std::vector<caf::resumable*> jobs);

} // namespace behalf::threads
