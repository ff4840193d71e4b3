// Crons that are due, against a real database and the real scheduler; the test owns both clocks.
#include "actors/endpoints/cron_clock.hpp"
#include "actors/endpoints/cron_record.hpp"
#include "runtime/graph/hello_graph.hpp"
#include "runtime/storage/sqlite_connection.hpp"
#include "tests/support/run_fixture.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const auto noon = parse_iso8601("2026-11-22T12:00:00Z").value();

struct cron_fixture : run_fixture {
  time_point wall = noon;
  bool denied = false;
  std::vector<std::string> asked; // identities, of runs that were asked for
  principal seen;                 // by the rules, last

  cron_fixture() {
    serve(hello_graph().value());
    REQUIRE(rules->add("threads.create_run", [this](const on_context& ctx, json::object&) {
      asked.push_back(ctx.who.identity);
      seen = ctx.who;
      return on_answer{!denied};
    }));
  }

  cron_clock_actor begin() {
    open();
    app->scheduler = scheduler;
    auto clock = own(endpoints::spawn_cron_clock(sys, app, [this] { return wall; }));
    app->crons = clock;
    sched.run();
    return clock;
  }
  // A cron as the API stores it.
  record cron(const std::string& id, const std::string& schedule, time_point next,
              const principal_ptr& owner, const std::string& thread = {}) {
    record row;
    row.type = kind::cron;
    row.tenant = "acme";
    row.id = id;
    row.parent = thread;
    row.assistant_id = app->graphs.by_graph("hello")->assistant_id;
    row.owner = owner->key().text();
    row.status = "enabled";
    row.metadata = {{"cron", id}};
    row.created_at = row.updated_at = noon;
    row.next_at = next;
    row.doc = {{"payload",
                {{"assistant_id", "hello"},
                 {"input", {{"who", id}}},
                 {"config", {{"configurable", {{"cron_id", id}}}}}}},
               {"schedule", schedule},
               {"timezone", nullptr},
               {"end_time", nullptr},
               {"on_run_completed", thread.empty() ? json::value("keep") : json::value(nullptr)},
               {"principal", owner->to_json()}};
    return row;
  }
  void put(record row) {
    write_records w;
    w.what.puts.push_back({std::move(row)});
    REQUIRE(ask<written>(app->writer, std::move(w)));
  }
  void put_thread(const std::string& id) {
    record row;
    row.type = kind::thread;
    row.tenant = "acme";
    row.id = id;
    row.status = "idle";
    row.doc = {{"values", nullptr}};
    put(row);
  }
  std::vector<record> runs() {
    query q;
    q.type = kind::run;
    q.tenant = "acme";
    q.sort = sort_key::id;
    q.descending = false;
    q.limit = 1'000;
    auto search = storage::new_search(*app, q);
    std::vector<record> all;
    for (bool done = false; !done;) {
      auto part = found(storage::read_slice{search});
      std::move(part.rows.begin(), part.rows.end(), std::back_inserter(all));
      done = part.done;
    }
    return all;
  }
  // Both clocks go on.
  void wait(std::chrono::seconds time) {
    for (auto left = time; left > 0s; left -= 1s) {
      wall += 1s;
      pass(1s);
    }
  }
  json::object refusal(const std::string& id) {
    auto text = stored(kind::cron, id)->refusal;
    return text.empty() ? json::object{} : js(text).as_object();
  }
  double counted(const std::string& what) {
    return app->meters.counter("behalf_crons_" + what + "_total", "").value();
  }
};

} // namespace

