// What cuts a run short or makes it wait: cancelling, retries, time limits.
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

namespace behalf {
namespace {

using std::chrono::milliseconds;
const json::object nothing{{"input", json::object{}}, {"stream_mode", "updates"}};

struct limits_fixture : run_fixture {
  std::string thread = uuid7();

  run_ref run_of(std::shared_ptr<const graph> flow) {
    auto name = flow->name();
    serve(std::move(flow));
    open();
    return start(thread, name, nothing);
  }
};

// Fails so often, then says "done".
struct flaky {
  error why;
  int failures;
  std::shared_ptr<int> tries = std::make_shared<int>(0);

  node_result operator()(const state_view&, context&) const {
    if (++*tries <= failures)
      return why;
    return flow::update{{"got", "done"}};
  }
};

node_options with_retries(int attempts) {
  node_options o;
  o.retry.max_attempts = attempts;
  o.retry.initial = milliseconds{500};
  return o;
}

} // namespace

TEST_CASE_METHOD(limits_fixture, "cancelling stops the node and keeps the steps before it",
                 "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  REQUIRE(outside.calls.size() == 1);
  CHECK(cancel(run).status == "interrupted");
  CHECK(outside.cancelled == 1);
  CHECK(run_status(run) == "interrupted");
  CHECK(thread_status(thread) == "interrupted");
  CHECK(stored(kind::thread, thread)->doc.at("values") == js(R"({"foo":["a"]})"));
  CHECK(events(run).last);

  auto kept = checkpoints(thread).size();
  let_outside_go(); // the answer comes too late
  CHECK(checkpoints(thread).size() == kept);
  CHECK(run_status(run) == "interrupted");
}

TEST_CASE_METHOD(limits_fixture, "what a cancelled run left can be gone on with", "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  cancel(run);
  let_outside_go();
  auto next = start(thread, "call", {{"input", nullptr}});
  CHECK(*ended(next).body == js(R"({"foo":["a"],"got":"hello"})"));
}

TEST_CASE_METHOD(limits_fixture, "a run that is over cannot be cancelled any more", "[runs]") {
  auto run = run_of(runs::call());
  CHECK(ended(run).status == "success");
  CHECK(cancel(run).status == "success");
  CHECK(run_status(run) == "success");
  CHECK(outside.cancelled == 0);
}

TEST_CASE_METHOD(limits_fixture, "two who cancel get the same answer", "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  disk.hold = true;
  auto one = ask_later<run_result>(run.run, stop_run{});
  auto two = ask_later<run_result>(run.run, stop_run{});
  CHECK_FALSE(one());
  CHECK_FALSE(two());
  let_disk_go();
  REQUIRE(one());
  REQUIRE(two());
  CHECK(one()->value().status == "interrupted");
  CHECK(two()->value().body == one()->value().body);
}

TEST_CASE_METHOD(limits_fixture, "a passing failure is tried again after a pause", "[runs]") {
  flaky node{fail(errc::upstream, "bad gateway"), 2};
  auto run = run_of(runs::one(node, with_retries(3)));
  CHECK(*node.tries == 1);
  CHECK_FALSE(over(run));
  pass(milliseconds{499});
  CHECK(*node.tries == 1);
  pass(milliseconds{1});
  CHECK(*node.tries == 2);
  pass(milliseconds{1000});
  CHECK(*node.tries == 3);
  CHECK(*ended(run).body == js(R"({"foo":[],"got":"done"})"));
}

TEST_CASE_METHOD(limits_fixture, "retries end with the last failure", "[runs]") {
  flaky node{fail(errc::upstream, "bad gateway"), 9};
  auto run = run_of(runs::one(node, with_retries(2)));
  pass(milliseconds{500});
  CHECK(*node.tries == 2);
  CHECK(ended(run).body->at("__error__").at("message") == "bad gateway");
}

TEST_CASE_METHOD(limits_fixture, "a failure that will not pass is not tried again", "[runs]") {
  flaky node{fail(errc::denied, "you may not"), 9};
  auto run = run_of(runs::one(node, with_retries(3)));
  CHECK(ended(run).status == "error");
  pass(milliseconds{60'000});
  CHECK(*node.tries == 1);
}

TEST_CASE_METHOD(limits_fixture, "a run cancelled between two tries does not try again", "[runs]") {
  flaky node{fail(errc::upstream, "bad gateway"), 1};
  auto run = run_of(runs::one(node, with_retries(3)));
  CHECK(cancel(run).status == "interrupted");
  pass(milliseconds{60'000});
  CHECK(*node.tries == 1);
}

TEST_CASE_METHOD(limits_fixture, "a node longer than its limit is stopped", "[runs]") {
  outside.hold = true;
  node_options limited;
  limited.timeout = milliseconds{200};
  auto run = run_of(runs::call(limited));
  pass(milliseconds{199});
  CHECK_FALSE(over(run));
  pass(milliseconds{1});
  CHECK(ended(run).body->at("__error__").at("error") == "NodeTimeoutError");
}

TEST_CASE_METHOD(limits_fixture, "the call of a node out of time is cut before it is tried again",
                 "[runs]") {
  outside.hold = true;
  auto limited = with_retries(2);
  limited.timeout = milliseconds{200};
  auto run = run_of(runs::call(limited));
  pass(milliseconds{200});
  CHECK(outside.cancelled == 1);
  CHECK_FALSE(over(run));
  pass(milliseconds{500});
  REQUIRE(outside.calls.size() == 2);
  let_outside_go();
  CHECK(*ended(run).body == js(R"({"foo":["a"],"got":"hello"})"));
  CHECK(outside.cancelled == 1);
}

TEST_CASE_METHOD(limits_fixture, "a node within its limit is left alone", "[runs]") {
  node_options limited;
  limited.timeout = milliseconds{200};
  auto run = run_of(runs::call(limited));
  pass(milliseconds{400});
  CHECK(ended(run).status == "success");
}

TEST_CASE_METHOD(limits_fixture, "a run longer than the server allows ends as timeout", "[runs]") {
  options->runs.timeout = milliseconds{-1}; // at the next look
  outside.hold = true;
  auto run = run_of(runs::call());
  CHECK_FALSE(over(run));
  pass(milliseconds{500});
  CHECK(ended(run).status == "timeout");
  CHECK(run_status(run) == "timeout");
  CHECK(thread_status(thread) == "error");
}

} // namespace behalf
