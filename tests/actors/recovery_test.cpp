// What a start makes of the runs it finds: who goes on, who is suspected of the crash, who is
// given up, and that nothing stored keeps it from starting.
#include "actors/runs/recovery.hpp"
#include "runtime/base/id.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "runtime/storage/storage.hpp"
#include "tests/runtime/storage/fixture.hpp"

#include <functional>
#include <map>

namespace behalf {
namespace {

struct recovery_fixture : storage_fixture<sqlite_factory> {
  runs::run_plan plan_of(const std::string& run) {
    runs::run_plan plan;
    plan.run_id = run;
    plan.thread_id = "thread of " + run;
    plan.graph_id = "g";
    principal who;
    who.tenant = "acme";
    who.subject = "anonymous"; // nobody was asked who they are
    plan.who = std::make_shared<const principal>(who);
    plan.created_at = now();
    return plan;
  }
  void store(const runs::run_plan& plan, const std::string& status) {
    auto thread = make_thread(plan.thread_id);
    thread.status = "busy";
    REQUIRE(write({.puts = {{thread}, {runs::to_record(plan, status)}}}));
  }
  void executing(const std::string& run) { store(plan_of(run), "running"); }
  /// The run completes a superstep.
  void step(const std::string& run) {
    REQUIRE(put(make_checkpoint("thread of " + run, uuid6(), "", run)));
  }
  /// The process ended while these executed.
  runs::recovered_runs crash(const std::vector<std::string>& executed) {
    for (const auto& run : executed) {
      auto row = *get({kind::run, "acme", run});
      row.status = "running";
      REQUIRE(put(row));
    }
    return runs::recover_runs(*db, 3).value();
  }
  std::map<std::string, runs::run_plan> by_name(const runs::recovered_runs& all) {
    std::map<std::string, runs::run_plan> plans;
    for (const auto& plan : all.plans)
      plans.emplace(plan->run_id, *plan);
    return plans;
  }
  void spoil(const std::string& run, const std::string& doc) {
    auto raw =
      sqlite_connection::open(factory.folder.file(), sqlite_connection::access::read_write_create)
        .value();
    REQUIRE(raw->execute("UPDATE run SET doc='" + doc + "' WHERE id='" + run + "'"));
  }
  std::string run_status(const std::string& run) { return get({kind::run, "acme", run})->status; }
  std::string thread_status(const std::string& run) {
    return get({kind::thread, "acme", "thread of " + run})->status;
  }
};

// The same storage, where another server is `faster` when something is about to be written.
struct raced_storage : storage_engine {
  storage_engine& to;
  std::function<void()> faster;

  raced_storage(storage_engine& real, std::function<void()> other)
    : to(real), faster(std::move(other)) {}

