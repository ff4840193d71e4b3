// Nothing that is stored may stand in the way of anything else: rows nobody can read.
#include "runtime/store/sqlite_check.hpp"
#include "runtime/store/sqlite_connection.hpp"
#include "tests/runtime/store/fixture.hpp"

#include <fstream>

using namespace behalf;

namespace {

using access = sqlite_connection::access;

struct damaged : storage_fixture<sqlite_factory> {
  /// Behind the storage's back.
  void damage(const std::string& sql) {
    auto other = sqlite_connection::open(factory.folder.file(), access::read_write_create);
    REQUIRE(other);
    REQUIRE((*other)->execute(sql));
  }
  int64_t number(const std::string& sql) {
    auto other = sqlite_connection::open(factory.folder.file(), access::read_only);
    REQUIRE(other);
    return (*other)->number(sql).value();
  }
};

constexpr auto bad_document = "UPDATE thread SET doc='{\"n\":Infinity}' WHERE id='t2'";
constexpr auto bad_metadata = "UPDATE thread SET metadata='{\"owner' WHERE id='t2'";

commit three_threads() {
  commit c;
  for (auto id : {"t1", "t2", "t3"})
    c.puts.push_back({make_thread(id, id[1], {{"owner", "alice"}})});
  return c;
}

} // namespace

TEST_CASE_METHOD(damaged, "a damaged record is passed over and named when asked for", "[store]") {
  for (auto how : {bad_document, bad_metadata}) {
    REQUIRE(write(three_threads()));
    damage(how);
    CHECK(ids({.tenant = "acme"}) == names{"t3", "t1"});
    CHECK(ids({.tenant = "acme", .metadata = {{"owner", "alice"}}}) == names{"t3", "t1"});
    auto first = db->search({.tenant = "acme", .limit = 2}).value();
    CHECK(first.rows.size() == 1);
    CHECK(first.more); // t1 is still to come
    CHECK(ids({.tenant = "acme", .limit = 2, .offset = 2}) == names{"t1"});
    auto asked = db->get(thread_key("t2"));
    REQUIRE_FALSE(asked);
    CHECK(asked.error().kind == unreadable_record);
    CHECK(asked.error().message.find("thread t2 is damaged") != std::string::npos);
    CHECK(get(thread_key("t1")));
  }
}

TEST_CASE_METHOD(damaged, "a damaged record can be erased, overwritten and swept", "[store]") {
  REQUIRE(write(three_threads()));
  damage(bad_metadata);
  REQUIRE(write({.erases = {{thread_key("t2")}}}));
  CHECK(db->count({.tenant = "acme"}).value() == 2);
  CHECK(number("SELECT count(*) FROM thread_term WHERE seq NOT IN (SELECT seq FROM thread)") == 0);

  REQUIRE(write(three_threads()));
  damage(bad_metadata);
  REQUIRE(put(make_thread("t2", 9, {{"owner", "bob"}})));
  CHECK(get(thread_key("t2"))->metadata.at("owner") == "bob");
  CHECK(ids({.tenant = "acme", .metadata = {{"owner", "alice"}}}) == names{"t3", "t1"});

  damage(std::string(bad_metadata) + "; UPDATE thread SET expires_at=1 WHERE id='t2'");
  REQUIRE(db->begin());
  CHECK(db->sweep(100).value() == 1);
  REQUIRE(db->flush());
  CHECK_FALSE(get(thread_key("t2")));
}

TEST_CASE_METHOD(damaged, "a run ends on a damaged thread, and what was there is kept", "[store]") {
  for (auto how : {bad_document, bad_metadata, "UPDATE thread SET doc='[]' WHERE id='t2'"}) {
    REQUIRE(write(three_threads()));
    REQUIRE(put(make_run("t2", "r1", 1, "running")));
    auto before = number("SELECT count(*) FROM set_aside");
    damage(how);
    commit::thread_change end{"acme", "t2"};
    end.at = from_micros('2');
    end.doc = {{"values", "{\"x\":1}"}};
    end.settled = "idle";
    REQUIRE(
      write({.puts = {{make_run("t2", "r1", 1, "success")}}, .thread_changes = {std::move(end)}}));
    CHECK(get({kind::run, "acme", "r1"})->status == "success");
    if (std::string_view{how} == bad_document)
      continue; // what stands in the document besides is not looked at
    CHECK(number("SELECT count(*) FROM set_aside WHERE kind='thread' AND id='t2'") == before + 1);
    CHECK(get(thread_key("t2"))->doc.at("values") == json::value({{"x", 1}}));
    bool known = std::string_view{how} != bad_metadata;
    CHECK(ids({.tenant = "acme", .metadata = {{"owner", "alice"}}})
          == (known ? names{"t3", "t2", "t1"} : names{"t3", "t1"}));
  }
}

