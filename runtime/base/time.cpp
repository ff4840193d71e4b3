#include "behalf/time.hpp"

#include <cstdio>

namespace behalf {
namespace {

using namespace std::chrono;

// Reads `count` digits at `at`; -1 when there are none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size())
    return -1;
  int n = 0;
  for (auto c : text.substr(at, count)) {
    if (c < '0' || c > '9')
      return -1;
    n = n * 10 + (c - '0');
  }
  return n;
}

// The offset behind the seconds: "Z", "+hh:mm" or "-hh:mm".
result<minutes> parse_offset(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z")
    return minutes{0};
  auto h = digits(text, 1, 2), m = digits(text, 4, 2);
  if (text.size() != 6 || text[3] != ':' || h < 0 || m < 0 || (text[0] != '+' && text[0] != '-'))
    return fail(errc::invalid_argument, "not an ISO 8601 offset");
  auto offset = minutes{h * 60 + m};
  return text[0] == '+' ? offset : -offset;
}

} // namespace

time_point now() {
  return time_point_cast<microseconds>(system_clock::now());
}

std::string iso8601(time_point t) {
  auto day = floor<days>(t);
  year_month_day date{day};
  auto us = (t - day).count();
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06d+00:00", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(us / 3'600'000'000),
                int(us / 60'000'000 % 60), int(us / 1'000'000 % 60), int(us % 1'000'000));
  return text;
}

result<time_point> parse_iso8601(std::string_view text) {
  auto bad = fail(errc::invalid_argument, "not an ISO 8601 time");
  auto y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2);
  auto h = digits(text, 11, 2), mi = digits(text, 14, 2), s = digits(text, 17, 2);
  if (y < 0 || mo < 0 || d < 0 || h < 0 || mi < 0 || s < 0)
    return bad;
  auto date = year{y} / month(mo) / day(d);
  if (!date.ok() || h > 23 || mi > 59 || s > 60)
    return bad;
  text.remove_prefix(19);
  int64_t us = 0;
  if (!text.empty() && text.front() == '.') {
    std::size_t n = 1;
    for (int64_t unit = 100'000; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n) {
      us += (text[n] - '0') * unit;
      unit /= 10;
    }
    text.remove_prefix(n);
  }
  auto offset = parse_offset(text);
  if (!offset)
    return bad;
  return time_point{sys_days{date}.time_since_epoch() + hours{h} + minutes{mi} + seconds{s}
                    + microseconds{us} - *offset};
}

} // namespace behalf
