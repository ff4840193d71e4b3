// The graph that a thread's state is of.
#pragma once

#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/storage/reads.hpp"

#include <memory>
#include <string>
#include <utility>

namespace behalf::runs {

/// The run's graph; null when it is not served any more or cannot be made.
std::shared_ptr<const graph> graph_of_run(const app_context& app, const record& run);

/// Calls `then` with the graph, null when it is not served any more. Of one that is made for each
/// run it is that of the run which made the state at `checkpoint_id` (of the thread's own graph, or
/// empty: the newest), and where there is none, what the defaults make.
template <class Self, class Then, class Failed>
void with_graph_of_state(Self* self, const app_context& app, const record& thread,
                         const std::string& checkpoint_id, fair_budget::share_ptr room, Then then,
                         Failed failed) {
  const auto* entry = app.graphs.by_graph(string_or(thread.metadata, "graph_id"));
  if (!entry || !entry->make)
    return then(entry ? entry->flow : nullptr);
  storage::load_run_of_state of{thread.tenant, thread.id, checkpoint_id, std::move(room)};
  storage::read(
    self, app, std::move(of),
    [&app, entry, then](const storage::row_ptr& run) mutable {
      const bool same = run && string_or(run->doc, "graph_id") == entry->graph_id;
      auto made = same ? graph_of_run(app, *run) : nullptr;
      then(made ? std::move(made) : entry->flow);
    },
    std::move(failed));
}

} // namespace behalf::runs
