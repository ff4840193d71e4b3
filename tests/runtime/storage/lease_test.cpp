// Who holds a run: one process at a time, and whoever lost one writes nothing for it any more.
#include "tests/runtime/storage/fixture.hpp"

using namespace behalf;

namespace {

// Two servers on one database, and a clock both see.
struct two_servers {
  sqlite_factory factory;
  std::unique_ptr<storage_engine> one = open(), other = open();

  std::unique_ptr<storage_engine> open() {
    auto options = factory.options();
    options.shared = true;
    return open_sqlite(options).value();
  }
  void pass(std::chrono::seconds time) { factory.clock += time; }

  static result<void> write(storage_engine& db, const write_batch& what) {
    REQUIRE(db.begin());
    auto done = db.apply(what);
    REQUIRE(db.flush());
    return done;
  }
  static void renew(storage_engine& db) {
    REQUIRE(db.begin());
    REQUIRE(db.renew());
    REQUIRE(db.flush());
  }
  static int64_t take(storage_engine& db, int64_t most = 100) {
    REQUIRE(db.begin());
    auto taken = db.take_runs(most);
    REQUIRE(db.flush());
    return taken.value();
  }
  /// A run the server has made and executes.
  static void start(storage_engine& db, const std::string& run) {
    renew(db);
    REQUIRE(write(db, {.puts = {{make_thread("t1")}, {make_run("t1", run, 0, "running")}}}));
  }
  /// Their ids and fences, in order.
  static names held(storage_engine& db) {
    names all;
    for (const auto& run : db.unfinished_runs(nullptr, 100).value())
      all.push_back(run.id + ' ' + std::to_string(run.fence));
    return all;
  }
  static result<void> step(storage_engine& db, const std::string& run, int64_t fence,
                           const std::string& checkpoint) {
    return write(db, {.held = {{"acme", "t1", run, fence}},
                      .puts = {{make_checkpoint("t1", checkpoint, "", run)}}});
  }
};

} // namespace

TEST_CASE_METHOD(two_servers, "a run is taken only when its holder's lease has expired",
                 "[storage]") {
  start(*one, "r1");
  CHECK_FALSE(one->exclusive());
  CHECK(held(*one) == names{"r1 1"});
  CHECK(held(*other).empty());
  CHECK(take(*other) == 0);
  pass(lease_renewal);
  renew(*one);
  pass(lease_time - std::chrono::seconds{1});
  CHECK(take(*other) == 0);
  pass(std::chrono::seconds{2});
  CHECK(take(*other) == 1);
  CHECK(held(*one).empty());
  CHECK(held(*other) == names{"r1 2"});
}

TEST_CASE_METHOD(two_servers, "who lost a run writes nothing for it any more", "[storage]") {
  start(*one, "r1");
  CHECK(step(*one, "r1", 1, "c1"));
  pass(2 * lease_time);
  CHECK(step(*one, "r1", 1, "c2")); // nobody has taken it
  renew(*other);
  REQUIRE(take(*other) == 1);
  for (bool renewed : {false, true}) {
    if (renewed)
      renew(*one);
    auto refused = step(*one, "r1", 1, "c3");
    CHECK(refused.error().code == errc::conflict);
    CHECK(refused.error().kind == run_taken);
  }
  CHECK(step(*other, "r1", 2, "c4"));
  auto over = make_run("t1", "r1", 0, "success");
  CHECK(write(*other, {.held = {{"acme", "t1", "r1", 2}}, .puts = {{over}}}));
  CHECK(step(*one, "r1", 1, "c5").error().kind == run_taken);
  REQUIRE(write(*other, {.erases = {{thread_key("t1")}}}));
  CHECK(step(*one, "r1", 1, "c6").error().code == errc::not_found);
}

TEST_CASE_METHOD(two_servers, "a run that comes back to its first holder is another one's no more",
                 "[storage]") {
  start(*one, "r1");
  pass(2 * lease_time);
  renew(*other);
  REQUIRE(take(*other) == 1);
  pass(2 * lease_time);
  renew(*one);
  REQUIRE(take(*one) == 1);
  CHECK(held(*one) == names{"r1 3"});
  CHECK(step(*one, "r1", 1, "c1").error().kind == run_taken); // what it began before it lost it
  CHECK(step(*other, "r1", 2, "c1").error().kind == run_taken);
  CHECK(step(*one, "r1", 3, "c1"));
}

TEST_CASE_METHOD(two_servers, "runs are taken a bounded number at a time", "[storage]") {
  renew(*one);
  write_batch many{.puts = {{make_thread("t1")}}};
  for (int i = 0; i < 5; ++i)
    many.puts.push_back({make_run("t1", "r" + std::to_string(i), i)});
  REQUIRE(write(*one, many));
  pass(2 * lease_time);
  renew(*other);
  CHECK(take(*other, 3) == 3);
  CHECK(held(*other) == names{"r0 2", "r1 2", "r2 2"});
  CHECK(take(*other, 3) == 2);
  CHECK(take(*other, 3) == 0);
}

TEST_CASE_METHOD(two_servers, "a clock that jumps takes nothing from the only server",
                 "[storage]") {
  other.reset();
  start(*one, "r1");
  for (auto jump : {std::chrono::hours{9000}, -std::chrono::hours{9000}}) {
    factory.clock += jump;
    CHECK(step(*one, "r1", 1, "c" + std::to_string(jump.count())));
    CHECK(take(*one) == 0);
    CHECK(held(*one) == names{"r1 1"});
  }
}

TEST_CASE_METHOD(two_servers, "a clock set back keeps no run of a dead server for long",
                 "[storage]") {
  start(*one, "r1");
  one.reset();
  factory.clock -= std::chrono::hours{24};
  renew(*other);
  CHECK(take(*other) == 1);
}

TEST_CASE_METHOD(two_servers, "who has the database alone holds every run at once", "[storage]") {
  start(*one, "r1");
  one.reset(); // its lease has not expired
  other.reset();
  auto alone = factory.open();
  CHECK(alone->exclusive());
  CHECK(held(*alone) == names{"r1 1"});
  CHECK(step(*alone, "r1", 1, "c1"));
  REQUIRE(write(*alone, {.puts = {{make_run("t1", "r2", 1)}}}));
  alone.reset();
  auto next = open();
  renew(*next);
  CHECK(take(*next) == 1); // r1 waits for the lease of who may live
  CHECK(held(*next) == names{"r2 2"});
}
