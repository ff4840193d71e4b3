// What any storage must do with records that end by themselves.
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;
using std::chrono::minutes;

namespace {

const auto start = from_micros(1'000'000);

record with_ttl(record r, minutes ttl, bool keep_latest = false) {
  r.expires = expiry{start + ttl, ttl, keep_latest};
  return r;
}

template <class Fixture>
int64_t sweep(Fixture& f, int64_t max_rows = 1000) {
  REQUIRE(f.db->begin());
  auto removed = f.db->sweep(max_rows);
  REQUIRE(f.db->flush());
  return removed.value();
}

} // namespace

TEMPLATE_LIST_TEST_CASE("an expired record is found by no read, swept or not", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto item = with_ttl(make_item({"a"}, "k"), minutes{1});
  REQUIRE(f.write({.puts = {{item}, {with_ttl(make_thread("t1"), minutes{1})}}}));
  query items{.type = kind::item, .tenant = "acme"};
  CHECK(f.get(item.key()));
  CHECK(f.ids(items) == names{"k"});
  CHECK(sweep(f) == 0);

  f.factory.clock += minutes{1};
  CHECK_FALSE(f.get(item.key()));
  CHECK_FALSE(f.get(thread_key("t1")));
  CHECK(f.ids(items).empty());
  CHECK(f.ids({.tenant = "acme"}).empty());
  CHECK(f.db->count({.tenant = "acme"}).value() == 0);
}

TEMPLATE_LIST_TEST_CASE("a refresh gives an item its whole time again", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto item = with_ttl(make_item({"a"}, "k"), minutes{2});
  auto lasting = make_item({"a"}, "lasting");
  REQUIRE(f.write({.puts = {{item}, {lasting}}}));
  f.factory.clock += minutes{1};
  REQUIRE(
    f.write({.refreshes = {{item.key(), f.factory.clock}, {lasting.key(), f.factory.clock}}}));
  CHECK(f.get(item.key())->expires->at == start + minutes{3});
  CHECK(f.get(item.key())->revision == 1);
  CHECK_FALSE(f.get(lasting.key())->expires);
  f.factory.clock += minutes{2};
  CHECK_FALSE(f.get(item.key()));
  REQUIRE(f.write({.refreshes = {{item.key(), f.factory.clock}}}));
  CHECK_FALSE(f.get(item.key())); // too late
}

TEMPLATE_LIST_TEST_CASE("an expired record's key is free", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto thread = with_ttl(make_thread("t1", 1, {{"owner", "alice"}}), minutes{1});
  REQUIRE(f.write({.puts = {{thread}, {make_run("t1", "r1")}}}));
  f.factory.clock += minutes{1};
  CHECK(f.put(make_run("t1", "r2"), 0)); // the row is still there: no harm, it will go with it
  REQUIRE(f.put(make_thread("t1", 2, {{"owner", "bob"}}), 0));
  CHECK(f.get(thread_key("t1"))->revision == 1);
  CHECK_FALSE(f.get({kind::run, "acme", "r1"}));
  CHECK(f.ids({.tenant = "acme", .metadata = {{"owner", "alice"}}}).empty());
  CHECK(f.write({.erases = {{thread_key("t1"), 1}}}));
}

TEMPLATE_LIST_TEST_CASE("a sweep removes what expired, a bounded batch at a time", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  write_batch c;
  c.puts.push_back({with_ttl(make_thread("t1"), minutes{1})});
  c.puts.push_back({make_thread("stays")});
  c.puts.push_back({make_run("stays", "r-stays")});
  for (int i = 0; i < 10; ++i) {
    auto n = std::to_string(i);
    c.puts.push_back({with_ttl(make_item({"a"}, "k" + n), minutes{1})});
    c.puts.push_back({make_run("t1", "r" + n)});
    c.puts.push_back({make_checkpoint("t1", "c" + n)});
  }
  REQUIRE(f.write(c));
  f.factory.clock += minutes{2};
  int64_t removed = 0;
  for (;;) {
    auto some = sweep(f, 4);
    CHECK(some <= 4);
    removed += some;
    if (some < 4)
      break;
  }
  CHECK(removed == 31);
  f.factory.clock = start; // were anything left, it would be alive again
  CHECK(f.ids({.type = kind::item, .tenant = "acme"}).empty());
  CHECK(f.ids({.tenant = "acme"}) == names{"stays"});
  CHECK_FALSE(f.get({kind::run, "acme", "r3"}));
  CHECK(f.get({kind::run, "acme", "r-stays"}));
}

