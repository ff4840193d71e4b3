// What any storage must do with chains of checkpoints.
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

names ids_in(const std::vector<record>& rows) {
  names ids;
  for (const auto& r : rows)
    ids.push_back(r.id);
  return ids;
}

// c1 (full) ← c2 ← c3 ← c4 (full) ← c5, and a fork c6 of c2. c1–c3 by run r1, the rest by r2.
template <class Fixture>
void put_chain(Fixture& f) {
  auto c4 = make_checkpoint("t1", "c4", "c3", "r2");
  c4.full = true;
  REQUIRE(f.write({.puts = {{make_thread("t1")},
                            {make_checkpoint("t1", "c1", "", "r1")},
                            {make_checkpoint("t1", "c2", "c1", "r1")},
                            {make_checkpoint("t1", "c3", "c2", "r1")},
                            {c4},
                            {make_checkpoint("t1", "c5", "c4", "r2")},
                            {make_checkpoint("t1", "c6", "c2", "r2")}}}));
}

template <class Fixture>
names chain(Fixture& f, const std::string& id) {
  return ids_in(f.db->checkpoint_chain("acme", "t1", "", id).value());
}

} // namespace

TEMPLATE_LIST_TEST_CASE("a chain goes from the nearest full checkpoint to the one named",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  CHECK(chain(f, "c1") == names{"c1"});
  CHECK(chain(f, "c3") == names{"c1", "c2", "c3"});
  CHECK(chain(f, "c5") == names{"c4", "c5"});
  CHECK(chain(f, "") == names{"c1", "c2", "c6"}); // the latest by id
  CHECK(chain(f, "c9").empty());
  CHECK(f.db->checkpoint_chain("acme", "t1", "child", "").value().empty());
}

namespace {

write_batch::task_end end_of(const std::string& checkpoint, std::string task, int n) {
  return {{kind::checkpoint, "acme", checkpoint, "t1"},
          std::move(task),
          R"({"n":)" + std::to_string(n) + "}"};
}

} // namespace

TEMPLATE_LIST_TEST_CASE("ends of tasks are kept beside their checkpoint until it is put again",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  const record_key key{kind::checkpoint, "acme", "c5", "t1"};
  CHECK(f.get(key)->task_ends.empty());
  REQUIRE(f.write({.task_ends = {end_of("c5", "a", 1), end_of("c4", "a", 7)}}));
  REQUIRE(f.write({.task_ends = {end_of("c5", "b", 2), end_of("c5", "a", 3)}}));
  const json::array both{json::object{{"n", 3}}, json::object{{"n", 2}}};
  CHECK(f.get(key)->task_ends == both);
  CHECK(f.get(key)->revision == 1);
  auto chain = f.db->checkpoint_chain("acme", "t1", "", "c5").value();
  CHECK(chain.back().task_ends == both);
  CHECK(chain.front().task_ends.size() == 1);
  query q{.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id};
  q.before = "c6";
  q.limit = 1;
  auto listed = f.db->search(q).value().rows;
  REQUIRE(listed.size() == 1);
  CHECK(listed[0].task_ends == both);

  auto fresh = make_checkpoint("t1", "c5", "c4", "r2");
  REQUIRE(f.write({.puts = {{fresh}}, .task_ends = {end_of("c5", "c", 4)}}));
  CHECK(f.get(key)->task_ends == json::array{json::object{{"n", 4}}});
}

TEMPLATE_LIST_TEST_CASE("ends of tasks need their checkpoint and go with it", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  CHECK(f.write({.task_ends = {end_of("c9", "a", 1)}}).error().code == errc::conflict);
  REQUIRE(f.write({.task_ends = {end_of("c5", "a", 1)}}));
  REQUIRE(f.write({.erases = {{thread_key("t1")}}}));
  CHECK(f.write({.task_ends = {end_of("c5", "a", 1)}}).error().code == errc::not_found);
  put_chain(f);
  CHECK(f.get({kind::checkpoint, "acme", "c5", "t1"})->task_ends.empty());
}

TEMPLATE_LIST_TEST_CASE("checkpoints of a subgraph are apart", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  auto child = make_checkpoint("t1", "c2");
  child.ns = "child:1";
  REQUIRE(f.put(child));
  CHECK(ids_in(f.db->checkpoint_chain("acme", "t1", "child:1", "").value()) == names{"c2"});
  CHECK(chain(f, "c2") == names{"c1", "c2"});
}

TEMPLATE_LIST_TEST_CASE("a thread's checkpoints are listed newest first", "[storage]", storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  query q{.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id};
  q.limit = 2;
  CHECK(f.ids(q) == names{"c6", "c5"});
  q.limit = 10;
  q.before = "c4";
  CHECK(f.ids(q) == names{"c3", "c2", "c1"});
  auto first = make_checkpoint("t1", "c1", "", "r1");
  first.metadata = {{"source", "input"}};
  REQUIRE(f.put(first));
  q.before.clear();
  q.metadata = {{"source", "input"}};
  CHECK(f.ids(q) == names{"c1"});
}

TEMPLATE_LIST_TEST_CASE("a chain with a hole is an error, not a wrong state", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  REQUIRE(f.write({.erases = {{{kind::checkpoint, "acme", "c1", "t1"}}}}));
  auto broken = f.db->checkpoint_chain("acme", "t1", "", "c3");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == errc::internal);
  CHECK(broken.error().message.find("c1 is missing") != std::string::npos);
  CHECK(chain(f, "c5") == names{"c4", "c5"});
}

TEMPLATE_LIST_TEST_CASE("erasing a run's checkpoints keeps what others build upon", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  REQUIRE(f.write({.checkpoint_erases = {{"acme", "t1", "r1"}}}));
  query listed{.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id};
  CHECK(f.ids(listed) == names{"c6", "c5", "c4"});
  CHECK(chain(f, "c6") == names{"c1", "c2", "c6"});
  CHECK(chain(f, "c2").empty());
  CHECK_FALSE(f.get({kind::checkpoint, "acme", "c2", "t1"}));

  // Nothing builds upon c1 and c2 once the other run's checkpoints are gone.
  REQUIRE(f.write({.checkpoint_erases = {{"acme", "t1", "r2"}}}));
  CHECK(chain(f, "").empty());
  // c2 is really gone: nothing can build upon it any more.
  CHECK(f.put(make_checkpoint("t1", "c7", "c2", "r3")).error().code == errc::conflict);
}

TEMPLATE_LIST_TEST_CASE("rolling the last run back brings the state before it", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  put_chain(f);
  REQUIRE(f.write({.checkpoint_erases = {{"acme", "t1", "r2"}}}));
  CHECK(chain(f, "") == names{"c1", "c2", "c3"});
}
