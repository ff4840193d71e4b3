#include "runtime/base/call_pace.hpp"
#include "tests/support/catch.hpp"

using behalf::call_pace;
using namespace std::chrono_literals;

TEST_CASE("so many calls begin in any minute, and no more", "[pace]") {
  call_pace pace{2};
  const call_pace::time start{1h};
  CHECK(pace.may_begin(start));
  pace.begins(start);
  pace.begins(start + 10s);
  CHECK_FALSE(pace.may_begin(start + 59s));
  CHECK(pace.next() == start + 60s);
  CHECK(pace.may_begin(start + 60s));
  pace.begins(start + 60s);
  CHECK_FALSE(pace.may_begin(start + 69s));
  CHECK(pace.may_begin(start + 70s));
}

TEST_CASE("what did not begin after all does not count", "[pace]") {
  call_pace pace{1};
  const call_pace::time start{1h};
  pace.takes_back(start); // there is none
  pace.begins(start);
  CHECK_FALSE(pace.may_begin(start + 1s));
  pace.takes_back(start);
  CHECK(pace.may_begin(start + 1s));
}

TEST_CASE("what did not begin takes back its own time, not the newest", "[pace]") {
  call_pace pace{2};
  const call_pace::time start{1h};
  pace.begins(start);
  pace.begins(start + 5s);
  pace.takes_back(start);
  pace.begins(start + 6s);
  CHECK_FALSE(pace.may_begin(start + 61s));
  CHECK(pace.may_begin(start + 65s));
}

TEST_CASE("without a limit calls begin at any time", "[pace]") {
  call_pace pace{0};
  const call_pace::time start{1h};
  for (int i = 0; i < 100; ++i) {
    CHECK(pace.may_begin(start));
    pace.begins(start);
  }
  CHECK_FALSE(pace.limits());
}
