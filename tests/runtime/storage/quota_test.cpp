// How many records of a kind a user and a tenant may have.
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

record make_owned(kind k, std::string id, std::string owner) {
  auto row = make_thread(std::move(id));
  row.type = k;
  if (k == kind::item)
    row.parent = encode_namespace({"a"}).value();
  row.status = k == kind::cron ? "enabled" : "idle";
  row.owner = std::move(owner);
  return row;
}

} // namespace

TEMPLATE_LIST_TEST_CASE("a user and a tenant have so many records of a kind", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto add = [&](kind k, std::string id, std::string owner) {
    return f.write({.puts = {{make_owned(k, std::move(id), std::move(owner)), 0, false, {2, 3}}}});
  };
  for (auto k : {kind::assistant, kind::thread, kind::item, kind::cron}) {
    INFO(kind_text(k));
    REQUIRE(add(k, "1", "alice"));
    REQUIRE(add(k, "2", "alice"));
    CHECK(add(k, "2", "alice").error().code == errc::conflict);
    auto third = add(k, "3", "alice");
    CHECK(third.error().code == errc::too_many);
    CHECK(third.error().message.find("2 " + std::string(kind_text(k)) + "s of one user")
          != std::string::npos);
    CHECK_FALSE(f.get(make_owned(k, "3", "").key()));
    REQUIRE(add(k, "3", "bob"));
    CHECK(add(k, "4", "carol").error().message.find("tenant") != std::string::npos);
    REQUIRE(f.write({.erases = {{make_owned(k, "1", "").key()}}}));
    REQUIRE(add(k, "4", "carol"));
    CHECK(add(k, "5", "alice").error().code == errc::too_many);
    REQUIRE(add(k, "5", "")); // nobody's: the server's own
  }
}

TEMPLATE_LIST_TEST_CASE("what is there already may be changed beyond a quota", "[storage]",
                        storages) {
  storage_fixture<TestType> f;
  auto item = make_owned(kind::item, "1", "alice");
  REQUIRE(f.put(item));
  REQUIRE(f.put(make_owned(kind::item, "2", "alice")));
  item.doc["a"] = 1;
  CHECK(f.write({.puts = {{item, {}, false, {1, 1}}}}));
  CHECK(f.get(item.key())->doc.at("a") == 1);
}

TEMPLATE_LIST_TEST_CASE("what goes by itself makes room", "[storage]", storages) {
  storage_fixture<TestType> f;
  auto add = [&](record row) { return f.write({.puts = {{std::move(row), 0, false, {1, 0}}}}); };
  auto gone = make_owned(kind::thread, "t1", "alice");
  gone.expires = expiry{f.factory.clock + std::chrono::seconds{1}};
  REQUIRE(add(gone));
  auto of_thread = make_owned(kind::cron, "c1", "alice");
  of_thread.parent = "t1";
  REQUIRE(add(of_thread));
  CHECK_FALSE(add(make_owned(kind::thread, "t2", "alice")));
  f.factory.clock += std::chrono::seconds{2};
  REQUIRE(f.db->begin());
  REQUIRE(f.db->sweep(100));
  REQUIRE(f.db->flush());
  CHECK(add(make_owned(kind::thread, "t2", "alice")));
  CHECK(add(make_owned(kind::cron, "c2", "alice")));
}

TEST_CASE("a saved file knows how much everybody has", "[storage]") {
  storage_fixture<sqlite_factory> f;
  REQUIRE(f.put(make_owned(kind::thread, "t1", "alice")));
  REQUIRE(f.put(make_owned(kind::thread, "t2", "alice")));
  f.db.reset();
  auto copy = f.factory.folder.file("saved.db");
  REQUIRE(recover_sqlite(f.factory.folder.file(), copy));
  auto db = open_sqlite({.path = copy}).value();
  auto add = [&](int64_t most) {
    REQUIRE(db->begin());
    auto done =
      db->apply({.puts = {{make_owned(kind::thread, "t3", "alice"), 0, false, {most, 0}}}});
    REQUIRE(db->flush());
    return done;
  };
  CHECK(add(2).error().code == errc::too_many);
  CHECK(add(3));
}
