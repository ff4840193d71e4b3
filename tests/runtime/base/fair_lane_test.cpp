#include "runtime/base/fair_lane.hpp"
#include "tests/support/catch.hpp"

#include <string>

namespace behalf {
namespace {

using lane = fair_lane<std::string>;

// How many of what waits may begin now.
std::size_t begin_all(lane& l) {
  std::size_t n = 0;
  while (l.next())
    ++n;
  return n;
}

} // namespace

TEST_CASE("one user has most of a lane, and the next one finds it open", "[fair]") {
  lane l{32};
  for (int i = 0; i < 100; ++i)
    REQUIRE(l.wait("acme", "alice", "a"));
  CHECK(begin_all(l) == 28);
  REQUIRE(l.wait("acme", "bob", "b"));
  CHECK(l.next() == "b");
  CHECK_FALSE(l.next());
  l.done("bob");
  CHECK_FALSE(l.next()); // what is free now is for others
  l.done("alice");
  CHECK(begin_all(l) == 1);
  CHECK(l.under_way() == 28);
}

TEST_CASE("a small lane is all for one user", "[fair]") {
  lane l{3};
  for (int i = 0; i < 5; ++i)
    l.wait("acme", "alice", "a");
  CHECK(begin_all(l) == 3);
  CHECK(l.waiting() == 2);
}

TEST_CASE("one user's waiting leaves places to wait for another", "[fair]") {
  lane l{1, 64};
  std::size_t places = 0;
  while (l.wait("acme", "alice", "a"))
    ++places;
  CHECK(places == 56);
  CHECK(l.wait("acme", "bob", "b"));
}

TEST_CASE("what waits no more leaves its place", "[fair]") {
  lane l{1};
  auto first = l.wait("acme", "alice", "1");
  REQUIRE(first);
  l.wait("acme", "alice", "2");
  l.remove(*first);
  CHECK(l.next() == "2");
  CHECK_FALSE(l.idle());
  l.done("alice");
  CHECK(l.idle());
}

} // namespace behalf
