// Runs that begin before they are stored: their clients hear of them by their result alone.
#include "behalf/coroutine.hpp"
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

namespace behalf {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;
constexpr milliseconds stored_after{50};

struct unstored_fixture : run_fixture {
  std::vector<write_batch> writes; // in the order the writer got them
  std::optional<error> disk_fault;

  unstored_fixture() {
    disk.refuse = [this](const write_batch& what) {
      writes.push_back(what);
      return disk_fault;
    };
  }

  // What POST /runs/wait starts.
  start_run stateless(const std::string& graph_id, json::object kwargs = {}) const {
    kwargs["input"] = json::object{};
    kwargs["temporary"] = true;
    auto m = order(uuid7(), graph_id, std::move(kwargs));
    m.stateless = m.client_stays = m.answered_at_end = true;
    m.plan->temporary = m.plan->drop_thread = true;
    return m;
  }
  run_ref begin(const std::string& graph_id, json::object kwargs = {}) {
    return start(stateless(graph_id, std::move(kwargs))).value();
  }
  bool there(const run_ref& run) {
    return stored(kind::thread, run.plan->thread_id) || !run_status(run).empty();
  }
};

// Asks nothing of anybody, for as long as the test likes.
auto sleeper() {
  return [](state_view, context ctx) -> coroutine<node_result> {
    co_await ctx.sleep(1s);
    co_return flow::update{{"foo", json::array{"woke"}}};
  };
}

} // namespace

TEST_CASE_METHOD(unstored_fixture, "a run that is over at once leaves nothing and writes nothing",
                 "[runs]") {
  serve(runs::pair());
  open();
  auto run = begin("pair");
  CHECK(*ended(run).body == js(R"({"foo":["a","b"]})"));
  pass(stored_after);
  pass(stored_after);
  CHECK(writes.empty());
  CHECK_FALSE(there(run));
}

TEST_CASE_METHOD(unstored_fixture, "a run whose client hears of it before its end is stored first",
                 "[runs]") {
  serve(runs::pair());
  open();
  auto m = stateless("pair");
  m.answered_at_end = false;
  auto kept = stateless("pair");
  kept.plan->drop_thread = kept.plan->temporary = false;
  auto streamed = ask_later<run_ref>(scheduler, std::move(m));
  auto lasting = ask_later<run_ref>(scheduler, std::move(kept));
  for (const auto& answer : {streamed(), lasting()}) {
    REQUIRE(answer);
    own(answer->value().run);
    CHECK(ended(answer->value()).status == "success");
  }
  CHECK(writes.size() >= 4); // both creations, both ends
}

TEST_CASE_METHOD(unstored_fixture, "a run does nothing to others before it is stored", "[runs]") {
  serve(runs::call());
  open();
  disk.hold = true;
  auto run = begin("call");
  CHECK(outside.calls.empty());
  REQUIRE(writes.size() == 1);
  CHECK_FALSE(over(run));
  outside.hold = true;
  let_disk_go();
  REQUIRE(outside.calls.size() == 1); // a crash now finds it executing
  CHECK(run_status(run) == "running");
  CHECK(thread_status(run.plan->thread_id) == "busy");
  let_outside_go();
  CHECK(ended(run).status == "success");
  CHECK_FALSE(there(run));
}

TEST_CASE_METHOD(unstored_fixture, "a node that uses the store waits until its run is stored",
                 "[runs]") {
  serve(runs::one([](state_view, context ctx) -> coroutine<node_result> {
    auto put = co_await ctx.store().put({"notes"}, "k", {{"a", 1}});
    co_return put ? node_result{flow::update{}} : node_result{put.error()};
  }));
  open();
  auto run = begin("one");
  CHECK(ended(run).status == "success");
  REQUIRE(writes.size() == 3); // the run, the item, the end
  CHECK(writes[0].puts.back().row.id == run.plan->run_id);
  CHECK(writes[1].puts.back().row.type == kind::item);
}

TEST_CASE_METHOD(unstored_fixture, "a node that may block begins when its run is stored",
                 "[runs]") {
  auto begun = std::make_shared<int>(0);
  node_options blocking;
  blocking.blocking = true;
  serve(runs::one(
    [begun](const state_view&, context&) -> node_result {
      ++*begun;
      return flow::update{};
    },
    blocking));
  open();
  disk.hold = true;
  auto run = begin("one");
  CHECK(*begun == 0);
  let_disk_go();
  CHECK(*begun == 1);
  CHECK(ended(run).status == "success");
}

TEST_CASE_METHOD(unstored_fixture, "a run that takes longer is stored while it executes",
                 "[runs]") {
  serve(runs::one(sleeper()));
  open();
  auto run = begin("one");
  pass(30ms);
  auto younger = begin("one");
  CHECK(writes.empty());
  pass(21ms);
  CHECK(run_status(run) == "running");
  CHECK(run_status(younger).empty());
  pass(stored_after);
  CHECK(run_status(younger) == "running");
  pass(std::chrono::seconds{1});
  CHECK(ended(run).status == "success");
  CHECK(ended(younger).status == "success");
  CHECK_FALSE(there(run));
  CHECK_FALSE(there(younger));
}

