#include "runtime/calendar/time_zone.hpp"

#include "runtime/base/text.hpp"

#include <date/tz.h>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace behalf {
namespace {

error unknown(const std::string& name) {
  return fail(errc::invalid_argument, "Invalid timezone: '" + std::string(cut_utf8(name, 100))
                                        + "'. Use IANA timezone format (e.g. 'America/New_York').");
}

// A file of zone data ends with a rule for all times after its table. The library reads the table
// alone: a file whose table is short, as some distributions have them, would be read wrongly.
bool only_the_rule_says(const date::time_zone& zone, const std::string& name) {
  const auto today = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (zone.get_info(today).end < today + std::chrono::years{100})
    return false;
  std::ifstream in{"/usr/share/zoneinfo/" + name, std::ios::binary};
  const std::string data{std::istreambuf_iterator<char>{in}, {}};
  const auto end = data.find_last_not_of('\n');
  const auto begin = end == data.npos ? data.npos : data.rfind('\n', end);
  // "EST5EDT,M3.2.0,M11.1.0" changes twice a year; "<+03>-3" does not.
  return begin != data.npos && data.substr(begin, end - begin).find(',') != data.npos;
}

bool there_are_zones() {
  try {
    date::get_tzdb();
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

} // namespace

result<time_zone> time_zone::find(const std::string& name) {
  time_zone made;
  if (name == "UTC" || name == "Etc/UTC")
    return made;
  try {
    made.zone_ = date::locate_zone(name);
    if (only_the_rule_says(*made.zone_, name))
      return fail(errc::invalid_argument,
                  "This server's host has time zone data of the short form, which do not say how "
                  "'"
                    + name + "' is today; only UTC can be used");
    return made;
  } catch (const std::runtime_error&) {
    return there_are_zones()
             ? unknown(name)
             : fail(errc::invalid_argument,
                    "This server's host has no time zone data; only UTC can be used");
  }
}

time_zone::period time_zone::period_at(sys_seconds t) const {
  if (!zone_)
    return {sys_seconds::min(), sys_seconds::max(), {}};
  const auto info = zone_->get_info(t);
  return {info.begin, info.end, info.offset};
}

sys_seconds time_zone::first_at(local_seconds t) const {
  if (!zone_)
    return sys_seconds{t.time_since_epoch()};
  const auto info = zone_->get_info(date::local_seconds{t.time_since_epoch()});
  if (info.result == date::local_info::nonexistent)
    return info.first.end;
  return sys_seconds{t.time_since_epoch() - info.first.offset};
}

} // namespace behalf
