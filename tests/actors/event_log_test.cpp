#include "actors/event_log.hpp"
#include "tests/support/catch.hpp"

namespace behalf {

TEST_CASE("a viewer reads on from the event it saw last", "[events]") {
  event_log log{1 << 20};
  log.append("values", "1");
  log.append("values", "2");
  log.append("values", "3");
  auto first = log.read(0, 2);
  REQUIRE(first.events.size() == 2);
  CHECK(*first.events[1].data == "2");
  CHECK_FALSE(first.last);
  log.close();
  auto rest = log.read(first.last_seq, 10);
  REQUIRE(rest.events.size() == 1);
  CHECK(rest.events[0].seq == 3);
  CHECK(rest.last);
  CHECK(log.read(3, 10).last);
}

TEST_CASE("a viewer from now on sees nothing old", "[events]") {
  event_log log{1 << 20};
  log.append("values", "1");
  constexpr auto from_now = std::numeric_limits<int64_t>::max();
  auto batch = log.read(from_now, 10);
  CHECK(batch.events.empty());
  CHECK(batch.last_seq == 1);
  CHECK_FALSE(log.has_news(batch.last_seq));
  log.append("values", "2");
  CHECK(log.read(batch.last_seq, 10).events.size() == 1);
}

TEST_CASE("a viewer too slow for the log's bound is told so", "[events]") {
  event_log log{40};
  for (int i = 0; i < 10; ++i)
    log.append("values", "0123456789");
  CHECK(log.read(0, 10).lost);
  CHECK_FALSE(log.read(9, 10).lost);
  CHECK(log.read(9, 10).events.size() == 1);
}

} // namespace behalf
