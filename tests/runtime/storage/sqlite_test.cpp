// What is particular to the SQLite storage: its files, what opening refuses, a full disk, threads.
#include "runtime/storage/process_lock.hpp"
#include "runtime/storage/sqlite.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "runtime/storage/sqlite_schema.hpp"
#include "tests/runtime/storage/fixture.hpp"
#include "tests/support/small_disk.hpp"

#include <array>
#include <atomic>
#include <fstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace behalf;

namespace {

using access = sqlite_connection::access;

std::string refusal(const std::string& path) {
  auto opened = open_sqlite({.path = path});
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::internal);
  return opened.error().message;
}

std::unique_ptr<sqlite_connection> connect(const std::string& path) {
  return sqlite_connection::open(path, access::read_write_create).value();
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("the database's files are for their owner alone", "[storage]") {
  storage_fixture<sqlite_factory> f;
  REQUIRE(f.put(make_thread("t1")));
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat s {};
    REQUIRE(::stat((f.factory.folder.file() + suffix).c_str(), &s) == 0);
    CHECK((s.st_mode & 0777) == 0600);
  }
}

TEST_CASE("the file is durable and checked as promised", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto db = connect(f.factory.folder.file());
  CHECK(db->number("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode='wal'").value()
        == 1);
  CHECK(db->number("PRAGMA foreign_keys").value() == 1);
  CHECK(db->number("PRAGMA mmap_size").value() == 0);
  CHECK(db->number("PRAGMA synchronous").value() == 2); // FULL, also where nobody sets it
  CHECK(db->number("SELECT count(*) FROM pragma_table_list WHERE schema='main' AND type='table'"
                   " AND strict=0 AND name NOT LIKE 'sqlite_%'")
          .value()
        == 0);
}

TEST_CASE("two servers cannot open one file", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto path = f.factory.folder.file();
  CHECK(refusal(path) == path + ": in use by process " + std::to_string(::getpid()));
  f.db.reset();
  CHECK(open_sqlite({.path = path}));
}

TEST_CASE("two servers cannot open one file through a symbolic link either", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto path = f.factory.folder.file(), link = f.factory.folder.file("link.db");
  auto folder = f.factory.folder.file("folder");
  std::filesystem::create_symlink("test.db", link);
  std::filesystem::create_directory_symlink(".", folder);
  for (const auto& other : {link, folder + "/link.db", folder + "/test.db"})
    CHECK(has(refusal(other), other + ": in use by process"));
  f.db.reset();
  CHECK(open_sqlite({.path = link}));
}

TEST_CASE("a file with hard links is not opened under any of its names", "[storage]") {
  storage_fixture<sqlite_factory> f;
  const auto path = f.factory.folder.file(), link = f.factory.folder.file("link.db");
  f.db.reset();
  std::filesystem::create_hard_link(path, link);
  for (const auto& name : {path, link})
    CHECK(refusal(name) == name + ": has hard links: a database must have one name only");
  std::filesystem::remove(link);
  CHECK(open_sqlite({.path = path}));
}

TEST_CASE("those who share a lock keep out who wants it alone, and the other way", "[storage]") {
  temporary_folder folder;
  auto path = folder.file();
  {
    auto one = process_lock::take(path, others::may_share);
    auto two = process_lock::take(path, others::may_share);
    REQUIRE(one);
    REQUIRE(two);
    CHECK(process_lock::take(path).error().message == path + ": in use by another process");
  }
  auto alone = process_lock::take(path);
  REQUIRE(alone);
  CHECK(has(process_lock::take(path, others::may_share).error().message, "in use by process"));
}

TEST_CASE("a URL names the storage", "[storage]") {
  temporary_folder folder;
  for (const auto& url :
       {"sqlite:" + folder.file("a.db"), "sqlite://" + folder.file("b.db"),
        storage_url(folder.file("c.db")), storage_url("sqlite:" + folder.file("d.db"))}) {
    INFO(url);
    CHECK(check_storage_url(url));
    CHECK(open_storage({.url = url}));
    CHECK(bytes_of_storage(url).data > 0);
    CHECK(find_damage(url, damaged_records::report).value().faults.empty());
  }
  for (auto name : {"a.db", "b.db", "c.db", "d.db"})
    CHECK(std::filesystem::exists(folder.file(name)));
  for (std::string url : {"postgres://db.example/behalf", "sqlite:", "./behalf.db",
                          "sqlite://host/f", "sqlite:///"}) {
    INFO(url);
    CHECK(check_storage_url(url).error().code == errc::invalid_argument);
    auto refused = open_storage({.url = url});
    CHECK(has(refused.error().message, url + ": the storage "));
    CHECK(has(refused.error().message, "sqlite:"));
    CHECK(find_damage(url, damaged_records::report).has_error());
    CHECK(recover_storage(url, "sqlite:x").has_error());
  }
}

