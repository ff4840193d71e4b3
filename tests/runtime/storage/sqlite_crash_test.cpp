// kill -9 at any moment: what was acknowledged is there, and every commit wholly or not at all.
#include "runtime/storage/sqlite_connection.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <algorithm>
#include <csignal>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

using namespace behalf;

namespace {

std::string thread_id(int64_t n) {
  return "t" + std::to_string(n);
}

// One commit: a thread, its run and its first checkpoint belong together, and the thread before it
// ends its run.
write_batch nth_commit(int64_t n) {
  auto id = thread_id(n);
  auto thread = make_thread(id, n, {{"owner", n % 3}});
  thread.doc = {{"values", std::string(static_cast<std::size_t>(n % 7) * 700, 'v')}};
  write_batch c{
    .puts = {{thread, 0}, {make_run(id, "r" + id), 0}, {make_checkpoint(id, "c" + id), 0}}};
  if (n > 1) {
    auto before = thread_id(n - 1);
    c.puts.push_back({make_run(before, "r" + before, 0, "success")});
    write_batch::thread_change end{"acme", before};
    end.metadata = {{"ended", true}};
    end.doc = {{"ran", "true"}};
    end.settled = "idle";
    c.thread_changes.push_back(std::move(end));
  }
  return c;
}

// Commits groups for ever, telling the number of the last commit after each flush.
[[noreturn]] void write_until_killed(const sqlite_options& options, int64_t next, int pipe,
                                     unsigned seed) {
  std::mt19937 random{seed};
  auto db = open_sqlite(options);
  if (!db)
    ::_exit(1);
  for (;;) {
    if (!(*db)->begin())
      ::_exit(2);
    for (auto size = 1 + random() % 8; size > 0; --size)
      if (!(*db)->apply(nth_commit(next++)))
        ::_exit(3);
    auto last = next - 1;
    if (!(*db)->flush() || ::write(pipe, &last, sizeof last) != sizeof last)
      ::_exit(4);
  }
}

void spin(std::chrono::microseconds time) {
  for (auto end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end;)
    ;
}

// Runs the writer, kills it after some acknowledgements; returns the last one that came.
int64_t run_and_kill(const sqlite_options& options, int64_t next, std::mt19937& random) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  auto seed = random();
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0)
    write_until_killed(options, next, ends[1], seed);
  ::close(ends[1]);
  int64_t last = next - 1, told;
  for (auto acks = random() % 6; acks > 0 && ::read(ends[0], &told, sizeof told) > 0; --acks)
    last = told;
  spin(std::chrono::microseconds{random() % 1500});
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  while (::read(ends[0], &told, sizeof told) == sizeof told)
    last = told;
  ::close(ends[0]);
  CHECK(WIFSIGNALED(status)); // it did not end by an error of its own
  return last;
}

bool is_there(storage_engine& db, const record_key& key) {
  return db.get(key).value().has_value();
}

// Returns the number of the first commit that is not there.
int64_t check_all(storage_engine& db, int64_t acknowledged) {
  int64_t n = 1;
  for (;; ++n) {
    auto id = thread_id(n);
    bool thread = is_there(db, thread_key(id));
    bool run = is_there(db, {kind::run, "acme", "r" + id});
    bool checkpoint = is_there(db, {kind::checkpoint, "acme", "c" + id, id});
    REQUIRE((thread == run && run == checkpoint));
    if (!thread)
      break;
  }
  REQUIRE(n > acknowledged);
  return n;
}

} // namespace

TEST_CASE("after kill -9 every acknowledged commit is there and none by halves", "[storage]") {
  sqlite_factory factory;
  auto options = factory.options();
  options.checkpoint_pages = 20; // so that some are killed while the log is being copied
  std::mt19937 random{20261121};
  int64_t next = 1;
  for (int round = 0; round < 50; ++round) {
    auto acknowledged = run_and_kill(options, next, random);
    auto db = open_sqlite(options);
    REQUIRE(db);
    next = check_all(**db, acknowledged);
    auto owned = (*db)->count({.tenant = "acme", .metadata = {{"owner", 1}}});
    CHECK(owned.value() == (next + 1) / 3); // the index tells the same as the records
    auto ended = (*db)->count({.tenant = "acme", .metadata = {{"ended", true}}});
    CHECK(ended.value() == std::max<int64_t>(next - 2, 0)); // all but the last one
  }
  auto db = sqlite_connection::open(options.path, sqlite_connection::access::read_write_create);
  REQUIRE(db);
  CHECK(
    (*db)->number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'").value()
    == 1);
  CHECK((*db)->number("SELECT count(*) FROM pragma_foreign_key_check").value() == 0);
}
