// How many requests each route answered, with which kind of status, and how long they took.
#pragma once

#include "actors/threads/activity.hpp"
#include "runtime/base/metrics.hpp"

#include <deque>
#include <vector>

namespace behalf::endpoints {

struct route;

/// The metrics of every route in the table, looked up once: their names are known at the start,
/// and looking one up takes a lock. For any number of threads.
class route_meters {
public:
  /// `all` must outlive this.
  explicit route_meters(metrics& all);

  /// One answer of `where`, an entry of `all_routes()`. Statuses count by their first digit, 2
  /// to 5.
  void count(const route& where, unsigned status, double seconds) const;
  /// Serving `where`, as something a thread does.
  const threads::activity& work_of(const route& where) const;

private:
  std::vector<histogram*> latency_;
  std::deque<threads::activity> work_;
  std::vector<metric*> total_; // four per route: 2xx to 5xx
};

} // namespace behalf::endpoints