TEST_CASE("a storage in memory is one for all its readers and gone at the end", "[storage]") {
  auto db = open_storage({.url = "sqlite::memory:"}).value();
  CHECK(db->exclusive());
  auto reader = db->open_reader().value();
  std::atomic<int> written{0}, missed{0};
  std::atomic<bool> over{false};
  std::thread watcher([&] {
    while (!over) {
      const int before = written;
      auto found = reader->count({.tenant = "acme"});
      missed += !found || *found < before;
    }
  });
  for (int n = 0; n < 50; ++n) {
    CHECK(db->begin());
    CHECK(db->renew());
    CHECK(db->apply({.puts = {{make_thread("t" + std::to_string(n))}}}));
    CHECK(db->flush());
    ++written;
  }
  over = true;
  watcher.join();
  CHECK(missed == 0);
  auto other = open_storage({.url = "sqlite::memory:"}).value();
  CHECK(other->count({.tenant = "acme"}).value() == 0);
}

TEST_CASE("a database that was moved away under its server is found out", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto path = f.factory.folder.file();
  auto renew = [&] {
    REQUIRE(f.db->begin());
    auto done = f.db->renew();
    REQUIRE(f.db->flush());
    return done;
  };
  CHECK(renew());
  std::filesystem::rename(path, path + ".away");
  auto told = renew().error().message;
  CHECK(has(told, path + ": was moved away or replaced"));
  CHECK(has(told, "put that one back under its name, and only then restart"));
  std::ofstream{path} << "another one";
  CHECK(has(renew().error().message, "moved away or replaced"));
  std::filesystem::remove(path);
  std::filesystem::rename(path + ".away", path);
  CHECK(renew());
}

TEST_CASE("a log without its database is not thrown away", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto path = f.factory.folder.file();
  REQUIRE(f.put(make_thread("t1")));
  for (auto file : {path, path + "-wal"}) // as they are while the server runs, or after a crash
    std::filesystem::copy_file(file, file + ".kept");
  f.db.reset();
  std::filesystem::rename(path + "-wal.kept", path + "-wal");
  for (bool empty : {false, true}) {
    INFO(empty);
    std::filesystem::remove(path);
    if (empty)
      std::ofstream{path};
    auto opened = open_sqlite({.path = path});
    REQUIRE_FALSE(opened);
    CHECK(has(opened.error().message, "put the database back under its name"));
    CHECK(std::filesystem::file_size(path + "-wal") > 0);
  }
  std::filesystem::rename(path + ".kept", path);
  f.db = f.factory.open();
  CHECK(f.get(thread_key("t1")));
}

TEST_CASE("opening says which file cannot be used and why", "[storage]") {
  temporary_folder folder;
  auto nowhere = folder.file("no/such/folder.db");
  CHECK(has(refusal(nowhere), nowhere));
  CHECK(has(refusal(nowhere), "there is no folder " + folder.file("no/such")));

  auto text = folder.file("text.db");
  std::ofstream(text) << std::string(4096, 'x');
  CHECK(refusal(text) == text + ": not a database");

  auto foreign = folder.file("foreign.db");
  REQUIRE(connect(foreign)->execute("CREATE TABLE theirs (x)"));
  CHECK(refusal(foreign) == foreign + ": a database of another program");
  CHECK(connect(foreign)->number("SELECT count(*) FROM sqlite_schema").value() == 1);
  CHECK(connect(foreign)->number("PRAGMA user_version").value() == 0);
}

TEST_CASE("a file of a newer version is refused and left alone", "[storage]") {
  temporary_folder folder;
  auto path = folder.file();
  REQUIRE(open_sqlite({.path = path}));
  REQUIRE(connect(path)->execute("PRAGMA user_version=99"));
  CHECK(has(refusal(path), path + ": made by a newer version"));
  CHECK(connect(path)->number("PRAGMA user_version").value() == 99);
  REQUIRE(connect(path)->execute("PRAGMA user_version=-1")); // no version ever
  CHECK(has(refusal(path), path + ": damaged"));
}

TEST_CASE("a file is brought up to date step by step, from any version", "[storage]") {
  temporary_folder folder;
  auto db = connect(folder.file());
  constexpr std::array<std::string_view, 3> steps{
    "CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)",
    "CREATE TABLE b (x); INSERT INTO b SELECT y FROM a"};
  REQUIRE(migrate(*db, std::span(steps).first(1)));
  CHECK(db->number("PRAGMA user_version").value() == 1);
  REQUIRE(migrate(*db, steps));
  CHECK(db->number("SELECT x FROM b").value() == 2);
  CHECK(db->number("PRAGMA user_version").value() == 3);
  REQUIRE(migrate(*db, steps)); // nothing left to do
  CHECK(db->number("SELECT count(*) FROM b").value() == 1);
}

