#include "runtime/storage/terms.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <set>

using namespace behalf;

TEST_CASE("no two facts share a term", "[storage]") {
  std::set<term> seen;
  int64_t made = 0;
  for (std::string tenant : {"a", "ab", "1:a"})
    for (std::string key : {"b", "", "1:b", "owner"})
      for (json::value v : {json::value(1), json::value("1"), json::value(1.0), json::value(true),
                            json::value(nullptr), json::value("null"), json::value("")}) {
        seen.insert(metadata_term(tenant, key, v));
        ++made;
      }
  for (std::string tenant : {"a", "ab", "1:a"}) {
    seen.insert(every_term(tenant));
    ++made;
  }
  CHECK(static_cast<int64_t>(seen.size()) == made);
}

TEST_CASE("every match of a query is filed under the terms it is looked for by", "[storage]") {
  auto thread = make_thread("t1", 0, {{"owner", "alice"}, {"n", 1}, {"deep", {{"x", 1}}}});
  thread.status = "busy";
  auto filed = terms_of(thread).value();
  query q{.tenant = "acme",
          .status = {"busy"},
          .metadata = {{"n", uint64_t{1}}, {"deep", json::object{}}},
          .auth_filter = make_filter({{"owner", {{"$eq", "alice"}}}})};
  auto plan = plan_terms(q);
  CHECK(plan.all.size() == 3);
  CHECK_FALSE(plan.exact); // "deep" is left to look at
  for (auto t : plan.all)
    CHECK(std::find(filed.begin(), filed.end(), t) != filed.end());
}

TEST_CASE("a query with hundreds of thousands of conditions looks by a few of them", "[storage]") {
  query q{.tenant = "acme"};
  for (int i = 0; i < 300'000; ++i)
    q.metadata["key-" + std::to_string(i)] = i;
  auto begun = std::chrono::steady_clock::now();
  auto plan = plan_terms(q);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{1}); // was 21 s
  CHECK(plan.all.size() <= 10);
  CHECK_FALSE(plan.exact);
}

TEST_CASE("a term is the same on every machine and in every version", "[storage]") {
  // Files are searched by these: a change needs a migration.
  CHECK(every_term("default") == 7618504561915115584);
  CHECK(metadata_term("default", "owner", "alice") == -5337335878635235451);
}
