// Requests per route: how many with which class of status, and how long they took.
#pragma once

#include "actors/threads/activity.hpp"
#include "runtime/base/metrics.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace behalf::endpoints {

struct route;

/// What a client stays for.
enum class stream_kind : uint8_t { run, result, thread, protocol, socket, call };

/// The metrics of every route, looked up once, as looking one up takes a lock. Thread-safe.
class route_meters {
public:
  /// `all` must outlive this.
  explicit route_meters(metrics& all);

  /// One answer of `where`, an entry of `all_routes()`. Counts by the status's first digit, 2
  /// to 5.
  void count(const route& where, unsigned status, double seconds) const;
  /// Counts an open stream for as long as what is returned is held.
  std::shared_ptr<const void> count_open(stream_kind kind) const;
  /// Serving `where`, as an activity of a thread.
  const threads::activity& work_of(const route& where) const;

private:
  std::vector<histogram*> latency_;
  std::deque<threads::activity> work_;
  std::vector<metric*> total_; // four per route: 2xx to 5xx
  std::vector<metric*> open_;  // by stream_kind
};

} // namespace behalf::endpoints