TEST_CASE_METHOD(unstored_fixture, "a run that cannot be stored does nothing and is refused",
                 "[runs]") {
  serve(runs::call());
  open();
  disk_fault = disk_full("there is no room");
  auto run = begin("call");
  auto answer = result_of(run)();
  REQUIRE(answer);
  REQUIRE(answer->has_error());
  CHECK(answer->error().code == errc::overloaded);
  CHECK(answer->error().headers.front().first == "Retry-After");
  CHECK(outside.calls.empty());
  disk_fault.reset();
  pass(std::chrono::seconds{1});
  CHECK_FALSE(there(run));
  CHECK(ended(begin("call")).status == "success"); // its slot is free
}

TEST_CASE_METHOD(unstored_fixture, "the end of a run follows it to the disk", "[runs]") {
  serve(runs::one(sleeper()));
  open();
  disk.hold = true;
  auto run = begin("one");
  pass(stored_after);
  pass(std::chrono::seconds{1});
  CHECK(writes.size() == 2); // the run, which is on its way, then its end
  CHECK_FALSE(over(run));
  let_disk_go();
  CHECK(ended(run).status == "success");
  CHECK_FALSE(there(run));
}

TEST_CASE_METHOD(unstored_fixture, "an end needs no disk when the run was not stored", "[runs]") {
  serve(runs::one(sleeper()));
  open();
  disk.hold = true;
  auto run = begin("one");
  pass(stored_after);
  disk_fault = disk_full("there is no room");
  pass(std::chrono::seconds{1});
  CHECK_FALSE(over(run)); // its end was refused, its beginning may be stored yet
  let_disk_go();
  pass(std::chrono::seconds{1});
  disk_fault.reset();
  pass(std::chrono::seconds{1});
  CHECK(ended(run).status == "success");
  CHECK_FALSE(there(run));
}

TEST_CASE_METHOD(unstored_fixture, "a stop of the server keeps a run that was not stored",
                 "[runs]") {
  serve(runs::one(sleeper()));
  open();
  auto run = begin("one");
  CHECK(writes.empty());
  REQUIRE(ask<runs_stopped>(scheduler, stop_runs{"", "", {}, stop_reason::suspended}));
  CHECK(run_status(run) == "pending");
  CHECK(stored(kind::run, run.plan->run_id)->doc.at("attempt") == 2);
}

TEST_CASE_METHOD(unstored_fixture, "a stop that finds no room for a run refuses it", "[runs]") {
  serve(runs::one(sleeper()));
  open();
  auto run = begin("one");
  auto answer = result_of(run);
  CHECK_FALSE(answer());
  disk_fault = disk_full("there is no room");
  REQUIRE(ask<runs_stopped>(scheduler, stop_runs{"", "", {}, stop_reason::suspended}));
  REQUIRE(answer());
  CHECK(answer()->error().code == errc::overloaded);
}

TEST_CASE_METHOD(unstored_fixture, "a run that is stopped early leaves nothing", "[runs]") {
  serve(runs::one(sleeper()));
  open();
  auto run = begin("one");
  CHECK(cancel(run).status == "interrupted");
  pass(stored_after);
  CHECK(writes.empty());
  CHECK_FALSE(there(run));
}

TEST_CASE_METHOD(unstored_fixture, "a run with a webhook is stored before it begins", "[runs]") {
  serve(runs::pair());
  open();
  disk.hold = true;
  auto run = ask_later<run_ref>(scheduler, stateless("pair", {{"webhook", "https://hook.test/"}}));
  CHECK_FALSE(run());
  let_disk_go();
  REQUIRE(run());
  CHECK(ended(run()->value()).status == "success");
  CHECK(writes.at(1).puts.at(0).row.type == kind::webhook_call);
}

TEST_CASE_METHOD(unstored_fixture, "beside a suspect every run is stored before it begins",
                 "[runs]") {
  serve(runs::call());
  serve(runs::pair());
  open();
  outside.hold = true;
  auto before = start(uuid7(), "call", {{"input", json::object{}}});
  REQUIRE(ask<runs_stopped>(scheduler, stop_runs{"", "", {}, stop_reason::suspended}));
  auto plan = runs::plan_from(*stored(kind::run, before.plan->run_id)).value();
  plan.suspect = true;
  open({{std::make_shared<const runs::run_plan>(std::move(plan))}, {}}); // it executes, and stays
  writes.clear();
  auto run = begin("pair");
  CHECK(ended(run).status == "success");
  CHECK(writes.size() == 2);
  let_outside_go();
  CHECK(run_status(before) == "success");
  writes.clear();
  CHECK(ended(begin("pair")).status == "success");
  CHECK(writes.empty());
}

} // namespace behalf
