// Nothing that is stored may stand in the way of anything else: rows nobody can read.
#include "runtime/storage/sqlite_connection.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

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

  static constexpr std::size_t page_size = 4096;

  /// 600 threads, each with a run and two checkpoints.
  void fill_with_threads() {
    write_batch c;
    for (int i = 0; i < threads; ++i) {
      auto id = "t" + std::to_string(i);
      c.puts.push_back({make_thread(
        id, i, {{"owner", i % 2 == 0 ? "alice" : "bob"}, {"text", std::string(200, 'x')}})});
      c.puts.push_back({make_run(id, "r" + std::to_string(i), i, "success")});
      c.puts.push_back({make_checkpoint(id, "c1")});
      c.puts.push_back({make_checkpoint(id, "c2")});
    }
    REQUIRE(write(c));
  }
  static constexpr int threads = 600;
  std::string read() const {
    std::ifstream file{factory.folder.file(), std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  using storage_fixture::write;
  void write(const std::string& bytes) const {
    std::ofstream{factory.folder.file(), std::ios::binary} << bytes;
  }
  void damage_page(int64_t page) const {
    auto bytes = read();
    write(bytes.replace((static_cast<std::size_t>(page) - 1) * page_size, page_size, page_size,
                        '\xee'));
  }
  /// The pages a tree's root page points at, in their order.
  std::vector<int64_t> leaves_under(int64_t root) const {
    auto bytes = read().substr((static_cast<std::size_t>(root) - 1) * page_size, page_size);
    auto at = [&](std::size_t from, int size) {
      int64_t n = 0;
      for (int i = 0; i < size; ++i)
        n = n * 256 + static_cast<unsigned char>(bytes[from + static_cast<std::size_t>(i)]);
      return n;
    };
    std::vector<int64_t> pages;
    for (std::size_t cell = 0; cell < static_cast<std::size_t>(at(3, 2)); ++cell)
      pages.push_back(at(static_cast<std::size_t>(at(12 + 2 * cell, 2)), 4));
    pages.push_back(at(8, 4));
    return pages;
  }
};

bool says(const storage_check& found, const std::string& part) {
  return std::any_of(found.faults.begin(), found.faults.end(),
                     [&](const auto& one) { return one.find(part) != one.npos; });
}

constexpr auto bad_document = "UPDATE thread SET doc='{\"n\":Infinity}' WHERE id='t2'";
constexpr auto bad_metadata = "UPDATE thread SET metadata='{\"owner' WHERE id='t2'";

write_batch three_threads() {
  write_batch c;
  for (auto id : {"t1", "t2", "t3"})
    c.puts.push_back({make_thread(id, id[1], {{"owner", "alice"}})});
  return c;
}

} // namespace

