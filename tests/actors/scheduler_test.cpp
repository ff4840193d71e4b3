// Which runs start, which wait, which are refused, and what becomes of them.
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

namespace behalf {
namespace {

using std::chrono::milliseconds;
const json::object nothing{{"input", json::object{}}};

struct scheduler_fixture : run_fixture {
  std::string thread = uuid7(), other = uuid7();

  scheduler_fixture() {
    serve(runs::call());
    outside.hold = true; // runs stay under way until the test says otherwise
  }

  run_ref start_on(const std::string& where) { return start(where, "call", nothing); }
  result<run_ref> start_as(const std::string& strategy) {
    auto m = order(thread, "call", nothing);
    m.plan->multitask_strategy = strategy;
    return start(std::move(m));
  }
  /// Asks and does not wait: a run may have to end first.
  pending_answer<run_ref> start_later(const std::string& strategy) {
    auto m = order(thread, "call", nothing);
    m.plan->multitask_strategy = strategy;
    return ask_later<run_ref>(scheduler, std::move(m));
  }
  bool executing(const run_ref& run) {
    return std::any_of(outside.calls.begin(), outside.calls.end(),
                       [&](const outbound_call& c) { return c.url.ends_with(run.plan->run_id); });
  }
  result<run_ref> find(const run_ref& run, std::string tenant = "acme") {
    return ask<run_ref>(scheduler, find_run{std::move(tenant), run.plan->run_id});
  }
  int64_t stop(stop_runs how) {
    how.tenant = "acme";
    return ask<runs_stopped>(scheduler, std::move(how)).value().count;
  }
};

} // namespace

TEST_CASE_METHOD(scheduler_fixture, "a run is durable before its reference is given", "[runs]") {
  open();
  disk.hold = true;
  auto answer = start_later("enqueue");
  CHECK_FALSE(answer());
  CHECK(outside.calls.empty());
  let_disk_go();
  REQUIRE(answer());
  auto run = answer()->value();
  own(run.run);
  CHECK(run_status(run) == "running");
  CHECK(thread_status(thread) == "busy");
  CHECK(executing(run));
}

TEST_CASE_METHOD(scheduler_fixture, "a run that cannot be stored is refused and takes no slot",
                 "[runs]") {
  with->options.runs.slots = 1;
  open();
  disk.refuse = [](const commit&) { return fail(errc::internal, "disk full"); };
  CHECK(start(order(thread, "call", nothing)).error().message == "disk full");
  disk.refuse = nullptr;
  CHECK_FALSE(stored(kind::thread, thread));
  CHECK(executing(start_on(other)));
}

TEST_CASE_METHOD(scheduler_fixture, "a thread's next run starts when the one before has ended",
                 "[runs]") {
  open();
  auto first = start_on(thread), second = start_on(thread);
  CHECK(executing(first));
  CHECK_FALSE(executing(second));
  CHECK(run_status(second) == "pending");
  let_outside_go();
  CHECK(ended(first).status == "success");
  CHECK(executing(second));
  CHECK(ended(second).status == "success");
  CHECK(thread_status(thread) == "idle");
}

TEST_CASE_METHOD(scheduler_fixture, "a thread stays busy while runs wait on it", "[runs]") {
  open();
  auto first = start_on(thread), second = start_on(thread);
  cancel(first);
  CHECK(thread_status(thread) == "busy");
  CHECK(executing(second));
  cancel(second);
  CHECK(thread_status(thread) == "interrupted");
}

TEST_CASE_METHOD(scheduler_fixture, "reject refuses a second run and leaves the first alone",
                 "[runs]") {
  open();
  auto first = start_as("reject").value();
  CHECK(start_as("reject").error().code == errc::conflict);
  CHECK(executing(first));
  let_outside_go();
  CHECK(ended(first).status == "success");
  CHECK(start_as("reject")); // free again
}

TEST_CASE_METHOD(scheduler_fixture, "interrupt ends what runs and what waits, then runs",
                 "[runs]") {
  open();
  auto first = start_on(thread), second = start_on(thread);
  auto third = start_as("interrupt").value();
  CHECK(ended(first).status == "interrupted");
  CHECK(ended(second).status == "interrupted");
  CHECK(run_status(first) == "interrupted");
  CHECK_FALSE(executing(second));
  CHECK(executing(third));
  let_outside_go();
  CHECK(*ended(third).body == js(R"({"foo":["a","a"],"got":"hello"})")); // on the first one's steps
}

TEST_CASE_METHOD(scheduler_fixture, "rollback forgets what runs, then runs from before it",
                 "[runs]") {
  open();
  auto first = start_on(thread);
  auto second = start_as("rollback").value();
  CHECK(run_status(first).empty());
  let_outside_go();
  CHECK(*ended(second).body == js(R"({"foo":["a"],"got":"hello"})"));
}

TEST_CASE_METHOD(scheduler_fixture, "as many threads run at once as there are slots", "[runs]") {
  with->options.runs.slots = 2;
  open();
  auto a = start_on(uuid7()), b = start_on(uuid7()), c = start_on(uuid7());
  CHECK(executing(a));
  CHECK(executing(b));
  CHECK_FALSE(executing(c));
  CHECK(run_status(c) == "pending");
  cancel(a);
  CHECK(executing(c));
  CHECK(run_status(c) == "running");
}

TEST_CASE_METHOD(scheduler_fixture, "more runs than the server can hold are refused", "[runs]") {
  with->options.runs.slots = 1;
  with->options.runs.capacity = 2;
  open();
  auto first = start_on(thread);
  start_on(other);
  auto refused = start(order(uuid7(), "call", nothing));
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == errc::overloaded);
  CHECK(refused.error().headers.front().first == "Retry-After");
  cancel(first);
  CHECK(start(order(uuid7(), "call", nothing)));
}