TEMPLATE_LIST_TEST_CASE("a busy thread does not expire", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto thread = with_ttl(make_thread("t1"), minutes{1});
  thread.status = "busy";
  REQUIRE(f.put(thread));
  f.factory.clock += minutes{2};
  CHECK(sweep(f) == 0);
  CHECK(f.get(thread_key("t1")));
  thread.status = "idle";
  REQUIRE(f.put(thread));
  CHECK_FALSE(f.get(thread_key("t1")));
  CHECK(sweep(f) == 1);
}

TEMPLATE_LIST_TEST_CASE("a thread may keep its latest checkpoint when its time is over",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  REQUIRE(f.write({.puts = {{with_ttl(make_thread("t1"), minutes{1}, true)},
                            {make_checkpoint("t1", "c1")},
                            {make_checkpoint("t1", "c2")},
                            {make_checkpoint("t1", "c3", "c2")}}}));
  f.factory.clock += minutes{2};
  CHECK(f.get(thread_key("t1")));
  CHECK(sweep(f) > 0);
  CHECK(sweep(f) == 0);
  CHECK(f.get(thread_key("t1")));
  CHECK(f.ids({.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id})
        == names{"c3"});
  CHECK(f.db->checkpoint_chain("acme", "t1", "", "").value().size() == 2);
}

TEMPLATE_LIST_TEST_CASE("a long thread keeps its latest checkpoint a bounded batch at a time",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  auto id = [](int i) { return "c" + std::to_string(1000 + i); };
  write_batch c;
  c.puts.push_back({with_ttl(make_thread("t1"), minutes{1}, true)});
  for (int i = 0; i < 250; ++i)
    c.puts.push_back({make_checkpoint("t1", id(i), i % 10 == 0 ? "" : id(i - 1))});
  REQUIRE(f.write(c));
  const query all{.type = kind::checkpoint,
                  .tenant = "acme",
                  .parent = "t1",
                  .sort = sort_key::id,
                  .limit = 1000};
  f.factory.clock += minutes{2};
  int turns = 0;
  while (sweep(f, 40) >= 40) {
    ++turns;
    for (const auto& left : f.ids(all)) // whoever reads meanwhile
      REQUIRE(f.db->checkpoint_chain("acme", "t1", "", left));
  }
  CHECK(turns == 6);
  CHECK(f.ids(all) == names{id(249)});
  CHECK(f.db->checkpoint_chain("acme", "t1", "", "").value().size() == 10);
  CHECK(sweep(f) == 0);
}

TEST_CASE("runs that are over go after their time, whatever waits beside them", "[storage]") {
  sqlite_factory factory;
  auto options = factory.options();
  options.finished_runs = minutes{10};
  struct {
    std::unique_ptr<storage_engine> db;
  } f{open_sqlite(options).value()};
  write_batch c;
  c.puts.push_back({make_thread("t1")});
  for (int i = 0; i < 10; ++i)
    c.puts.push_back(
      {make_run("t1", "r" + std::to_string(i), 1'000'000, i % 2 ? "success" : "pending")});
  c.puts.push_back({make_run("t1", "young", to_micros(start + minutes{5}), "success")});
  REQUIRE(f.db->begin());
  REQUIRE(f.db->apply(c));
  REQUIRE(f.db->flush());
  CHECK(sweep(f) == 0);
  factory.clock += minutes{11};
  int turns = 0;
  while (sweep(f, 4) >= 4)
    ++turns;
  CHECK(turns == 2); // ten rows looked at, four at a time
  query left{.type = kind::run, .tenant = "acme", .parent = "t1", .sort = sort_key::id};
  left.descending = false;
  left.limit = 20;
  auto ids = storage_fixture<sqlite_factory>::ids_of(*f.db, left);
  CHECK(ids == names{"r0", "r2", "r4", "r6", "r8", "young"});
  factory.clock += minutes{5};
  CHECK(sweep(f) == 1);
}

