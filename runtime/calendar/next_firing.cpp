#include "runtime/calendar/next_firing.hpp"

namespace behalf {
namespace {

using std::chrono::seconds;

local_seconds shown(sys_seconds t, seconds offset) {
  return local_seconds{t.time_since_epoch() + offset};
}

// Period by period: what clocks show twice is named twice, what they skip is not.
std::optional<sys_seconds> by_elapsed_time(const cron_schedule& schedule, const time_zone& zone,
                                           sys_seconds after) {
  for (;;) {
    const auto now = zone.period_at(after + seconds{1});
    const auto found = schedule.next(shown(after, now.offset));
    if (!found)
      return std::nullopt;
    if (auto t = sys_seconds{found->time_since_epoch() - now.offset}; t < now.end)
      return t;
    after = now.end - seconds{1};
  }
}

std::optional<sys_seconds> by_wall_clock(const cron_schedule& schedule, const time_zone& zone,
                                         sys_seconds after) {
  auto at = shown(after, zone.period_at(after).offset);
  for (;;) {
    const auto found = schedule.next(at);
    if (!found)
      return std::nullopt;
    if (auto t = zone.first_at(*found); t > after)
      return t;
    at = *found; // in an hour that clocks show for the second time
  }
}

} // namespace

std::optional<time_point> next_firing(const cron_schedule& schedule, const time_zone& zone,
                                      time_point after) {
  const auto from = std::chrono::floor<seconds>(after);
  const auto found = schedule.every_hour() ? by_elapsed_time(schedule, zone, from)
                                           : by_wall_clock(schedule, zone, from);
  if (!found)
    return std::nullopt;
  return time_point{*found};
}

} // namespace behalf
