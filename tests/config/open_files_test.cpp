#include "config/open_files.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <sys/resource.h>

namespace behalf {

TEST_CASE("connections leave open files to everything else", "[config]") {
  CHECK(connections_within(10'000, 1'048'576) == 10'000);
  CHECK(connections_within(10'000, 4096) == 3072);
  CHECK(connections_within(10'000, 256) == 128);
  CHECK(connections_within(100, 256) == 100);
  CHECK(connections_within(10'000, 20) == 10);
}

TEST_CASE("the limit of open files is raised to what is allowed", "[config]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit low{std::min<rlim_t>(before.rlim_cur, 256), before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(raise_open_files() == before.rlim_max);
  rlimit after{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &after) == 0);
  CHECK(after.rlim_cur == before.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

} // namespace behalf
