#include "actors/runs/run_meters.hpp"

#include <algorithm>

namespace behalf::runs {

run_meters::run_meters(metrics& all)
  : all_(&all),
    wait_(&all.duration("behalf_run_wait_seconds", "Time from when a run fell due to its turn")),
    ends_waiting_(&all.gauge("behalf_run_ends_waiting", "Runs that are over and not stored yet")),
    other_(look_up("other")) {}

run_meters::of_graph run_meters::look_up(const std::string& graph_id) {
  of_graph found{&all_->duration("behalf_run_seconds", "Time from a run's turn to its end",
                                 {{"graph", graph_id}}),
                 {}};
  for (std::size_t i = 0; i < statuses.size(); ++i)
    found.ends[i] = &all_->counter("behalf_runs_ended_total", "Runs by graph and how they ended",
                                   {{"graph", graph_id}, {"status", std::string(statuses[i])}});
  return found;
}

void run_meters::serve(const std::string& graph_id) {
  graphs_.insert_or_assign(graph_id, look_up(graph_id));
}

void run_meters::ended(const std::string& graph_id, std::string_view status, double took) const {
  auto at = std::find(statuses.begin(), statuses.end(), status);
  if (at == statuses.end())
    return;
  auto served = graphs_.find(graph_id);
  const auto& of = served == graphs_.end() ? other_ : served->second;
  of.time->observe(took);
  of.ends[static_cast<std::size_t>(at - statuses.begin())]->add();
}

} // namespace behalf::runs
