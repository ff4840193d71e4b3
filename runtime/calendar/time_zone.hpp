// Time zones by their IANA names, as the host's zone data have them.
#pragma once

#include "behalf/error.hpp"
#include "runtime/calendar/cron_schedule.hpp"

#include <chrono>
#include <string>

namespace date {
class time_zone;
}

namespace behalf {

using sys_seconds = std::chrono::sys_seconds;

/// A zone, or UTC. Zone data are read when the first other zone than UTC is asked for, each zone
/// when it is first used, and kept; they are those that the host had then.
class time_zone {
public:
  time_zone() = default; // UTC

  /// Error: invalid_argument for a name that is no zone's, and where the host's data are missing or
  /// do not say what the zone does today.
  static result<time_zone> find(const std::string& name);

  /// A time in which the zone's distance from UTC does not change: [begin, end).
  struct period {
    sys_seconds begin, end;
    std::chrono::seconds offset;
  };
  period period_at(sys_seconds t) const;

  /// When clocks first show `t`; of one that they skip, the moment at which they do.
  sys_seconds first_at(local_seconds t) const;

private:
  const date::time_zone* zone_ = nullptr;
};

} // namespace behalf
