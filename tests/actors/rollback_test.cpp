// Rolling back: as if the run had never been.
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

namespace behalf {
namespace {

const json::object nothing{{"input", json::object{}}};

// What a thread shows of itself, and the newest of what it keeps.
struct snapshot {
  std::string status;
  json::value values, error, interrupts;
  std::vector<std::string> checkpoints;
  json::object head;

  bool operator==(const snapshot&) const = default;
};

struct rollback_fixture : run_fixture {
  std::string thread = uuid7();

  rollback_fixture() {
    serve(runs::ask_then_call());
    serve(runs::call());
    open();
  }

  snapshot seen() {
    snapshot s;
    auto row = stored(kind::thread, thread);
    s.status = row->status;
    s.values = row->doc.at("values");
    s.error = row->doc.contains("error") ? row->doc.at("error") : json::value(nullptr);
    s.interrupts = object_or_empty(row->doc, "interrupts");
    for (const auto& one : checkpoints(thread)) {
      s.checkpoints.push_back(one.id);
      s.head = one.doc;
    }
    return s;
  }
  run_result roll_back(const run_ref& run) { return cancel(run, stop_reason::rolled_back); }
};

} // namespace

TEST_CASE_METHOD(rollback_fixture, "a resumed run rolled back leaves the question as it was",
                 "[runs]") {
  ended(start(thread, "ask", nothing));
  auto before = seen();
  REQUIRE(before.status == "interrupted");
  REQUIRE(before.interrupts.as_object().size() == 1);

  outside.hold = true;
  auto resumed = resume(thread, "ask", "no");
  REQUIRE(outside.calls.size() == 1); // it is past the question
  CHECK(seen().status == "busy");
  roll_back(resumed);
  CHECK(run_status(resumed).empty());
  CHECK(seen() == before);

  let_outside_go();
  CHECK(seen() == before);
  CHECK(ended(resume(thread, "ask", "yes")).body->at("ans") == "yes");
}

TEST_CASE_METHOD(rollback_fixture, "a first run rolled back leaves an empty thread", "[runs]") {
  outside.hold = true;
  auto run = start(thread, "call", nothing);
  REQUIRE(checkpoints(thread).size() > 0);
  auto end = roll_back(run);
  CHECK(end.body->at("__error__").at("message") == "404: Run not found");
  CHECK(run_status(run).empty());
  CHECK(seen() == snapshot{"idle", nullptr, nullptr, json::object{}, {}, {}});
}

TEST_CASE_METHOD(rollback_fixture, "a later run rolled back leaves what the earlier ones did",
                 "[runs]") {
  ended(start(thread, "call", nothing));
  auto before = seen();
  outside.hold = true;
  roll_back(start(thread, "call", nothing));
  CHECK(seen() == before);
}

TEST_CASE_METHOD(rollback_fixture, "the failure before a run rolled back still shows", "[runs]") {
  outside.answer = [](const outbound_call&) { return fail(errc::upstream, "bad gateway"); };
  ended(start(thread, "call", nothing));
  auto before = seen();
  REQUIRE(before.status == "error");
  outside.hold = true;
  roll_back(start(thread, "call", nothing));
  CHECK(seen() == before);
}

TEST_CASE_METHOD(rollback_fixture, "a run that never began leaves the question as it was",
                 "[runs]") {
  ended(start(thread, "ask", nothing));
  auto before = seen();
  for (auto why : {stop_reason::rolled_back, stop_reason::cancelled}) {
    auto m = order(thread, "ask", {{"command", json::object{{"resume", "no"}}}});
    m.plan->created_at = now() + std::chrono::hours{1};
    m.plan->delayed = m.client_stays = true;
    auto delayed = start(std::move(m)).value();
    cancel(delayed, why);
    CHECK(seen() == before);
  }
}

TEST_CASE_METHOD(rollback_fixture, "a run rolled back after a restart leaves nothing of itself",
                 "[runs]") {
  ended(start(thread, "call", nothing));
  auto before = seen();
  outside.hold = true;
  auto run = start(thread, "call", nothing);
  REQUIRE(checkpoints(thread).size() > before.checkpoints.size());
  stop_runs all;
  all.why = stop_reason::suspended;
  ask<runs_stopped>(scheduler, all).value();
  auto plan = runs::plan_from(*stored(kind::run, run.plan->run_id)).value();
  open({{std::make_shared<const runs::run_plan>(plan)}, {}});
  auto again = ask<run_ref>(scheduler, find_run{"acme", run.plan->run_id}).value();
  own(again.run);
  roll_back(again);
  CHECK(seen() == before);
}

TEST_CASE_METHOD(rollback_fixture, "a rollback that finds no room says so, and is stored later",
                 "[runs]") {
  outside.hold = true;
  auto run = start(thread, "call", nothing);
  disk.refuse = [](const write_batch&) { return disk_full("the disk is full"); };
  auto answer = ask_later<run_result>(run.run, stop_run{stop_reason::rolled_back});
  REQUIRE(answer());
  CHECK(answer()->error().kind == storage_full);
  CHECK(run_status(run) == "running"); // a restart goes on with it
  disk.refuse = nullptr;
  pass(std::chrono::seconds{10});
  CHECK(run_status(run).empty());
}

} // namespace behalf
