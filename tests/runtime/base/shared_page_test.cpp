#include "runtime/base/shared_page.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("a page that many ask for is not made for each of them", "[base]") {
  int made = 0;
  shared_page page{[&] { return std::to_string(++made); }};
  CHECK(page.text() == "1");
  CHECK(page.text() == "2");
  for (int i = 0; i < 1000; ++i)
    page.text();
  CHECK(made < 1000); // 50 a second, however long this takes
  CHECK(page.text() == std::to_string(made));
}