TEST_CASE_METHOD(cron_fixture, "a cron runs when it is due, as who made it", "[crons]") {
  auto owner = std::make_shared<principal>(*user("alice"));
  owner->permissions = {"everything"};
  owner->custom = {{"plan", "gold"}};
  put(cron("c1", "*/5 * * * *", noon + 5min, owner));
  begin();
  wait(299s);
  CHECK(runs().empty());
  wait(1s);
  auto all = runs();
  REQUIRE(all.size() == 1);
  CHECK(all.front().status == "success");
  CHECK(all.front().metadata.at("cron") == "c1");
  const auto& configurable =
    all.front().doc.at("kwargs").at("config").at("configurable").as_object();
  CHECK(configurable.at("cron_id") == "c1");
  CHECK(configurable.at("langgraph_auth_user_id") == "alice");
  CHECK(configurable.at("langgraph_request_id").is_null());
  CHECK((seen.permissions.empty() && seen.custom.empty() && seen.key() == owner->key()));
  CHECK(stored(kind::cron, "c1")->next_at == noon + 10min);
  CHECK(stored(kind::thread, all.front().parent)->metadata.at("cron") == "c1");
  wait(600s);
  CHECK(runs().size() == 3);
  CHECK(counted("fired") == 3);
}

TEST_CASE_METHOD(cron_fixture, "a run on a thread goes on with it, and ends with it", "[crons]") {
  put_thread("t1");
  put(cron("c1", "* * * * *", noon, alice, "t1"));
  begin();
  wait(60s);
  REQUIRE(runs().size() == 2);
  for (const auto& run : runs())
    CHECK(run.parent == "t1");
  write_records w;
  w.what.erases.push_back({{kind::thread, "acme", "t1"}});
  REQUIRE(ask<written>(app->writer, std::move(w)));
  CHECK_FALSE(stored(kind::cron, "c1"));
  wait(120s);
  CHECK(runs().empty());
}

TEST_CASE_METHOD(cron_fixture, "two servers that look at one storage fire a cron once", "[crons]") {
  put(cron("c1", "* * * * *", noon + 1s, alice));
  begin();
  own(endpoints::spawn_cron_clock(sys, app, [this] { return wall; }));
  sched.run();
  wait(1s);
  CHECK(runs().size() == 1);
  wait(60s);
  CHECK(runs().size() == 2);
}

TEST_CASE_METHOD(cron_fixture, "what cannot be stored is neither run nor lost", "[crons]") {
  put(cron("c1", "0 * * * *", noon + 1s, alice));
  begin();
  disk.refuse = [](const write_batch& w) -> std::optional<error> {
    if (w.firings.empty())
      return std::nullopt;
    return fail(errc::overloaded, "full");
  };
  wait(3s);
  CHECK(runs().empty());
  CHECK(stored(kind::cron, "c1")->next_at == noon + 1s);
  CHECK(refusal("c1").empty());
  disk.refuse = nullptr;
  wait(2s);
  CHECK(runs().size() == 1);
  CHECK(stored(kind::cron, "c1")->next_at == noon + 1h);
}

TEST_CASE_METHOD(cron_fixture, "who lost the right is refused, which shows, until it is back",
                 "[crons]") {
  put(cron("c1", "* * * * *", noon, alice));
  denied = true;
  begin();
  CHECK(runs().empty());
  CHECK(refusal("c1").at("reason") == "Forbidden");
  CHECK(refusal("c1").at("count") == 1);
  CHECK(endpoints::cron_view(*stored(kind::cron, "c1")).at("last_refusal").at("count") == 1);
  CHECK(stored(kind::cron, "c1")->next_at == noon + 1min);
  wait(60s);
  CHECK(refusal("c1").at("count") == 2);
  CHECK(asked.size() == 2); // once at each firing
  denied = false;
  wait(60s);
  CHECK(runs().size() == 1);
  CHECK(refusal("c1").empty());
  CHECK((counted("refused") == 2 && counted("fired") == 1));
}