TEMPLATE_LIST_TEST_CASE("a long thread is gone at once, and its rows a batch at a time",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1", 0, {{"owner", "alice"}});
  thread.status = "busy";
  thread.owner = "alice";
  REQUIRE(f.put(thread));
  REQUIRE(f.put(make_run("t1", "r1", 0, "running")));
  REQUIRE(f.put(make_run("t1", "r2", 0, "success")));
  std::string last;
  for (int n = 0; n < 250; ++n) {
    auto id = "c" + std::to_string(1000 + n);
    REQUIRE(f.put(make_checkpoint("t1", id, last)));
    last = std::move(id);
  }
  REQUIRE(f.write({.erases = {{thread.key()}}}));
  CHECK_FALSE(f.get(thread.key()));
  CHECK(f.ids({.tenant = "acme", .metadata = {{"owner", "alice"}}}).empty());
  CHECK_FALSE(f.get(make_run("t1", "r1").key())); // nothing of it goes on
  CHECK(f.write({.held = {{"acme", "t1", "r1", 1}}}).error().code == errc::not_found);
  CHECK(f.write({.thread_changes = {{"acme", "t1"}}}).error().code == errc::not_found);
  auto another = make_thread("t2");
  another.owner = "alice";
  CHECK(f.write({.puts = {{another, 0, false, {1, 0}}}}));
  const auto again = f.put(make_thread("t1"), 0);
  CHECK(again.error().code == errc::overloaded);
  CHECK_FALSE(again.error().headers.empty());
  CHECK(sweep(f, 100) == 100);
  f.db.reset(); // as after kill -9
  f.db = f.factory.open();
  CHECK_FALSE(f.get(thread.key()));
  CHECK(sweep(f, 100) == 100);
  CHECK(sweep(f, 100) == 52); // 50 checkpoints, a run, the thread
  CHECK(sweep(f, 100) == 0);
  CHECK(f.put(make_thread("t1"), 0));
  CHECK_FALSE(f.get(make_checkpoint("t1", "c1000").key()));
}

TEMPLATE_LIST_TEST_CASE("few long rows are deleted a bounded batch at a time, too", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  const query all{.type = kind::checkpoint,
                  .tenant = "acme",
                  .parent = "t1",
                  .sort = sort_key::id,
                  .limit = 1000};
  REQUIRE(f.put(make_thread("t1")));
  std::string last;
  for (int n = 0; n < 8; ++n) {
    auto row = make_checkpoint("t1", "c" + std::to_string(n), last);
    row.doc["text"] = noise(1 << 19);
    REQUIRE(f.put(row));
    last = n == 5 ? "" : row.id; // the newest stands on one
  }
  SECTION("with their thread") {
    REQUIRE(f.write({.erases = {{thread_key("t1")}}}));
    CHECK_FALSE(f.get(thread_key("t1")));
    CHECK(f.ids(all).size() == 8);
    CHECK(sweep(f, 100) >= 100);
    CHECK(f.ids(all).size() == 6);
    while (sweep(f, 100) >= 100)
      ;
    CHECK(f.put(make_thread("t1"), 0));
    CHECK_FALSE(f.get(make_checkpoint("t1", "c0").key()));
  }
  SECTION("when the latest is kept") {
    const write_batch some{.prunes = {{"acme", "t1", {}, 100}}};
    REQUIRE(f.write(some));
    CHECK(f.ids(all).size() == 6);
    REQUIRE(f.write(some));
    CHECK(f.ids(all).size() == 4);
    REQUIRE(f.write(some));
    CHECK(f.ids(all).size() == 2);
    REQUIRE(f.write(some));
    CHECK(f.ids(all) == names{"c7"});
    CHECK(f.db->checkpoint_chain("acme", "t1", "", "").value().size() == 2);
  }
}

TEMPLATE_LIST_TEST_CASE("long items whose time is over go a batch at a time", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  write_batch c;
  for (int n = 0; n < 4; ++n) {
    auto item = with_ttl(make_item({"a"}, "k" + std::to_string(n)), minutes{1});
    item.doc["text"] = noise(1 << 19);
    c.puts.push_back({item});
  }
  REQUIRE(f.write(c));
  f.factory.clock += minutes{2};
  CHECK(sweep(f, 100) >= 100);
  f.factory.clock = start; // what is left is alive again
  CHECK(f.ids({.type = kind::item, .tenant = "acme"}).size() == 2);
}