TEST_CASE_METHOD(scheduler_fixture, "a user's limit on runs counts those under way", "[runs]") {
  with->options.limits.user.concurrent_runs = 1;
  open();
  auto first = start_on(thread);
  CHECK(start(order(other, "call", nothing)).error().code == errc::too_many);
  cancel(first);
  CHECK(start(order(other, "call", nothing)));
}

TEST_CASE_METHOD(scheduler_fixture, "a live run is found by its tenant alone", "[runs]") {
  open();
  auto run = start_on(thread);
  REQUIRE(find(run));
  CHECK(find(run)->plan->run_id == run.plan->run_id);
  CHECK(find(run, "globex").error().code == errc::not_found);
  cancel(run);
  CHECK(find(run).error().code == errc::not_found);
}

TEST_CASE_METHOD(scheduler_fixture, "a resumable run is found after its end, for a while",
                 "[runs]") {
  with->options.runs.resumable_ttl = milliseconds{-1}; // until the next look
  open();
  auto run = start(thread, "call", {{"input", json::object{}}, {"resumable", true}});
  let_outside_go();
  REQUIRE(find(run));
  CHECK(events(*find(run)).last);
  CHECK(ended(*find(run)).status == "success");
  pass(milliseconds{500});
  CHECK(find(run).error().code == errc::not_found);
}

TEST_CASE_METHOD(scheduler_fixture, "a thread that is missing or hidden takes no run", "[runs]") {
  open();
  auto missing = order(thread, "call", nothing);
  missing.create_thread = false;
  CHECK(start(std::move(missing)).error().code == errc::not_found);
  cancel(start_on(thread));
  auto hidden = order(thread, "call", nothing);
  hidden.visible = filter::parse(json::object{{"owner", "bob"}}).value();
  CHECK(start(std::move(hidden)).error().code == errc::not_found);
}

