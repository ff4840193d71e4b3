// How long runs wait and execute, and how they end, by graph.
#pragma once

#include "runtime/base/metrics.hpp"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

namespace behalf::runs {

/// The metrics of every graph served, looked up once. Thread-safe after the start.
class run_meters {
public:
  /// `all` must outlive this.
  explicit run_meters(metrics& all);

  /// At the start, for each graph served. Runs of other graphs count as "other".
  void serve(const std::string& graph_id);

  /// A run began, so many seconds after it was due.
  void began(double waited) const { wait_->observe(waited); }
  /// A run ended: success, error, interrupted or timeout, after so many seconds.
  void ended(const std::string& graph_id, std::string_view status, double took) const;
  /// Runs whose end is not stored yet.
  metric& ends_waiting() const { return *ends_waiting_; }

private:
  static constexpr std::array<std::string_view, 4> statuses{"success", "error", "interrupted",
                                                            "timeout"};
  struct of_graph {
    histogram* time;
    std::array<metric*, statuses.size()> ends;
  };
  of_graph look_up(const std::string& graph_id);

  metrics* all_;
  histogram* wait_;
  metric* ends_waiting_;
  of_graph other_;
  std::unordered_map<std::string, of_graph> graphs_;
};

} // namespace behalf::runs
