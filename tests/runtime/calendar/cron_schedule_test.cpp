#include "runtime/calendar/cron_schedule.hpp"
#include "tests/support/catch.hpp"

#include <random>
#include <string>
#include <vector>

using namespace behalf;
using namespace std::chrono;

namespace {

// 2026-11-22, a Sunday, 08:00:00.
constexpr local_seconds begin = local_days{2026y / November / 22} + 8h;

std::string text_of(local_seconds t) {
  const auto day = floor<days>(t);
  const year_month_day date{day};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int((t - day) / 1h),
                int((t - day) / 1min % 60), int((t - day) / 1s % 60));
  return text;
}

// The first times it names, as text.
std::vector<std::string> times(std::string_view schedule, int n = 1) {
  auto made = cron_schedule::parse(schedule);
  REQUIRE(made);
  std::vector<std::string> all;
  for (auto at = made->next(begin); at && n-- > 0; at = made->next(*at))
    all.push_back(text_of(*at));
  return all;
}

using list = std::vector<std::string>;

} // namespace

TEST_CASE("five fields name minutes, hours, days, months and weekdays", "[calendar]") {
  CHECK(times("* * * * *") == list{"2026-11-22 08:01:00"});
  CHECK(times("*/15 * * * *", 2) == list{"2026-11-22 08:15:00", "2026-11-22 08:30:00"});
  CHECK(times("1-30/7 * * * *", 2) == list{"2026-11-22 08:01:00", "2026-11-22 08:08:00"});
  CHECK(times("10/25 * * * *", 3)
        == list{"2026-11-22 08:10:00", "2026-11-22 08:35:00", "2026-11-22 09:10:00"});
  CHECK(times("1,2-4,*/10 8 * * *", 5)
        == list{"2026-11-22 08:01:00", "2026-11-22 08:02:00", "2026-11-22 08:03:00",
                "2026-11-22 08:04:00", "2026-11-22 08:10:00"});
  CHECK(times("0 0 1 1 *") == list{"2027-01-01 00:00:00"});
  CHECK(times("0 0 29 2 *", 2) == list{"2028-02-29 00:00:00", "2032-02-29 00:00:00"});
  CHECK(times("  0\t0  * * * \n") == list{"2026-11-23 00:00:00"});
  CHECK(times("01 00 01 01 *") == list{"2027-01-01 00:01:00"});
  CHECK(times("*/99 * * * *") == list{"2026-11-22 09:00:00"});
}

TEST_CASE("months and weekdays have names, Sunday is 0 and 7", "[calendar]") {
  CHECK(times("0 0 * JAN-mar *") == list{"2027-01-01 00:00:00"});
  CHECK(times("0 0 * * MON") == list{"2026-11-23 00:00:00"});
  for (auto sunday : {"0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * 0,7", "0 0 * * */7"})
    CHECK(times(sunday, 2) == list{"2026-11-29 00:00:00", "2026-12-06 00:00:00"});
  CHECK(times("0 0 * * 5-7", 4)
        == list{"2026-11-27 00:00:00", "2026-11-28 00:00:00", "2026-11-29 00:00:00",
                "2026-12-04 00:00:00"});
  CHECK(times("0 0 * * 1/2", 4)
        == list{"2026-11-23 00:00:00", "2026-11-25 00:00:00", "2026-11-27 00:00:00",
                "2026-11-30 00:00:00"});
}

TEST_CASE("a range may go over the end of its field", "[calendar]") {
  CHECK(times("0 22-2 * * *", 5)
        == list{"2026-11-22 22:00:00", "2026-11-22 23:00:00", "2026-11-23 00:00:00",
                "2026-11-23 01:00:00", "2026-11-23 02:00:00"});
  CHECK(times("0 0 * * fri-mon", 3)
        == list{"2026-11-23 00:00:00", "2026-11-27 00:00:00", "2026-11-28 00:00:00"});
  CHECK(times("0 0 * * 7-1", 2) == list{"2026-11-23 00:00:00", "2026-11-29 00:00:00"});
  CHECK(times("0 0 28-3 * *", 4)
        == list{"2026-11-28 00:00:00", "2026-11-29 00:00:00", "2026-11-30 00:00:00",
                "2026-12-01 00:00:00"});
}

TEST_CASE("seconds come sixth and years seventh", "[calendar]") {
  CHECK(times("* * * * * *") == list{"2026-11-22 08:00:01"});
  CHECK(times("* * * * * 30-10/15", 3)
        == list{"2026-11-22 08:00:30", "2026-11-22 08:00:45", "2026-11-22 08:01:00"});
  CHECK(times("0 0 1 1 * 0 2030,2031", 3) == list{"2030-01-01 00:00:00", "2031-01-01 00:00:00"});
}

TEST_CASE("well-known schedules have names", "[calendar]") {
  CHECK(times("@hourly") == list{"2026-11-22 09:00:00"});
  CHECK(times("@daily") == times("@midnight"));
  CHECK(times("@DAILY") == list{"2026-11-23 00:00:00"});
  CHECK(times("@weekly") == list{"2026-11-29 00:00:00"});
  CHECK(times("@monthly") == list{"2026-12-01 00:00:00"});
  CHECK(times("@yearly") == times("@annually"));
  CHECK(times("@yearly") == list{"2027-01-01 00:00:00"});
}

TEST_CASE("when both day fields are narrowed a day that either names is one", "[calendar]") {
  CHECK(times("0 0 13 * 5", 3)
        == list{"2026-11-27 00:00:00", "2026-12-04 00:00:00", "2026-12-11 00:00:00"});
  CHECK(times("0 0 1-31 * 1") == list{"2026-11-23 00:00:00"}); // all days: not narrowed
  CHECK(times("0 0 ? * 1") == list{"2026-11-23 00:00:00"});
  CHECK(times("0 0 30 * ?") == list{"2026-11-30 00:00:00"});
}