TEST_CASE_METHOD(scheduler_fixture, "a run that is not due yet waits and holds up nobody",
                 "[runs]") {
  open();
  auto m = order(thread, "call", nothing);
  m.plan->created_at = now() + std::chrono::hours{1};
  auto later = start(std::move(m)).value();
  auto at_once = start_on(thread);
  pass(milliseconds{500});
  CHECK_FALSE(executing(later));
  CHECK(executing(at_once));
}

TEST_CASE_METHOD(scheduler_fixture, "stopping names runs or means all of a thread", "[runs]") {
  open();
  auto first = start_on(thread), second = start_on(thread), elsewhere = start_on(other);
  CHECK(stop({"", thread, {second.plan->run_id}}) == 1);
  CHECK(ended(second).status == "interrupted");
  CHECK_FALSE(over(first));
  CHECK(stop({"", thread, {uuid7()}}) == 0);
  CHECK(stop({"", thread, {}}) == 1);
  CHECK(ended(first).status == "interrupted");
  CHECK_FALSE(over(elsewhere));
}

TEST_CASE_METHOD(scheduler_fixture, "another tenant's runs cannot be stopped", "[runs]") {
  open();
  auto run = start_on(thread);
  stop_runs theirs;
  theirs.tenant = "globex";
  theirs.thread_id = thread;
  CHECK(ask<runs_stopped>(scheduler, theirs).value().count == 0);
  CHECK_FALSE(over(run));
}

TEST_CASE_METHOD(scheduler_fixture, "parked runs are stored to go on, and nothing starts any more",
                 "[runs]") {
  open();
  auto running = start_on(thread), waiting = start_on(thread);
  stop_runs all;
  all.park = true;
  CHECK(stop(all) == 2);
  CHECK(run_status(running) == "pending");
  CHECK(run_status(waiting) == "pending");
  auto row = stored(kind::run, running.plan->run_id);
  CHECK(row->doc.at("attempt") == 2);
  CHECK_FALSE(executing(waiting));
}

TEST_CASE_METHOD(scheduler_fixture, "what a restart finds unfinished goes on where it was",
                 "[runs]") {
  open();
  auto before = start_on(thread);
  stop_runs all;
  all.park = true;
  stop(all);
  auto kept = checkpoints(thread).size();
  outside.calls.clear();
  let_outside_go();
  auto plan = plan_from(*stored(kind::run, before.plan->run_id)).value();
  open({std::make_shared<const run_plan>(plan)});
  CHECK(outside.calls.size() == 1); // `a` is not done again
  CHECK(run_status(before) == "success");
  CHECK(checkpoints(thread).size() == kept + 1);
  CHECK(stored(kind::thread, thread)->doc.at("values") == js(R"({"foo":["a"],"got":"hello"})"));
}

TEST_CASE_METHOD(scheduler_fixture, "a run that crashed the server too often is given up",
                 "[runs]") {
  open();
  auto before = start_on(thread);
  stop_runs all;
  all.park = true;
  stop(all);
  outside.calls.clear();
  auto plan = plan_from(*stored(kind::run, before.plan->run_id)).value();
  plan.given_up = "the run was interrupted by crashes too often";
  open({std::make_shared<const run_plan>(plan)});
  CHECK(run_status(before) == "error");
  CHECK(outside.calls.empty());
}

TEST_CASE_METHOD(scheduler_fixture, "a supervisor with a bug fails its run and frees its slot",
                 "[runs]") {
  with->options.runs.slots = 1;
  node_options fatal;
  fatal.retry.max_attempts = 2;
  fatal.retry.retry_on = [](const error&) -> bool { throw std::logic_error("a bug"); };
  serve(runs::one([](const state_view&, context&) -> node_result { return error{}; }, fatal));
  open();
  auto broken = start(thread, "one", nothing);
  CHECK(find(broken).error().code == errc::not_found);
  CHECK(run_status(broken) == "error");
  CHECK(stored(kind::thread, thread)->status == "error");
  CHECK(executing(start_on(thread)));
}

} // namespace behalf
