#include "runtime/base/lru_map.hpp"
#include "tests/support/catch.hpp"

#include <memory>
#include <string>

using namespace behalf;

using numbers = lru_map<std::string, int>;

TEST_CASE("what was used longest ago makes room", "[base]") {
  numbers m{2};
  m.put("a", 1);
  m.put("b", 2);
  REQUIRE(m.find("a"));
  CHECK(*m.put("c", 3) == 3);
  CHECK(m.size() == 2);
  CHECK_FALSE(m.find("b"));
  CHECK(*m.find("a") == 1);
}

TEST_CASE("looking is no use, replacing is", "[base]") {
  numbers m{2};
  m.put("a", 1);
  m.put("b", 2);
  CHECK(*m.peek("a") == 1);
  m.put("c", 3);
  CHECK_FALSE(m.peek("a"));
  m.put("b", 4);
  m.put("d", 5);
  CHECK(m.size() == 2);
  CHECK(*m.peek("b") == 4);
}

TEST_CASE("what may not go stays beyond the bound", "[base]") {
  numbers m{2};
  auto odd = [](int n) { return n % 2 == 1; };
  m.put("a", 2);
  m.put("b", 1);
  m.put("c", 4, odd);
  CHECK(m.peek("a"));
  CHECK_FALSE(m.peek("b"));
  CHECK(m.put("d", 6, odd));
  CHECK(m.size() == 3);
  m.put("e", 1);
  CHECK(m.size() == 2); // down to the bound, oldest first
  CHECK(m.peek("d"));
}

TEST_CASE("entries are erased with their values", "[base]") {
  lru_map<int, std::shared_ptr<int>> m{9};
  auto one = std::make_shared<int>(1);
  for (int key : {1, 2, 3, 4})
    m.put(key, one);
  m.erase(1);
  m.erase(7);
  CHECK(one.use_count() == 4);
  m.put(5, std::make_shared<int>(2));
  m.erase_if([](const auto& value) { return *value == 1; });
  CHECK(one.use_count() == 1);
  CHECK(m.size() == 1);
  m.clear();
  m.put(6, one);
  CHECK(m.find(6));
  CHECK(m.size() == 1);
}

TEST_CASE("a map moves with its order, and one without room keeps nothing", "[base]") {
  numbers m{2};
  m.put("a", 1);
  m.put("b", 2);
  auto moved = std::move(m);
  moved.find("a");
  moved.put("c", 3);
  CHECK(moved.peek("a"));
  CHECK_FALSE(moved.peek("b"));
  numbers none{0};
  CHECK(none.put("a", 1) == nullptr);
  CHECK(none.size() == 0);
}