TEMPLATE_LIST_TEST_CASE("what there is of a long copy goes a batch at a time, too", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto copy = make_thread("t1");
  copy.listed = false;
  copy.expires = expiry{now() + std::chrono::hours{1}, std::chrono::hours{1}};
  REQUIRE(f.put(copy));
  std::string last;
  for (int n = 0; n < 150; ++n) {
    auto id = "c" + std::to_string(1000 + n);
    REQUIRE(f.put(make_checkpoint("t1", id, last)));
    last = std::move(id);
  }
  REQUIRE(f.write({.erases = {{copy.key()}}}));
  CHECK_FALSE(f.get(copy.key()));
  CHECK(sweep(f, 100) == 100);
  CHECK(sweep(f, 100) == 51);
}

TEMPLATE_LIST_TEST_CASE("kept results go with their owner's thread, whatever others put there",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  auto thread = make_thread("t1");
  thread.owner = "alice";
  REQUIRE(f.put(thread));
  std::vector<record> others;
  for (int n = 0; n < 1100; ++n) {
    auto& one = others.emplace_back(
      make_item({"kept_results", "a", "t1", "000_" + std::to_string(n)}, "text"));
    one.owner = "bob";
  }
  write_batch batch;
  for (const auto& one : others)
    batch.puts.push_back({one});
  REQUIRE(f.write(std::move(batch)));
  auto kept = make_item({"kept_results", "alice", "t1", "r1"}, "text");
  kept.owner = "alice";
  REQUIRE(f.put(kept));
  REQUIRE(f.write({.erases = {{thread.key()}}}));
  CHECK_FALSE(f.get(kept.key()));
}

TEMPLATE_LIST_TEST_CASE("results that are kept of a thread go with it, whosever they are",
                        "[storage]", storages) {
  storage_fixture<TestType> f;
  const auto kept = [](const std::string& user, const std::string& thread,
                       const std::string& name) {
    return with_ttl(make_item({"kept_results", user, thread, name}, "text"), minutes{60});
  };
  const auto gone = kept("alice", "t1", "r1"), bobs = kept("bob", "t1", "r2");
  const auto prefixed = make_item({"acme", "alice", "kept_results", "alice", "t1", "r5"}, "text");
  const auto unlike = make_item({"acme", "his results", "alice", "t1", "r6"}, "text");
  const auto other = kept("alice", "t2", "r3"), longer = kept("alice", "t11", "r4");
  auto by_hand = make_item({"kept_results", "alice", "t1"}, "notes");
  auto elsewhere = make_item({"memories", "alice", "t1", "r1"}, "text");
  auto foreign = gone;
  foreign.tenant = "other";
  for (const auto& one : {gone, bobs, prefixed, unlike, other, longer, by_hand, elsewhere, foreign})
    REQUIRE(f.put(one));
  const auto stay = [&] {
    for (const auto& one : {other, longer, unlike, elsewhere, foreign})
      CHECK(f.get(one.key()));
  };
  auto thread = make_thread("t1");
  SECTION("when it is deleted") {
    REQUIRE(f.put(thread));
    REQUIRE(f.write({.erases = {{thread.key()}}}));
    for (const auto& one : {gone, bobs, prefixed, by_hand}) {
      CHECK_FALSE(f.get(one.key()));
      REQUIRE(f.write({.refreshes = {{one.key(), f.factory.clock}}}));
      CHECK_FALSE(f.get(one.key()));
    }
    stay();
    CHECK(sweep(f) >= 4);
    stay();
  }
  SECTION("when it is long, too") {
    REQUIRE(f.put(thread));
    for (int n = 0; n < 120; ++n)
      REQUIRE(f.put(make_run("t1", "r" + std::to_string(n), 0, "success")));
    REQUIRE(f.write({.erases = {{thread.key()}}}));
    CHECK_FALSE(f.get(gone.key()));
    stay();
  }
  SECTION("when its time is over") {
    REQUIRE(f.put(with_ttl(thread, minutes{1})));
    f.factory.clock += minutes{2};
    CHECK(f.get(gone.key()));
    CHECK(sweep(f) > 0);
    CHECK_FALSE(f.get(gone.key()));
    stay();
  }
  SECTION("but for one that goes with its run") {
    thread.listed = false;
    REQUIRE(f.put(thread));
    REQUIRE(f.write({.erases = {{thread.key()}}}));
    CHECK(f.get(gone.key()));
  }
  SECTION("but not if it is not deleted") {
    REQUIRE(f.put(thread));
    CHECK_FALSE(f.write({.erases = {{thread.key(), 7}}}));
    CHECK(f.get(gone.key()));
  }
}
