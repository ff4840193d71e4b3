#include "actors/runs/thread_graph.hpp"

#include "actors/runs/run_plan.hpp"

namespace behalf::runs {

std::shared_ptr<const graph> graph_of_run(const app_context& app, const record& run) {
  const auto* entry = app.graphs.by_graph(string_or(run.doc, "graph_id"));
  if (!entry || !entry->make)
    return entry ? entry->flow : nullptr;
  auto plan = plan_from(run);
  if (!plan)
    return nullptr;
  auto made =
    entry->graph_for(facts_of(std::make_shared<const run_plan>(std::move(*plan)), app.models));
  return made ? *made : nullptr;
}

} // namespace behalf::runs