TEST_CASE_METHOD(damaged, "a damaged checkpoint does not hide the others", "[store]") {
  REQUIRE(write(
    {.puts = {{make_thread("t1")}, {make_checkpoint("t1", "c1")}, {make_checkpoint("t1", "c2")}}}));
  damage("UPDATE checkpoint SET doc='{' WHERE id='c2'");
  CHECK(ids({.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id})
        == names{"c1"});
  CHECK(db->checkpoint_chain("acme", "t1", "", "c1").value().size() == 1);
  CHECK(db->checkpoint_chain("acme", "t1", "", "c2").error().kind == unreadable_record);
}

TEST_CASE_METHOD(damaged, "a damaged latest checkpoint is no thread without state", "[store]") {
  for (auto how : {"UPDATE checkpoint SET doc='{' WHERE id='c2'",
                   "UPDATE checkpoint SET metadata='{' WHERE id='c2'"}) {
    REQUIRE(write({.puts = {{make_thread("t1")},
                            {make_checkpoint("t1", "c1")},
                            {make_checkpoint("t1", "c2")}}}));
    damage(how);
    auto latest = db->checkpoint_chain("acme", "t1", "", "");
    REQUIRE_FALSE(latest);
    CHECK(latest.error().kind == unreadable_record);
    CHECK(latest.error().message.find("checkpoint c2 is damaged") != std::string::npos);
  }
  damage("UPDATE checkpoint SET hidden=1 WHERE id='c2'"); // erased: c1 is the latest
  CHECK(db->checkpoint_chain("acme", "t1", "", "").value().back().id == "c1");
}

TEST_CASE_METHOD(damaged, "a check finds what is damaged and takes it out", "[store]") {
  REQUIRE(write(three_threads()));
  REQUIRE(put(make_checkpoint("t1", "c1")));
  auto path = factory.folder.file();
  auto good = check_sqlite(path, damaged_records::report); // beside a server
  REQUIRE(good);
  CHECK(good->records == 4);
  CHECK(good->faults.empty());
  damage(std::string(bad_metadata) + "; UPDATE checkpoint SET doc=''");
  CHECK(check_sqlite(path, damaged_records::set_aside).error().message.find("in use by")
        != std::string::npos);
  db.reset();
  auto found = check_sqlite(path, damaged_records::report).value();
  CHECK(found.faults.size() == 2);
  CHECK(found.set_aside == 0);
  found = check_sqlite(path, damaged_records::set_aside).value();
  CHECK(found.set_aside == 2);
  CHECK_FALSE(found.pages_damaged);
  CHECK(check_sqlite(path, damaged_records::report).value().faults.empty());
  CHECK(number("SELECT count(*) FROM set_aside WHERE kind='checkpoint' AND id='c1'") == 1);
  db = factory.open();
  CHECK_FALSE(get({kind::checkpoint, "acme", "c1", "t1"}));
  CHECK(get(thread_key("t2"))->metadata.empty()); // its runs and checkpoints hang on it: it stays
  CHECK(ids({.tenant = "acme"}) == names{"t3", "t2", "t1"});
  CHECK(ids({.tenant = "acme", .metadata = {{"owner", "alice"}}}) == names{"t3", "t1"});
}

TEST_CASE_METHOD(damaged, "a check names damaged pages", "[store]") {
  for (int i = 0; i < 200; ++i)
    REQUIRE(put(make_thread("t" + std::to_string(i), i, {{"text", std::string(200, 'x')}})));
  db.reset();
  {
    std::fstream file{factory.folder.file(), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(10 * 4096);
    file << std::string(2 * 4096, '\xee');
  }
  auto found = check_sqlite(factory.folder.file(), damaged_records::report);
  bool told =
    found ? found->pages_damaged : found.error().message.find("is damaged") != std::string::npos;
  CHECK(told);
}
