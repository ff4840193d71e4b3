#include "runtime/calendar/next_firing.hpp"
#include "tests/support/catch.hpp"

#include <random>
#include <string>
#include <vector>

using namespace behalf;
using namespace std::chrono;

namespace {

using list = std::vector<std::string>;

std::vector<behalf::time_point> instants(const std::string& schedule, const std::string& zone,
                                         std::string_view from, std::size_t n) {
  const auto made = cron_schedule::parse(schedule).value();
  const auto where = time_zone::find(zone).value();
  std::vector<behalf::time_point> all;
  for (auto at = next_firing(made, where, parse_iso8601(from).value()); at && all.size() < n;
       at = next_firing(made, where, *at))
    all.push_back(*at);
  return all;
}

// "03-28T01:00" and so on, in UTC.
list firings(const std::string& schedule, const std::string& zone, std::string_view from,
             std::size_t n) {
  list all;
  for (auto at : instants(schedule, zone, from, n))
    all.push_back(iso8601(at).substr(5, 11));
  return all;
}

} // namespace

TEST_CASE("a schedule is read in its time zone", "[calendar]") {
  CHECK(firings("0 9 * * *", "UTC", "2026-11-22T08:30:00Z", 1) == list{"11-22T09:00"});
  CHECK(firings("0 9 * * *", "America/New_York", "2026-11-22T08:30:00Z", 1) == list{"11-22T14:00"});
  CHECK(firings("0 9 * * *", "Asia/Kathmandu", "2026-11-22T08:30:00Z", 1) == list{"11-23T03:15"});
  CHECK(firings("0 9 * * *", "Europe/Berlin", "2026-07-01T00:00:00.9Z", 1) == list{"07-01T07:00"});
  CHECK(firings("0 9 * * *", "Etc/GMT+3", "2026-07-01T00:00:00Z", 1) == list{"07-01T12:00"});
}

// Berlin: 2027-03-28 02:00 becomes 03:00.
TEST_CASE("a time that clocks skip is fired when they do, once", "[calendar]") {
  const auto before = "2027-03-27T23:40:00Z";
  CHECK(firings("30 2 * * *", "Europe/Berlin", before, 2) == list{"03-28T01:00", "03-29T00:30"});
  CHECK(firings("*/10 2 * * *", "Europe/Berlin", before, 2) == list{"03-28T01:00", "03-29T00:00"});
  CHECK(firings("30 1-3 * * *", "Europe/Berlin", before, 4)
        == list{"03-28T00:30", "03-28T01:00", "03-28T01:30", "03-28T23:30"});
  CHECK(firings("0 3 * * *", "Europe/Berlin", before, 2) == list{"03-28T01:00", "03-29T01:00"});
  CHECK(firings("0 2,3 * * *", "Europe/Berlin", before, 2) == list{"03-28T01:00", "03-29T00:00"});
  // Midnight is skipped in Havana, and a whole day was in Samoa.
  CHECK(firings("0 0 * * *", "America/Havana", "2027-03-13T06:00:00Z", 2)
        == list{"03-14T05:00", "03-15T04:00"});
  CHECK(firings("0 0 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 3)
        == list{"12-29T10:00", "12-30T10:00", "12-31T10:00"});
}

// Berlin: 2027-10-31 03:00 becomes 02:00.
TEST_CASE("a time that clocks show twice is fired the first time", "[calendar]") {
  const auto before = "2027-10-30T23:10:00Z";
  CHECK(firings("30 2 * * *", "Europe/Berlin", before, 2) == list{"10-31T00:30", "11-01T01:30"});
  CHECK(firings("*/30 2 * * *", "Europe/Berlin", before, 3)
        == list{"10-31T00:00", "10-31T00:30", "11-01T01:00"});
  CHECK(firings("0 3 * * *", "Europe/Berlin", before, 1) == list{"10-31T02:00"});
  // Asked in the hour that is shown again.
  CHECK(firings("30 2 * * *", "Europe/Berlin", "2027-10-31T01:10:00Z", 1) == list{"11-01T01:30"});
  CHECK(firings("* 2 * * * *", "Europe/Berlin", "2027-10-31T01:10:00Z", 1) == list{"11-01T01:00"});
}

TEST_CASE("a schedule for every hour fires at equal distances throughout", "[calendar]") {
  CHECK(firings("*/30 * * * *", "Europe/Berlin", "2027-10-30T23:40:00Z", 6)
        == list{"10-31T00:00", "10-31T00:30", "10-31T01:00", "10-31T01:30", "10-31T02:00",
                "10-31T02:30"});
  CHECK(firings("15 * * * *", "Europe/Berlin", "2027-03-27T23:40:00Z", 4)
        == list{"03-28T00:15", "03-28T01:15", "03-28T02:15", "03-28T03:15"});
  // Lord Howe Island goes by half an hour.
  CHECK(firings("0 * * * *", "Australia/Lord_Howe", "2027-04-03T13:40:00Z", 3)
        == list{"04-03T14:00", "04-03T15:30", "04-03T16:30"});
}

TEST_CASE("every firing is later than the one before and at a time the schedule names",
          "[calendar]") {
  std::mt19937 random{29};
  auto one_of = [&](const list& all) { return all[random() % all.size()]; };
  for (int i = 0; i < 200; ++i) {
    const auto text = one_of({"0", "*/20", "30", "59"}) + ' '
                      + one_of({"*", "2", "0-3", "*/2", "23", "1"}) + " * * *";
    const auto zone = one_of({"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                              "America/Havana", "America/Santiago", "Africa/Cairo"});
    const auto schedule = cron_schedule::parse(text).value();
    const auto where = time_zone::find(zone).value();
    auto at = parse_iso8601("2027-01-01T00:00:00Z").value() + hours{random() % 8'760};
    for (int n = 0; n < 100; ++n) {
      const auto next = next_firing(schedule, where, at);
      INFO(text << " in " << zone << " after " << iso8601(at));
      REQUIRE(next);
      REQUIRE(*next > at);
      REQUIRE(*next - at <= 49h);
      const auto t = floor<seconds>(*next);
      const auto now = where.period_at(t);
      const local_seconds shown{t.time_since_epoch() + now.offset};
      CHECK((t == now.begin || schedule.next(shown - 1s) == shown));
      // Nothing is left out: from any moment between the two it is the next.
      CHECK(next_firing(schedule, where, at + (*next - at) / 2) == next);
      at = *next;
    }
  }
}

TEST_CASE("what never comes has no next firing in any zone", "[calendar]") {
  for (auto never : {"0 0 31 2 *", "* * 31 2 *", "0 0 1 1 * 0 2020"})
    for (auto zone : {"UTC", "Europe/Berlin"})
      CHECK(instants(never, zone, "2026-11-22T00:00:00Z", 1).empty());
}

TEST_CASE("names that are no zone's are refused with what is wanted", "[calendar]") {
  using namespace std::string_literals;
  for (const auto& name :
       {""s, "Bad/Zone"s, "utc"s, "europe/berlin"s, "GMT+3"s, "+02:00"s, "../etc/passwd"s,
        "/etc/passwd"s, "Europe"s, "posix/UTC"s, "zone.tab"s, std::string(9'000, 'a'), "UTC\0"s}) {
    auto found = time_zone::find(name);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == errc::invalid_argument);
    CHECK(found.error().message.size() < 250);
  }
  CHECK(time_zone::find("Bad/Zone").error().message
        == "Invalid timezone: 'Bad/Zone'. Use IANA timezone format (e.g. 'America/New_York').");
}
