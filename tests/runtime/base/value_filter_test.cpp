#include "runtime/base/value_filter.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

bool matches(json::object spec, json::object value) {
  return value_filter::parse(spec).value().matches(value);
}

} // namespace

TEST_CASE("a value filter compares by equality and by operator", "[storage]") {
  CHECK(matches({}, {{"a", 1}}));
  CHECK(matches({{"a", 1}, {"b", "x"}}, {{"a", 1}, {"b", "x"}, {"c", 0}}));
  CHECK_FALSE(matches({{"a", 1}, {"b", "y"}}, {{"a", 1}, {"b", "x"}}));
  CHECK(matches({{"a", 1}}, {{"a", 1.0}}));
  CHECK(matches({{"a", {{"$gte", 1}, {"$lt", 3}}}}, {{"a", 2.5}}));
  CHECK_FALSE(matches({{"a", {{"$gte", 1}, {"$lt", 3}}}}, {{"a", 3}}));
  CHECK(matches({{"a", {{"$lte", 3}}}}, {{"a", 3}}));
  CHECK(matches({{"a", {{"$gt", "abc"}}}}, {{"a", "abd"}}));
  CHECK(matches({{"a", {{"$ne", 1}}}}, {{"a", 2}}));
  CHECK(matches({{"a", {{"$eq", {1, 2}}}}}, {{"a", {1, 2}}}));
  CHECK(matches({{"a", {{"b", {{"$gt", 1}}}}}}, {{"a", {{"b", 2}}}}));
}

TEST_CASE("integers beyond what a double holds are told apart", "[storage]") {
  CHECK(matches({{"a", {{"$gt", 9007199254740992}}}}, {{"a", 9007199254740993}}));
  CHECK_FALSE(matches({{"a", 9007199254740992}}, {{"a", 9007199254740993}}));
}

TEST_CASE("what cannot be ordered does not match", "[storage]") {
  CHECK_FALSE(matches({{"a", {{"$gt", 1}}}}, {{"a", "2"}}));
  CHECK_FALSE(matches({{"a", {{"$lt", 1}}}}, {{"a", nullptr}}));
  CHECK_FALSE(matches({{"a", {{"$lt", 1}}}}, {}));
  CHECK_FALSE(matches({{"a", {{"b", 1}}}}, {{"a", 1}}));
  CHECK_FALSE(matches({{"a", {{"$lte", true}}}}, {{"a", true}}));
}

TEST_CASE("an unknown operator is refused", "[storage]") {
  auto refused = value_filter::parse({{"a", {{"$in", {1, 2}}}}});
  CHECK(refused.error().code == errc::bad_request);
  CHECK(refused.error().message == "Unsupported operator: $in");
  CHECK_FALSE(value_filter::parse({{"a", {{"b", {{"$regex", "x"}}}}}}));
}
