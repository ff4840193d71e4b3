#include "actors/run_queue.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

const time_point noon = from_micros(1'800'000'000'000'000);
using ids = run_queue::run_ids;

} // namespace

TEST_CASE("runs of one thread execute one after another", "[runs]") {
  run_queue q{8, 100};
  CHECK(q.add("t", "a", noon, noon) == ids{"a"});
  CHECK(q.add("t", "b", noon, noon).empty());
  CHECK(q.inflight("t") == ids{"a", "b"});
  CHECK(q.end("a", noon) == ids{"b"});
  CHECK(q.end("b", noon).empty());
  CHECK(q.pending() + q.running() == 0);
}

TEST_CASE("threads wait for a slot in the order they fell due", "[runs]") {
  run_queue q{1, 100};
  CHECK(q.add("t1", "a", noon, noon) == ids{"a"});
  CHECK(q.add("t2", "b", noon, noon).empty());
  CHECK(q.add("t3", "c", noon, noon).empty());
  CHECK(q.running() == 1);
  CHECK(q.end("a", noon) == ids{"b"});
  CHECK(q.end("b", noon) == ids{"c"});
}

TEST_CASE("a delayed run neither starts early nor holds up a later one", "[runs]") {
  run_queue q{8, 100};
  auto later = noon + std::chrono::seconds(5);
  CHECK(q.add("t", "delayed", later, noon).empty());
  CHECK(q.add("t", "now", noon, noon) == ids{"now"});
  CHECK(q.next_due() == later);
  CHECK(q.wake(noon + std::chrono::seconds(4)).empty());
  CHECK(q.end("now", noon).empty());
  CHECK(q.wake(later) == ids{"delayed"});
}

TEST_CASE("ending a waiting run leaves the executing one alone", "[runs]") {
  run_queue q{8, 100};
  q.add("t", "a", noon, noon);
  q.add("t", "b", noon, noon);
  CHECK(q.end("b", noon).empty());
  CHECK(q.is_running("a"));
  CHECK_FALSE(q.known("b"));
  CHECK(q.end("unknown", noon).empty());
}

TEST_CASE("a queue at its capacity says so", "[runs]") {
  run_queue q{1, 2};
  q.add("t", "a", noon, noon);
  CHECK_FALSE(q.full());
  q.add("t", "b", noon, noon);
  CHECK(q.full());
}

TEST_CASE("a parked thread whose run ended does not take the slot", "[runs]") {
  run_queue q{1, 9};
  q.add("t1", "a", noon, noon);
  q.add("t2", "b", noon, noon);
  q.add("t3", "c", noon, noon);
  CHECK(q.end("b", noon).empty());
  CHECK(q.end("a", noon) == ids{"c"});
}

TEST_CASE("a run that is over and holding keeps its slot, not its thread", "[runs]") {
  run_queue q{1, 10};
  REQUIRE(q.add("t1", "r1", noon, noon) == ids{"r1"});
  CHECK(q.add("t1", "r2", noon, noon).empty());
  CHECK(q.end_holding("r1", noon).empty());
  CHECK(q.inflight("t1") == ids{"r2"});
  CHECK(q.running() == 1);
  CHECK(q.pending() == 1);
  CHECK(q.returned("r1", noon) == ids{"r2"});
  CHECK(q.returned("r1", noon).empty());
  CHECK(q.end("r2", noon).empty());
  CHECK(q.running() == 0);
  CHECK(q.pending() == 0);
}

} // namespace behalf