  result<std::optional<record>> get(const record_key& k, fair_budget::share* room) override {
    return to.get(k, room);
  }
  result<std::optional<record>> get_head(const record_key& k) override { return to.get_head(k); }
  result<scan_part> go_on(record_scan& s, const slice_limits& l) override { return to.go_on(s, l); }
  result<page> search(const query& q) override { return to.search(q); }
  result<int64_t> count(const query& q) override { return to.count(q); }
  result<std::optional<std::string>> next_namespace(const std::string& tenant,
                                                    const std::string& from) override {
    return to.next_namespace(tenant, from);
  }
  result<std::vector<record>> next_crons(const record* after, int64_t limit) override {
    return to.next_crons(after, limit);
  }
  vector_rows& vectors() override { return to.vectors(); }
  result<std::vector<record>> checkpoint_chain(const std::string& tenant, const std::string& thread,
                                               const std::string& ns, const std::string& id,
                                               fair_budget::share* room) override {
    return to.checkpoint_chain(tenant, thread, ns, id, room);
  }
  result<std::string> newest_checkpoint(const std::string& tenant, const std::string& thread,
                                        const std::optional<std::string>& ns) override {
    return to.newest_checkpoint(tenant, thread, ns);
  }
  result<void> measure(const std::string& tenant, const std::string& thread, thread_sizes& so_far,
                       const slice_limits& limits) override {
    return to.measure(tenant, thread, so_far, limits);
  }
  result<std::vector<record>> webhook_calls(const record* after, int64_t limit) override {
    return to.webhook_calls(after, limit);
  }
  result<std::vector<usage_row>> usage(const usage_question& q) override { return to.usage(q); }
  result<std::vector<record>> unfinished_runs(const record* after, int64_t limit) override {
    return to.unfinished_runs(after, limit);
  }
  result<std::optional<record>> unfinished_run(const record_key& k) override {
    return to.unfinished_run(k);
  }
  result<void> begin() override {
    faster();
    return to.begin();
  }
  result<void> apply(const write_batch& c) override { return to.apply(c); }
  bool exclusive() const override { return true; } // nothing is left to take
  result<void> renew() override { return to.renew(); }
  result<int64_t> take_runs(int64_t most) override { return to.take_runs(most); }
  result<void> flush() override { return to.flush(); }
  result<int64_t> sweep(int64_t most) override { return to.sweep(most); }
  result<std::unique_ptr<storage_reader>> open_reader() override { return to.open_reader(); }
};

} // namespace

TEST_CASE_METHOD(recovery_fixture, "a run that executes alone is given up after three crashes",
                 "[runs]") {
  executing("r");
  for (int crashes : {1, 2}) {
    auto found = by_name(crash({"r"}));
    CHECK(found.at("r").crashes == crashes);
    CHECK(found.at("r").attempt == crashes + 1);
    CHECK(found.at("r").suspect);
    CHECK(found.at("r").given_up.empty());
  }
  CHECK_FALSE(by_name(crash({"r"})).at("r").given_up.empty());
  CHECK_FALSE(by_name(crash({})).at("r").given_up.empty()); // it did not come to its end yet
}

TEST_CASE_METHOD(recovery_fixture, "progress resets the count", "[runs]") {
  executing("r");
  for (int i = 0; i < 10; ++i) {
    step("r");
    auto found = by_name(crash({"r"}));
    CHECK(found.at("r").crashes == 1);
    CHECK(found.at("r").given_up.empty());
  }
}

TEST_CASE_METHOD(recovery_fixture, "a crash of several is laid to none of them", "[runs]") {
  for (auto run : {"a", "b", "c"})
    executing(run);
  for (int i = 0; i < 5; ++i)
    for (const auto& [id, plan] : by_name(crash({"a", "b", "c"}))) {
      CHECK(plan.crashes == 0);
      CHECK(plan.suspect);
      CHECK(run_status(id) == "pending");
    }
}

TEST_CASE_METHOD(recovery_fixture, "a crash is laid to the suspect, not to who ran beside it",
                 "[runs]") {
  executing("poison");
  executing("innocent");
  crash({});
  executing("new");
  auto found = by_name(crash({"poison", "new"}));
  CHECK(found.at("poison").crashes == 1);
  CHECK(found.at("new").crashes == 0);
  CHECK(found.at("innocent").crashes == 0);
  CHECK(found.at("innocent").attempt == 2); // it did not execute meanwhile
}

TEST_CASE_METHOD(recovery_fixture,
                 "suspects that executed in a crash are kept apart, and come last", "[runs]") {
  for (auto run : {"sleeper", "poison", "innocent"})
    executing(run);
  crash({});
  auto named = by_name(crash({"sleeper", "poison"})); // the one had its time, the other began
  CHECK(named.at("sleeper").apart);
  CHECK(named.at("poison").apart);
  CHECK(named.at("poison").crashes == 0);
  CHECK_FALSE(named.at("innocent").apart);
  named = by_name(crash({"poison"}));
  CHECK(named.at("poison").crashes == 1);
  CHECK(named.at("poison").apart);
  step("sleeper");
  CHECK_FALSE(by_name(crash({"sleeper"})).at("sleeper").apart);
}

TEST_CASE_METHOD(recovery_fixture, "one aborting run takes none of twenty others with it",
                 "[runs]") {
  std::vector<std::string> all{"poison"};
  for (int i = 0; i < 20; ++i)
    all.push_back("innocent " + std::to_string(i));
  for (const auto& run : all)
    executing(run);
  auto found = runs::recover_runs(*db, 3).value();
  for (int crashes = 0; crashes < 20; ++crashes) {
    // As the queue does: one suspect after the other, until the process ends.
    std::vector<std::string> executed;
    for (const auto& plan : found.plans) {
      if (!plan->given_up.empty())
        continue;
      executed.push_back(plan->run_id);
      if (plan->run_id == "poison")
        break;
      step(plan->run_id);
    }
    auto plans = by_name(found);
    if (!plans.at("poison").given_up.empty()) {
      CHECK(crashes <= 3);
      for (const auto& [id, plan] : plans)
        CHECK(plan.given_up.empty() == (id != "poison"));
      return;
    }
    found = crash(executed);
  }
  FAIL("it was never given up");
}

TEST_CASE_METHOD(recovery_fixture, "those a crash was not laid to go first", "[runs]") {
  executing("a");
  crash({"a"});
  executing("b");
  auto found = runs::recover_runs(*db, 3).value();
  REQUIRE(found.plans.size() == 2);
  CHECK(found.plans[0]->run_id == "b");
  CHECK(found.plans[1]->run_id == "a");
}

TEST_CASE_METHOD(recovery_fixture, "a queued run starts after a restart, whatever the clock says",
                 "[runs]") {
  auto plan = plan_of("r");
  plan.created_at = now() + std::chrono::hours{2}; // the clock was two hours ahead then
  store(plan, "pending");
  auto found = runs::recover_runs(*db, 3).value();
  CHECK(found.delayed.empty());
  REQUIRE(found.plans.size() == 1);
  CHECK_FALSE(found.plans[0]->delayed);
}

TEST_CASE_METHOD(recovery_fixture, "queued runs go in the order they came, whatever the clock says",
                 "[runs]") {
  auto first = plan_of(uuid7()), second = plan_of(uuid7());
  second.created_at = first.created_at - std::chrono::seconds{90}; // set back between them
  store(first, "pending");
  store(second, "pending");
  auto found = runs::recover_runs(*db, 3).value();
  REQUIRE(found.plans.size() == 2);
  CHECK(found.plans[0]->run_id == first.run_id);
  CHECK(found.plans[1]->run_id == second.run_id);
}

TEST_CASE_METHOD(recovery_fixture, "a delayed run is noted, not loaded", "[runs]") {
  auto plan = plan_of("r");
  plan.created_at = now() + std::chrono::hours{2};
  plan.delayed = true;
  plan.kwargs = {{"input", std::string(100'000, 'x')}};
  store(plan, "pending");
  auto found = runs::recover_runs(*db, 3).value();
  CHECK(found.plans.empty());
  REQUIRE(found.delayed.size() == 1);
  CHECK(found.delayed[0].due == plan.created_at);
  CHECK(found.delayed[0].who == plan.who->key());
  auto rows = db->unfinished_runs(nullptr, 10).value();
  CHECK(rows.at(0).doc.size() == 1);
  auto whole = db->unfinished_run({kind::run, "acme", "r"}).value();
  REQUIRE(whole);
  CHECK(runs::plan_from(*whole).value().kwargs == plan.kwargs);
}

TEST_CASE_METHOD(recovery_fixture, "what cannot be read is set aside, and the others go on",
                 "[runs]") {
  for (auto run : {"good", "number", "torn", "nobody"})
    executing(run);
  auto later = plan_of("later");
  later.created_at = now() + std::chrono::hours{2};
  later.delayed = true;
  store(later, "pending");
  spoil("number", R"({"principal":{"tenant":"acme","subject":"a"},"kwargs":{"n":Infinity}})");
  spoil("torn", R"({"principal":)");
  spoil("nobody", R"({"kwargs":{"n":1}})");
  spoil("later", R"({"kwargs":{"n":1}})");
  auto found = runs::recover_runs(*db, 3).value();
  REQUIRE(found.plans.size() == 1);
  CHECK(found.plans[0]->run_id == "good");
  CHECK(found.delayed.empty());
  for (auto run : {"number", "torn", "nobody", "later"}) {
    CHECK(run_status(run) == "error");
    CHECK(thread_status(run) == "error");
  }
  auto text = std::string(get({kind::run, "acme", "torn"})->doc.at("unreadable").as_string());
  CHECK(text.find(R"({"principal":)") != text.npos);
  for (auto run : {"nobody", "later"})
    CHECK(get({kind::run, "acme", run})->doc.at("kwargs").at("n") == 1);
  CHECK(by_name(runs::recover_runs(*db, 3).value()).size() == 1); // once is enough
}

TEST_CASE("a start takes exactly what nobody holds", "[runs]") {
  recovery_fixture f;
  auto open = [&] {
    auto options = f.factory.options();
    options.shared = true;
    return open_sqlite(options).value();
  };
  f.executing("of a server that is gone");
  f.db.reset();
  f.db = open();
  auto found = f.by_name(runs::recover_runs(*f.db, 3).value());
  CHECK(found.size() == 1);
  CHECK(found.begin()->second.fence == 2);
  f.executing("of this one");

  auto second = open();
  CHECK(runs::recover_runs(*second, 3).value().plans.empty());
  CHECK(f.run_status("of this one") == "running"); // nobody judged it

  f.factory.clock += 2 * lease_time; // the first one hangs
  CHECK(runs::recover_runs(*second, 3).value().plans.size() == 2);
  CHECK(f.db->unfinished_runs(nullptr, 10).value().empty());
}

TEST_CASE("what a start decides of a run that another took meanwhile is not stored", "[runs]") {
  recovery_fixture f;
  auto open = [&] {
    auto options = f.factory.options();
    options.shared = true;
    return open_sqlite(options).value();
  };
  f.executing("r");
  f.db.reset();
  f.db = open();
  auto other = open();
  auto execute_at = [&](storage_engine& server) {
    REQUIRE(runs::recover_runs(server, 3).value().plans.size() == 1);
    auto row = *f.get({kind::run, "acme", "r"});
    row.status = "running";
    REQUIRE(server.begin());
    REQUIRE(server.apply({.puts = {{row}}}));
    REQUIRE(server.flush());
  };
  execute_at(*f.db);
  bool taken = false;
  raced_storage late{*f.db, [&] {
                       f.factory.clock += 2 * lease_time;
                       execute_at(*other);
                       taken = true;
                     }};
  static_cast<void>(runs::recover_runs(late, 3));
  CHECK(taken);
  CHECK(f.run_status("r") == "running"); // at the other
}

} // namespace behalf
