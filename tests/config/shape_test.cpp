#include "config/config.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("the bounds of what clients send can be set", "[config]") {
  auto c = parse_config("limits:\n  shape: { depth: 64, names: 50, elements: 2000 }\n", "f.yaml");
  REQUIRE(c.problems.empty());
  CHECK(c.value.system.shape.depth == 64);
  CHECK(c.value.system.shape.names == 50);
  CHECK(c.value.system.shape.elements == 2000);
  CHECK(c.value.system.shape.members == shape_limits{}.members);
}

TEST_CASE("a depth no stack can hold is refused", "[config]") {
  auto c = parse_config("limits:\n  shape: { depth: 100000 }\n", "f.yaml");
  REQUIRE(c.problems.size() == 1);
  CHECK(c.problems.front().key == "limits.shape.depth");
}