TEST_CASE("days are named by the month's end, the nearest weekday and the nth one", "[calendar]") {
  CHECK(times("0 0 L * *", 3)
        == list{"2026-11-30 00:00:00", "2026-12-31 00:00:00", "2027-01-31 00:00:00"});
  CHECK(times("0 0 l,15 2 *", 2) == list{"2027-02-15 00:00:00", "2027-02-28 00:00:00"});
  CHECK(times("0 0 30W * *", 6)
        == list{"2026-11-30 00:00:00", "2026-12-30 00:00:00", "2027-01-29 00:00:00",
                "2027-02-26 00:00:00", "2027-03-30 00:00:00", "2027-04-30 00:00:00"});
  CHECK(times("0 0 1W 5 *") == list{"2027-05-03 00:00:00"}); // a Saturday: not into April
  CHECK(times("0 0 * * 5#2", 2) == list{"2026-12-11 00:00:00", "2027-01-08 00:00:00"});
  CHECK(times("0 0 * * fri#1,mon#2", 2) == list{"2026-12-04 00:00:00", "2026-12-14 00:00:00"});
  CHECK(times("0 0 * * 7#1") == times("0 0 * * sun#1"));
  CHECK(times("0 0 * * L5", 2) == list{"2026-11-27 00:00:00", "2026-12-25 00:00:00"});
  CHECK(times("0 0 * 2 5#5", 2) == list{"2036-02-29 00:00:00", "2064-02-29 00:00:00"});
}

TEST_CASE("a schedule that names no day that there is has no next time", "[calendar]") {
  for (auto never : {"0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 1 1 * 0 2026",
                     "0 0 29 2 * 0 2027", "* * * 2 * * 2025"})
    CHECK(times(never).empty());
}

TEST_CASE("what is no schedule is refused with the field at fault", "[calendar]") {
  for (auto bad : {"",
                   " ",
                   "bad",
                   "* * * *",
                   "* * * * * * * *",
                   "@reboot",
                   "@every 5m",
                   "@weekly x",
                   "60 * * * *",
                   "* 24 * * *",
                   "* * 0 * *",
                   "* * 32 * *",
                   "* * * 13 *",
                   "* * * 0 *",
                   "0 0 * * 8",
                   "*/0 * * * *",
                   "*/ * * * *",
                   "/5 * * * *",
                   "-1 * * * *",
                   "+1 * * * *",
                   "0x1 * * * *",
                   "1.5 * * * *",
                   "1-5-6 * * * *",
                   "1-5/2/3 * * * *",
                   "1--5 * * * *",
                   "* * * * 1,",
                   ",1 * * * *",
                   "H * * * *",
                   "R * * * *",
                   "? * * * *",
                   "0 0 * ? *",
                   "jan * * * *",
                   "* * sun * *",
                   "* * * ja *",
                   "0 0 * * monday",
                   "0 0 * * 5L",
                   "0 0 * * L",
                   "0 0 * * L8",
                   "0 0 * * 5#0",
                   "0 0 * * 5#6",
                   "0 0 * * 1-5#2",
                   "0 0 * * 5#2,1",
                   "0 0 * * L5,1",
                   "0 0 LW * *",
                   "0 0 W * *",
                   "0 0 L-3 * *",
                   "0 0 1W,15 * *",
                   "0 0 15W * 1",
                   "0 0 1 * 5#2",
                   "0 0 1 * L5",
                   "0 0 1 1 * 60",
                   "0 0 1 1 * 0 1969",
                   "0 0 1 1 * 0 2100",
                   "99999999999 * * * *",
                   "* * * * *;",
                   "\xEF\xBC\x90 0 * * *"}) {
    auto made = cron_schedule::parse(bad);
    INFO(bad);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == errc::invalid_argument);
    CHECK_FALSE(made.error().message.empty());
  }
  CHECK(cron_schedule::parse("60 * * * *").error().message == "'60' is no minute. ");
}

TEST_CASE("the next time is the first of all later ones that match", "[calendar]") {
  std::mt19937 random{29};
  auto one_of = [&](const std::vector<std::string>& all) { return all[random() % all.size()]; };
  for (int i = 0; i < 300; ++i) {
    const auto schedule = one_of({"*", "0", "*/7", "59", "3,30-40/5", "55-5"}) + ' '
                          + one_of({"*", "0", "*/5", "23", "22-1", "8,9"}) + ' '
                          + one_of({"*", "1", "31", "L", "*/9", "13,28-2", "15W"}) + " * *";
    const auto made = cron_schedule::parse(schedule).value();
    const auto after = begin + minutes{random() % 600'000} + seconds{random() % 60};
    const auto next = made.next(after);
    INFO(schedule << " after " << text_of(after));
    REQUIRE(next);
    CHECK(*next > after);
    // From any time before it, and from none at or after it, it is the next.
    for (auto before : {*next - 1s, after + (*next - after) / 2})
      if (before >= after && before < *next)
        CHECK(made.next(before) == next);
    CHECK(made.next(*next) > *next);
  }
}

TEST_CASE("the next time of the rarest schedule is found at once", "[calendar]") {
  const auto rare = cron_schedule::parse("0 0 * 2 5#5").value();
  const auto never = cron_schedule::parse("* * 31 2 * *").value();
  const auto begun = steady_clock::now();
  for (int i = 0; i < 1'000; ++i) {
    CHECK(rare.next(begin));
    CHECK_FALSE(never.next(begin));
  }
  CHECK(steady_clock::now() - begun < 5s); // a walk by minutes would take hours
}
