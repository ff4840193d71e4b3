#include "agents/safety/taint.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

taint read_of(std::string_view source, std::string_view call) {
  taint seen;
  add_source(seen.untrusted, source, call);
  return seen;
}

} // namespace

TEST_CASE("taint comes back from JSON as it was", "[agents]") {
  taint seen = read_of("web", "c1");
  add_source(seen.personal, "mail", "c2");
  const json::value kept = to_json(seen);
  CHECK(dump(kept) == R"({"untrusted":{"web":["c1"]},"private":{"mail":["c2"]}})");
  CHECK(taint_from_json(&kept) == seen);
  CHECK(seen.both());
  CHECK_FALSE(read_of("web", "c1").both());
  const json::value none = to_json(taint{});
  CHECK(dump(none) == "{}");
  CHECK(taint_from_json(&none).none());
  CHECK(taint_from_json(nullptr).none());
}

TEST_CASE("what is no taint counts as untrusted", "[agents]") {
  for (std::string_view bad :
       {R"("none")", "[]", "7", R"({"untrusted":[]})", R"({"untrusted":{"web":7}})",
        R"({"private":{"mail":[7]}})", R"({"private":false})"}) {
    const auto kept = parse_json(bad).value();
    CHECK(taint_from_json(&kept).untrusted.contains("unknown"));
  }
}

TEST_CASE("the channel joins, and nothing takes away", "[agents]") {
  const auto join = keeps_taint().reduce;
  auto kept = join(nullptr, to_json(read_of("web", "c1")));
  kept = join(kept, to_json(read_of("mail", "c2")));
  kept = join(kept, json::object{});
  kept = join(kept, nullptr);
  kept = join(kept, to_json(read_of("web", "c1")));
  CHECK(dump(kept) == R"({"untrusted":{"mail":["c2"],"web":["c1"]}})");
}

TEST_CASE("taint stays small however many calls there are", "[agents]") {
  taint seen;
  for (int i = 0; i < 1000; ++i)
    add_source(seen.untrusted, "web", "c" + std::to_string(i));
  CHECK(seen.untrusted["web"] == std::vector<std::string>{"c0", "c1", "c2", "c3"});
  for (int i = 0; i < 1000; ++i)
    add_source(seen.untrusted, std::string(1000, 'x') + std::to_string(i), std::string(1000, 'c'));
  CHECK(seen.untrusted.size() == 2);
  CHECK(dump(to_json(seen)).size() < 1000);
}