TEST_CASE_METHOD(cron_fixture, "a cron that cannot run says why and stays", "[crons]") {
  auto gone = cron("gone", "* * * * *", noon, alice);
  gone.doc["payload"].as_object()["assistant_id"] = uuid4();
  auto odd = cron("odd", "* * * * *", noon, alice);
  odd.doc["payload"].as_object()["stream_mode"] = "loud";
  auto nowhere = cron("nowhere", "* * * * *", noon, alice);
  nowhere.doc["timezone"] = "Nowhere/Land";
  put_thread("t1");
  for (const auto& row : {gone, odd, nowhere})
    put(row);
  begin();
  CHECK(runs().empty());
  CHECK(refusal("gone").at("reason") == "Thread or assistant not found.");
  CHECK(refusal("odd").contains("reason"));
  CHECK(refusal("nowhere").at("reason").as_string().starts_with("Invalid timezone"));
  CHECK(stored(kind::cron, "nowhere")->next_at == noon + 1h);
}

TEST_CASE_METHOD(cron_fixture, "a strategy that ends runs needs the right to", "[crons]") {
  put_thread("t1");
  auto row = cron("c1", "* * * * *", noon, alice, "t1");
  row.doc["payload"].as_object()["multitask_strategy"] = "interrupt";
  put(row);
  auto may = std::make_shared<bool>(false);
  REQUIRE(rules->add("threads.update",
                     [may](const on_context&, json::object&) { return on_answer{*may}; }));
  begin();
  CHECK(runs().empty());
  CHECK(refusal("c1").at("reason") == "Forbidden");
  *may = true;
  wait(60s);
  CHECK(runs().size() == 1);
}

TEST_CASE_METHOD(cron_fixture, "what is disabled or over does not fire", "[crons]") {
  auto off = cron("off", "* * * * *", noon, alice);
  off.status = "disabled";
  auto ends = cron("ends", "* * * * *", noon, alice);
  ends.doc["end_time"] = "2026-11-22T12:01:30Z";
  put(off);
  put(ends);
  begin();
  wait(600s);
  CHECK(runs().size() == 2); // noon and 12:01
  CHECK_FALSE(stored(kind::cron, "ends")->next_at);
}

TEST_CASE_METHOD(cron_fixture, "firings missed come to one run, if they are not too old",
                 "[crons]") {
  put(cron("late", "*/5 * * * *", noon - 3h, alice));
  put(cron("old", "*/5 * * * *", noon - 8 * 24h, alice));
  begin();
  REQUIRE(runs().size() == 1);
  CHECK(runs().front().metadata.at("cron") == "late");
  CHECK(stored(kind::cron, "late")->next_at == noon + 5min);
  CHECK(stored(kind::cron, "old")->next_at == noon + 5min);
  CHECK(counted("missed") == 1);
}

TEST_CASE_METHOD(cron_fixture, "with `skip` a firing that was missed is none", "[crons]") {
  options->crons.missed = missed_firings::skip;
  put(cron("late", "*/5 * * * *", noon - 3h, alice));
  put(cron("just", "*/5 * * * *", noon - 30s, alice));
  begin();
  REQUIRE(runs().size() == 1);
  CHECK(runs().front().metadata.at("cron") == "just");
  CHECK(counted("missed") == 1);
}

TEST_CASE_METHOD(cron_fixture, "a clock that is set forward or back loses and repeats nothing",
                 "[crons]") {
  put(cron("c1", "0 * * * *", noon + 1h, alice));
  begin();
  wall += 90min; // within a minute the timer sees it
  pass(60s);
  CHECK(runs().size() == 1);
  CHECK(stored(kind::cron, "c1")->next_at == noon + 2h);
  wall = noon; // what has been fired is not fired again
  pass(60s);
  for (int i = 0; i < 119; ++i) {
    wall += 1min;
    pass(60s);
  }
  CHECK(runs().size() == 1);
  wall += 1min;
  pass(60s);
  CHECK(runs().size() == 2);
}

