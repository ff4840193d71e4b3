// When a schedule fires next in a time zone.
#pragma once

#include "behalf/time.hpp"
#include "runtime/calendar/cron_schedule.hpp"
#include "runtime/calendar/time_zone.hpp"

#include <optional>

namespace behalf {

/// The first firing after `after`; none when there is none in the next hundred years.
///
/// Where clocks are set forward, a time that they skip is fired at the moment they are, and where
/// they are set back, a time that they show twice is fired the first time. A schedule for every
/// hour fires at equal distances throughout.
std::optional<time_point> next_firing(const cron_schedule& schedule, const time_zone& zone,
                                      time_point after);

} // namespace behalf
