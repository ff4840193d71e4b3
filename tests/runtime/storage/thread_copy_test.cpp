// What any storage must do when whole threads are measured, copied and pruned, in slices.
#include "runtime/storage/thread_sizes.hpp"
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

// c0 is full, c1 and so on follow; each sets `n` and lets `foo` grow.
template <class Fixture>
void with_checkpoints(Fixture& f, int n) {
  REQUIRE(f.put(make_thread("t1", 1, {{"owner", "alice"}})));
  for (int i = 0; i < n; ++i) {
    auto c = make_checkpoint("t1", "c" + std::to_string(i), i ? "c" + std::to_string(i - 1) : "");
    c.metadata = {{"thread_id", "t1"}, {"step", i}};
    c.doc = {{"set", {{"n", i}}}, {"append", {{"foo", {"x"}}}}, {"next", json::array{}}};
    REQUIRE(f.put(c));
  }
}

template <class Fixture>
thread_sizes measured(Fixture& f, const char* thread, slice_limits limits = {}) {
  thread_sizes sizes;
  while (!sizes.complete)
    REQUIRE(f.db->measure("acme", thread, sizes, limits));
  return sizes;
}

write_batch copy_of(std::string from, std::string to, const thread_sizes& before,
                    const thread_sizes& until, filter auth_filter = {}) {
  write_batch what;
  what.checkpoint_copies.push_back({"acme", std::move(from), std::move(to), std::move(auth_filter),
                                    "c9", before.ns, before.id, until.ns, until.id});
  return what;
}

template <class Fixture>
names chain_of(Fixture& f, const char* thread) {
  names ids;
  for (const auto& row : f.db->checkpoint_chain("acme", thread, "", "").value())
    ids.push_back(row.id);
  return ids;
}

query history_of(const char* thread) {
  return {.type = kind::checkpoint, .tenant = "acme", .parent = thread, .sort = sort_key::id};
}

} // namespace

TEMPLATE_LIST_TEST_CASE("a thread is measured in slices, channel by channel", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  with_checkpoints(f, 3);
  REQUIRE(f.write({.task_ends = {{{kind::checkpoint, "acme", "c2", "t1"}, "task", "{}"}}}));
  const auto all = measured(f, "t1");
  CHECK(all.checkpoints.count == 3);
  CHECK(all.channels.at("n").count == 3);
  CHECK(all.channels.at("n").bytes == 3);
  CHECK(all.channels.at("foo").bytes == 3 * 5); // ["x"]
  CHECK(all.pending.count == 1);
  CHECK(all.bytes
        == all.checkpoints.bytes + all.pending.bytes + all.channels.at("n").bytes
             + all.channels.at("foo").bytes);
  thread_sizes some;
  REQUIRE(f.db->measure("acme", "t1", some, {.bytes = 1}));
  CHECK(some.checkpoints.count == 1);
  CHECK_FALSE(some.complete);
  CHECK(measured(f, "t1", {.bytes = 1}).bytes == all.bytes);
  CHECK(measured(f, "nowhere").checkpoints.count == 0);
}

TEMPLATE_LIST_TEST_CASE("a thread's checkpoints are copied slice by slice, with their tasks' ends",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  with_checkpoints(f, 4);
  REQUIRE(
    f.write({.task_ends = {{{kind::checkpoint, "acme", "c3", "t1"}, "task", R"({"id":"x"})"}}}));
  REQUIRE(f.put(make_thread("t2")));
  thread_sizes at;
  while (!at.complete) {
    auto before = at;
    REQUIRE(f.db->measure("acme", "t1", at, {.bytes = 1}));
    if (at.id != before.id)
      REQUIRE(f.write(copy_of("t1", "t2", before, at)));
  }
  CHECK(chain_of(f, "t2") == names{"c0", "c1", "c2", "c3"});
  auto last = f.db->checkpoint_chain("acme", "t2", "", "").value().back();
  CHECK(last.metadata.at("thread_id") == "t2");
  CHECK(last.task_ends.size() == 1);
  CHECK(chain_of(f, "t1").size() == 4);
}

TEMPLATE_LIST_TEST_CASE("nothing is copied of a thread that is gone or another's", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  with_checkpoints(f, 2);
  REQUIRE(f.put(make_thread("t2")));
  const auto all = measured(f, "t1");
  auto bobs = filter::parse({{"owner", "bob"}}).value();
  auto refused = f.write(copy_of("t1", "t2", {}, all, bobs));
  REQUIRE(!refused);
  CHECK(refused.error().code == errc::not_found);
  CHECK(f.write(copy_of("nowhere", "t2", {}, all)).error().code == errc::not_found);
  CHECK(chain_of(f, "t2").empty());
}

TEMPLATE_LIST_TEST_CASE("pruning leaves the newest checkpoint, and what it is restored from",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  with_checkpoints(f, 3);
  auto whole = make_checkpoint("t1", "c3");
  whole.parent_checkpoint = "c2"; // stands alone
  REQUIRE(f.put(whole));
  REQUIRE(f.put(make_checkpoint("t1", "c4", "c3")));
  auto child = make_checkpoint("t1", "c5");
  child.ns = "inner:1";
  REQUIRE(f.put(child));
  const write_batch prune{.prunes = {{"acme", "t1", {}, 2}}};
  REQUIRE(f.put(make_run("t1", "r1", 1, "running")));
  CHECK(f.write(prune).error().kind == thread_busy);
  CHECK(f.ids(history_of("t1")).size() == 5);
  REQUIRE(f.put(make_run("t1", "r1", 1, "success")));
  for (int i = 0; i < 4; ++i)
    REQUIRE(f.write(prune));
  CHECK(f.ids(history_of("t1")) == names{"c4"});
  CHECK(chain_of(f, "t1") == names{"c3", "c4"});
  CHECK(f.get(child.key()));
  CHECK(measured(f, "t1").checkpoints.count == 3);
  auto bobs = filter::parse({{"owner", "bob"}}).value();
  CHECK(f.write({.prunes = {{"acme", "t1", bobs, 2}}}).error().code == errc::not_found);
}

TEMPLATE_LIST_TEST_CASE("a thread's time to live can be changed", "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.put(make_thread("t1")));
  write_batch::thread_change change{"acme", "t1"};
  change.at = f.factory.clock;
  change.expires = expiry{f.factory.clock + std::chrono::minutes{1}, std::chrono::minutes{1}};
  REQUIRE(f.write({.thread_changes = {change}}));
  change.expires.reset();
  REQUIRE(f.write({.thread_changes = {change}})); // says nothing of it
  CHECK(f.get(thread_key("t1")));
  f.factory.clock += std::chrono::minutes{1};
  CHECK_FALSE(f.get(thread_key("t1")));
}
