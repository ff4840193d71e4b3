// The makers of this room's actors. Their states and behaviors stay private to their .cpp files.
#pragma once

#include "actors/caller.hpp"
#include "actors/interfaces.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace behalf {
struct app_context;
using app_ptr = std::shared_ptr<const app_context>;
class metrics;
class storage_engine;
class storage_reader;
} // namespace behalf

namespace behalf::storage {

/// Detached: they wait for the disk. `in_background` false keeps them on the caller's scheduler,
/// for tests. `meters`: may be null.
database_writer_actor
spawn_database_writer(caf::actor_system& sys, std::unique_ptr<storage_engine> db, metrics* meters,
                      bool in_background = true,
                      std::chrono::milliseconds sweep_pause = std::chrono::seconds{30});
database_reader_actor spawn_database_reader(caf::actor_system& sys,
                                            std::unique_ptr<storage_reader> db, metrics* meters,
                                            bool in_background = true);
/// Hands reads to `readers`, which it alone uses.
read_queue_actor spawn_read_queue(caf::actor_system& sys,
                                  std::vector<database_reader_actor> readers);

embedder_actor spawn_embedder(caf::actor_system& sys, app_ptr app);
graph_builder_actor spawn_graph_builder(caf::actor_system& sys, bool in_background = true);

} // namespace behalf::storage