TEST_CASE("a file of an earlier version goes on with its runs", "[storage]") {
  sqlite_factory factory;
  {
    auto old = connect(factory.folder.file());
    REQUIRE(migrate(*old, sqlite_migrations().first(3)));
    REQUIRE(
      old->execute("INSERT INTO thread VALUES (1,'acme','t1','busy',1,0,0,0,NULL,0,0,'{}','{}',1);"
                   "INSERT INTO run VALUES (1,'acme','r1','t1','running',1,0,0,'{}','{}')"));
  }
  auto db = factory.open();
  auto runs = db->unfinished_runs(nullptr, 10).value();
  REQUIRE(runs.size() == 1);
  REQUIRE(db->begin());
  CHECK(db->apply(
    {.held = {{"acme", "t1", "r1", runs[0].fence}}, .puts = {{make_checkpoint("t1", "c1")}}}));
  CHECK(db->flush());
}

TEST_CASE("a step that fails changes nothing and is named", "[storage]") {
  temporary_folder folder;
  auto db = connect(folder.file());
  constexpr std::array<std::string_view, 2> steps{"CREATE TABLE a (x)",
                                                  "CREATE TABLE b (x); INSERT INTO nowhere "
                                                  "VALUES (1)"};
  auto failed = migrate(*db, steps);
  REQUIRE_FALSE(failed);
  CHECK(has(failed.error().message, "nowhere"));
  CHECK(has(failed.error().message, "to format 2"));
  CHECK(db->number("PRAGMA user_version").value() == 1);
  CHECK(db->number("SELECT count(*) FROM sqlite_schema WHERE name='b'").value() == 0);
}

TEST_CASE("a full disk loses the group, says so, and nothing else", "[storage]") {
  storage_fixture<sqlite_factory> f;
  REQUIRE(f.put(make_thread("before")));
  auto big = make_thread("big");
  big.doc = {{"values", noise(300'000)}};
  result<void> flushed;
  {
    testing::small_disk disk{200'000};
    REQUIRE(f.db->begin());
    (void)f.db->apply({.puts = {{make_thread("beside")}}});
    (void)f.db->apply({.puts = {{big}}});
    flushed = f.db->flush();
  }
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().kind == storage_full);
  CHECK_FALSE(has(flushed.error().message, f.factory.folder.file())); // clients are told too
  CHECK(f.get(thread_key("before")));
  CHECK_FALSE(f.get(thread_key("beside")));
  CHECK_FALSE(f.get(thread_key("big")));
  REQUIRE(f.put(big)); // as soon as there is room
  CHECK(f.get(thread_key("big")));
}

TEST_CASE("what was flushed is seen at once by readers on other threads", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto reader = f.db->open_reader().value();
  std::atomic<int> flushed{-1};
  std::atomic<int> missed{0};
  std::atomic<bool> over{false};
  std::thread watcher([&] {
    while (!over) {
      if (int n = flushed; n >= 0) {
        auto found = reader->get(thread_key("t" + std::to_string(n)));
        missed += !found || !*found;
        auto listed = reader->search({.tenant = "acme", .limit = 1000});
        missed += !listed || static_cast<int>(listed->rows.size()) <= n;
      }
    }
  });
  for (int n = 0; n < 60; ++n) {
    CHECK(f.put(make_thread("t" + std::to_string(n))));
    flushed = n;
  }
  over = true;
  watcher.join();
  CHECK(missed == 0);
}

TEST_CASE("a reader cannot write", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto db = sqlite_connection::open(f.factory.folder.file(), access::read_only).value();
  auto refused = db->execute("DELETE FROM thread");
  REQUIRE_FALSE(refused);
  CHECK(has(refused.error().message, "not writable"));
}

TEST_CASE("whether anything can be written is tried by writing", "[storage]") {
  storage_fixture<sqlite_factory> f;
  auto try_it = [&] {
    auto begun = f.db->begin();
    auto renewed = begun ? f.db->renew() : begun;
    auto flushed = f.db->flush();
    return renewed ? flushed : renewed;
  };
  CHECK(try_it());
  CHECK(try_it());
  {
    testing::small_disk disk{0};
    CHECK(try_it().error().kind == storage_full);
  }
  CHECK(try_it());
}

TEST_CASE("space that many deletions freed goes back to the file system", "[storage]") {
  storage_fixture<sqlite_factory> f;
  CHECK(connect(f.factory.folder.file())->number("PRAGMA auto_vacuum").value() == 2);
  auto big = make_thread("big");
  big.doc = {{"values", noise(16'000'000)}};
  REQUIRE(f.put(big));
  REQUIRE(f.write({.erases = {{thread_key("big")}}}));
  auto pages = [&] {
    return connect(f.factory.folder.file())->number("PRAGMA page_count").value();
  };
  auto before = pages();
  int turns = 0;
  for (int64_t more = 100; more >= 100; ++turns) {
    REQUIRE(f.db->begin());
    more = f.db->sweep(100).value();
    REQUIRE(f.db->flush());
  }
  CHECK(turns > 5); // a bounded step at a time
  CHECK(pages() < before * 2 / 3);
}