TEST_CASE_METHOD(damaged, "a damaged record is passed over and named when asked for", "[storage]") {
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

TEST_CASE_METHOD(damaged, "a damaged record can be erased, overwritten and swept", "[storage]") {
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

TEST_CASE_METHOD(damaged, "a run ends on a damaged thread, and what was there is kept",
                 "[storage]") {
  for (auto how : {bad_document, bad_metadata, "UPDATE thread SET doc='[]' WHERE id='t2'"}) {
    REQUIRE(write(three_threads()));
    REQUIRE(put(make_run("t2", "r1", 1, "running")));
    auto before = number("SELECT count(*) FROM set_aside");
    damage(how);
    write_batch::thread_change end{"acme", "t2"};
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

TEST_CASE_METHOD(damaged, "a damaged checkpoint does not hide the others", "[storage]") {
  REQUIRE(write(
    {.puts = {{make_thread("t1")}, {make_checkpoint("t1", "c1")}, {make_checkpoint("t1", "c2")}}}));
  damage("UPDATE checkpoint SET doc='{' WHERE id='c2'");
  CHECK(ids({.type = kind::checkpoint, .tenant = "acme", .parent = "t1", .sort = sort_key::id})
        == names{"c1"});
  CHECK(db->checkpoint_chain("acme", "t1", "", "c1").value().size() == 1);
  CHECK(db->checkpoint_chain("acme", "t1", "", "c2").error().kind == unreadable_record);
}

TEST_CASE_METHOD(damaged, "a damaged latest checkpoint is no thread without state", "[storage]") {
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

TEST_CASE_METHOD(damaged, "a check finds what is damaged and takes it out", "[storage]") {
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

TEST_CASE_METHOD(damaged, "a check names damaged pages and what is in them", "[storage]") {
  fill_with_threads();
  db.reset();
  auto good = read();
  auto table = number("SELECT rootpage FROM sqlite_schema WHERE name='thread'");
  auto index = number("SELECT rootpage FROM sqlite_schema WHERE name='sqlite_autoindex_thread_1'");
  for (auto [page, what] : {std::pair{leaves_under(table)[3], "the table thread is damaged"},
                            std::pair{leaves_under(table).back(), "the table thread is damaged"},
                            std::pair{table, "the table thread is damaged"},
                            std::pair{leaves_under(index)[1], "an index of the table thread"}}) {
    INFO(what << ", page " << page);
    damage_page(page);
    auto found = check_sqlite(factory.folder.file(), damaged_records::report);
    REQUIRE(found);
    CHECK(found->pages_damaged);
    CHECK(says(*found, "age " + std::to_string(page)));
    CHECK(says(*found, what));
    CHECK_FALSE(says(*found, "behalf storage check")); // it is what runs
    write(good);
  }
  CHECK(check_sqlite(factory.folder.file(), damaged_records::report)->faults.empty());
}

TEST_CASE_METHOD(damaged, "what can be read of a damaged table is saved into a new file",
                 "[storage]") {
  fill_with_threads();
  auto path = factory.folder.file(), saved = factory.folder.file("saved.db");
  CHECK(recover_sqlite(path, saved).error().message.find("in use by") != std::string::npos);
  db.reset();
  auto leaves = leaves_under(number("SELECT rootpage FROM sqlite_schema WHERE name='thread'"));
  damage_page(leaves[3]);
  damage_page(leaves[5]);
  auto before = read();
  auto done = recover_sqlite(path, saved);
  REQUIRE(done);
  CHECK(read() == before);
  REQUIRE_FALSE(done->faults.empty());
  CHECK(done->faults[0].find("the table thread is damaged; records known to be lost: ") == 0);
  CHECK(recover_sqlite(path, saved).error().message == saved + ": is there already");

  auto found = check_sqlite(saved, damaged_records::report);
  REQUIRE(found);
  CHECK(found->faults.empty());
  CHECK(found->records == done->records);
  auto fresh = open_sqlite({.path = saved, .clock = [] { return from_micros(1'000'000); }});
  REQUIRE(fresh);
  auto left = (*fresh)->count({.tenant = "acme"}).value();
  CHECK(left > threads * 3 / 4);
  CHECK(left < threads);
  CHECK(done->records == left * 4); // each with its run and checkpoints
  auto of_alice = (*fresh)->count({.tenant = "acme", .metadata = {{"owner", "alice"}}}).value();
  CHECK(of_alice > left / 3);
  CHECK((*fresh)->checkpoint_chain("acme", "t0", "", "").value().back().id == "c2");
}

TEST_CASE_METHOD(damaged, "a file that was cut off is looked through and saved as far as it goes",
                 "[storage]") {
  fill_with_threads();
  db.reset();
  auto path = factory.folder.file(), saved = factory.folder.file("saved.db");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) * 3 / 4);
  for (auto what : {damaged_records::report, damaged_records::set_aside}) {
    auto found = check_sqlite(path, what);
    REQUIRE(found);
    CHECK(found->pages_damaged);
  }
  auto done = recover_sqlite(path, saved);
  REQUIRE(done);
  CHECK(done->records > 0);
  CHECK(done->records < threads * 4);
  CHECK_FALSE(done->faults.empty());
  // The last page was cut through: a row whose half is there looks whole.
  CHECK(check_sqlite(saved, damaged_records::set_aside).value().faults.size() <= 2);
  CHECK(check_sqlite(saved, damaged_records::report).value().faults.empty());
}

TEST_CASE_METHOD(damaged, "a check says that there is nothing to look through", "[storage]") {
  auto empty = factory.folder.file("empty.db");
  std::ofstream{empty};
  CHECK(check_sqlite(empty, damaged_records::report).error().message
        == empty + ": is empty: no server has stored anything in it yet");
}

TEST_CASE_METHOD(damaged, "a checkpoint that builds upon a lost one is not saved", "[storage]") {
  REQUIRE(write({.puts = {{make_thread("t1")},
                          {make_checkpoint("t1", "c1")},
                          {make_checkpoint("t1", "c2", "c1")},
                          {make_checkpoint("t1", "c3", "c2")},
                          {make_checkpoint("t1", "c4")}},
                 .task_ends = {{{kind::checkpoint, "acme", "c3", "t1"}, "lost", "{}"},
                               {{kind::checkpoint, "acme", "c4", "t1"}, "saved", "{}"}}}));
  db.reset();
  damage("DELETE FROM checkpoint WHERE id='c1'");
  auto saved = factory.folder.file("saved.db");
  auto done = recover_sqlite(factory.folder.file(), saved);
  REQUIRE(done);
  CHECK(done->records == 3); // the thread, and c4 with the end of a task
  auto fresh = open_sqlite({.path = saved});
  REQUIRE(fresh);
  CHECK((*fresh)->checkpoint_chain("acme", "t1", "", "c4").value()[0].task_ends.size() == 1);
}
