// A cron expression: which local times it names, and the next of them.
#pragma once

#include "behalf/error.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>

namespace behalf {

using local_seconds = std::chrono::local_seconds;

/// minute hour day-of-month month weekday [second [year]], or @yearly, @annually, @monthly,
/// @weekly, @daily, @midnight, @hourly. A field is a list of `*`, values, ranges (which may wrap:
/// 22-2) and steps (*/15, 1-30/7, 5/10); months and weekdays have English names of three letters,
/// weekdays are 0 to 7, both ends Sunday. Also: `?` for a day field that does not matter, `L` the
/// month's last day, `15W` the weekday nearest to the 15th, `5#2` the second Friday, `L5` the last
/// one. When both day fields are narrowed, a day that either names is one.
class cron_schedule {
public:
  /// Error: invalid_argument, a sentence about the field at fault.
  static result<cron_schedule> parse(std::string_view text);

  /// The first time it names after `after`; none when there is none in the next hundred years.
  std::optional<local_seconds> next(local_seconds after) const;

  /// It names no hour: such a schedule follows elapsed time rather than the clock on the wall.
  bool every_hour() const { return hours_.all(); }

private:
  class reader;

  static constexpr int first_year = 1970, last_year = 2099;

  bool has_year(std::chrono::year y) const;
  std::bitset<32> days_of(std::chrono::year_month month) const;
  std::optional<std::chrono::seconds> time_from(std::chrono::seconds of_day) const;

  std::bitset<60> seconds_, minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_; // [1, 31]
  std::bitset<13> months_;
  std::bitset<7> weekdays_; // 0: Sunday
  std::bitset<last_year - first_year + 1> years_;
  bool any_year_ = true;

  bool last_day_ = false;               // L
  unsigned nearest_weekday_to_ = 0;     // 15W: 15
  std::array<std::bitset<6>, 7> nth_{}; // 5#2: nth_[5][2]
  std::bitset<7> last_weekdays_;        // L5
  bool any_day_ = true, any_weekday_ = true;
};

} // namespace behalf
