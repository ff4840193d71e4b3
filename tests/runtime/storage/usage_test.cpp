// Figures of what chat models were asked and cost.
#include "runtime/storage/usage.hpp"
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

constexpr std::chrono::hours day{24};

usage_row row(std::string owner, int64_t day, std::string model, int64_t output, int64_t cost) {
  usage_row one{"acme", owner, "id of " + owner, day, std::move(model), "helper", {}};
  one.used.requests = 1;
  one.used.output = output;
  one.used.cost = cost;
  return one;
}

usage_question of(std::optional<std::string> owner, usage_by by) {
  return {"acme", std::move(owner), 0, 100, by, 100};
}

} // namespace

TEMPLATE_LIST_TEST_CASE("usage is added up by user, day, model and agent", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto called = row("a", 7, "main", 5, 50);
  called.used.tool_calls = 3;
  REQUIRE(f.write({.usage = {row("a", 7, "main", 10, 100), called}}));
  REQUIRE(f.write({.usage = {row("a", 8, "spare", 1, 500), row("b", 7, "main", 1000, 9000)}}));
  auto other = row("a", 7, "main", 1, 1);
  other.tenant = "other";
  REQUIRE(f.write({.usage = {other}}));

  auto days = f.db->usage(of("a", usage_by::day)).value();
  REQUIRE(days.size() == 2);
  CHECK(days[0].day == 7);
  CHECK(days[0].used.requests == 2);
  CHECK(days[0].used.output == 15);
  CHECK(days[0].used.cost == 150);
  CHECK(days[0].used.tool_calls == 3);
  auto models = f.db->usage(of("a", usage_by::model)).value();
  REQUIRE(models.size() == 2);
  CHECK(models[0].model == "spare"); // the dearest
  CHECK(f.db->usage(of("a", usage_by::agent)).value().at(0).used.cost == 650);
  auto users = f.db->usage(of(std::nullopt, usage_by::user)).value();
  REQUIRE(users.size() == 2);
  CHECK(users[0].owner == "b");
  CHECK(users[0].identity == "id of b");
  auto last = of("a", usage_by::day);
  last.first = 8;
  CHECK(f.db->usage(last).value().size() == 1);
  CHECK(f.db->usage(of("nobody", usage_by::day)).value().empty());
  CHECK(f.db->usage({.last = 100, .most = 100}).value().size() == 4);
  CHECK(f.db->usage({.last = 100, .most = 3}).value().size() == 3);
}

TEMPLATE_LIST_TEST_CASE("figures that no provider can mean stay readable", "[storage]", storages) {
  storage_fixture<TestType> f;
  constexpr auto huge = int64_t{1} << 60;
  for (int i = 0; i < 3; ++i)
    REQUIRE(f.write({.usage = {row("a", 7, "main", huge, huge), row("a", 8, "main", huge, huge)}}));
  auto days = f.db->usage(of("a", usage_by::agent)).value();
  REQUIRE(days.size() == 1);
  CHECK(days[0].used.requests == 6);
  CHECK(days[0].used.cost >= huge);
}

TEST_CASE("usage goes after its time, a few rows at once", "[storage]") {
  sqlite_factory factory;
  auto options = factory.options();
  options.usage = 2 * day;
  auto db = open_sqlite(options).value();
  write_batch what;
  for (int user = 0; user < 5; ++user)
    what.usage.push_back(row("u" + std::to_string(user), 0, "main", 1, 1));
  what.usage.push_back(row("u0", 3, "main", 1, 1));
  auto sweep = [&] {
    REQUIRE(db->begin());
    auto gone = db->sweep(4);
    REQUIRE(db->flush());
    return gone.value();
  };
  REQUIRE(db->begin());
  REQUIRE(db->apply(what));
  REQUIRE(db->flush());
  factory.clock = from_micros(0) + 2 * day;
  CHECK(sweep() == 0);
  factory.clock += day;
  CHECK(sweep() == 4);
  CHECK(sweep() == 1);
  CHECK(db->usage({.last = 100, .most = 100}).value().size() == 1);
}