TEST_CASE_METHOD(cron_fixture, "a clock that was years ahead leaves no cron behind", "[crons]") {
  put(cron("c1", "0 * * * *", noon + 1h, alice));
  put(cron("weekly", "0 12 * * sat", noon + 6 * 24h, alice));
  begin();
  wall += 10 * 365 * 24h;
  pass(60s);
  CHECK(stored(kind::cron, "c1")->next_at > noon + 10 * 364 * 24h);
  const auto before = runs().size();
  wall = noon + 10min;
  pass(60s);
  CHECK(stored(kind::cron, "c1")->next_at == noon + 1h);
  CHECK(stored(kind::cron, "weekly")->next_at == noon + 6 * 24h);
  CHECK(runs().size() == before);
  wall = noon + 1h;
  pass(60s);
  CHECK(runs().size() == before + 1);
}

TEST_CASE_METHOD(cron_fixture, "a start finds the dates that a wrong clock has made", "[crons]") {
  put(cron("c1", "0 * * * *", noon + 10 * 365 * 24h, alice));
  put(cron("yearly", "@yearly", parse_iso8601("2027-01-01T00:00:00Z").value(), alice));
  put(cron("day", "0 13 * * *", noon + 25h, alice)); // fired an hour early: not again
  begin();
  CHECK(runs().empty());
  CHECK(stored(kind::cron, "c1")->next_at == noon + 1h);
  CHECK(stored(kind::cron, "yearly")->revision == 1);
  CHECK(stored(kind::cron, "day")->revision == 1);
  wait(3600s);
  CHECK(runs().size() == 1);
}

TEST_CASE_METHOD(cron_fixture, "who has no room for runs does not hold others up", "[crons]") {
  options->limits.user.concurrent_runs = 1;
  for (int i = 0; i < 40; ++i) {
    auto row = cron("a" + std::to_string(i), "0 0 1 1 *", noon, alice);
    row.doc["payload"].as_object()["interrupt_before"] = "*";
    put(row);
  }
  put(cron("bob's", "0 0 1 1 *", noon, user("bob")));
  begin();
  // Turns are taken: bob's is not behind alice's forty.
  auto at = std::find(asked.begin(), asked.end(), "bob");
  REQUIRE(at != asked.end());
  CHECK(at - asked.begin() < 20);
  wait(60s);
  CHECK(runs().size() == 41); // those without room came later
}

TEST_CASE_METHOD(cron_fixture, "a damaged cron does not hold its owner's others up", "[crons]") {
  put(cron("damaged", "0 0 1 1 *", noon - 1min, alice));
  put(cron("whole", "0 0 1 1 *", noon, alice));
  {
    auto db = sqlite_connection::open(folder / "t.db", sqlite_connection::access::read_write);
    REQUIRE(db);
    REQUIRE((*db)->run("UPDATE cron SET doc='{' WHERE id='damaged'"));
  }
  begin();
  wait(5s);
  REQUIRE(runs().size() == 1);
  CHECK(runs().front().metadata.at("cron") == "whole");
}

TEST_CASE_METHOD(cron_fixture, "many that are due at once are all run", "[crons]") {
  for (int i = 0; i < 700; ++i)
    put(cron("c" + std::to_string(i), "0 0 1 1 *", noon, alice));
  begin();
  wait(5s);
  CHECK(runs().size() == 700);
  CHECK(counted("fired") == 700);
}

TEST_CASE_METHOD(cron_fixture, "a cron fires no more often than the interval allows", "[crons]") {
  options->crons.shortest_interval = 10s;
  put(cron("c1", "* * * * * *", noon, alice));
  begin();
  wait(29s);
  CHECK(runs().size() == 3);
}

TEST_CASE_METHOD(cron_fixture, "a cron that is stored while none was due wakes the clock",
                 "[crons]") {
  auto clock = begin();
  put(cron("c1", "0 0 1 1 *", noon + 5s, alice));
  self->send(clock, cron_set{noon + 5s});
  sched.run();
  wait(4s);
  CHECK(runs().empty());
  wait(1s);
  CHECK(runs().size() == 1);
}
