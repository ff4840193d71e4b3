// Calls to webhooks, from the end of a run to the answer.
#include "secrets/webhook_secrets.hpp"
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

#include <algorithm>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const std::string thread = uuid7();

struct webhook_fixture : run_fixture {
  webhook_caller_actor caller;
  std::vector<int> statuses; // of the next calls; then 200

  webhook_fixture() {
    serve(runs::pair());
    outside.answer = [this](const outbound_call& call) -> result<outbound_reply> {
      outbound_reply reply;
      reply.status = 200;
      if (is_hook(call) && !statuses.empty()) {
        reply.status = static_cast<unsigned>(statuses.front());
        statuses.erase(statuses.begin());
        if (reply.status == 0)
          return fail(errc::upstream, "example.com does not answer");
      }
      return reply;
    };
  }

  static bool is_hook(const outbound_call& call) { return call.method == "POST"; }

  void begin() {
    webhook_secrets secrets;
    secrets.keys.push_back(webhook_key(secret{"a key of twenty-four bytes"}).value());
    caller = own(runs::spawn_webhook_caller(sys, app, door, std::move(secrets)));
    app->webhooks = caller;
    open();
  }
  run_ref run_with_hook() {
    return start(thread, "pair",
                 {{"input", json::object{}}, {"webhook", "https://hooks.example.com/x"}});
  }
  std::vector<outbound_call> hooks() const {
    std::vector<outbound_call> all;
    std::copy_if(outside.calls.begin(), outside.calls.end(), std::back_inserter(all), is_hook);
    return all;
  }
  bool is_stored(const run_ref& run) {
    return stored(kind::webhook_call, run.plan->run_id) != nullptr;
  }
};

} // namespace

TEST_CASE_METHOD(webhook_fixture,
                 "a call is made when its run's end is durable, and then forgotten", "[webhooks]") {
  begin();
  int together = 0;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    const auto has = [&](kind type) {
      return std::any_of(what.puts.begin(), what.puts.end(),
                         [&](const auto& one) { return one.row.type == type; });
    };
    together += has(kind::webhook_call) && has(kind::run);
    CHECK((!has(kind::webhook_call) || has(kind::run)));
    return std::nullopt;
  };
  auto run = run_with_hook();
  CHECK(ended(run).status == "success");
  CHECK(together == 1);
  REQUIRE(hooks().size() == 1);
  auto call = hooks().front();
  CHECK(call.url == "https://hooks.example.com/x");
  CHECK(*find_header(call.headers, "webhook-id") == run.plan->run_id);
  CHECK(find_header(call.headers, "webhook-signature")->starts_with("v1,"));
  auto body = parse_json(call.body).value();
  CHECK(body.at("status") == json::value("success"));
  CHECK(body.at("run_id") == json::value(run.plan->run_id));
  CHECK_FALSE(is_stored(run));
}

TEST_CASE_METHOD(webhook_fixture, "a run without a webhook wakes nobody", "[webhooks]") {
  int woken = 0;
  app->webhooks = own(sys.spawn([&woken]() -> webhook_caller_actor::behavior_type {
    return {[&woken](webhook_due&) { ++woken; }, [](const wake_up&) {}};
  }));
  open();
  auto silent = start(thread, "pair", {{"input", json::object{}}, {"webhook", nullptr}});
  CHECK(ended(silent).status == "success");
  CHECK(woken == 0);
  CHECK(ended(run_with_hook()).status == "success");
  CHECK(woken == 1);
}

TEST_CASE_METHOD(webhook_fixture, "an end that is not durable calls nobody", "[webhooks]") {
  begin();
  disk.refuse = [](const write_batch& what) -> std::optional<error> {
    for (const auto& one : what.puts)
      if (one.row.type == kind::webhook_call)
        return fail(errc::internal, "the disk is full");
    return std::nullopt;
  };
  auto run = run_with_hook();
  CHECK_FALSE(over(run));
  CHECK(hooks().empty());
  disk.refuse = nullptr;
  pass(10s);
  CHECK(over(run));
  CHECK(hooks().size() == 1);
}

TEST_CASE_METHOD(webhook_fixture, "a call that fails is made again, later each time",
                 "[webhooks]") {
  statuses = {500, 0, 302};
  begin();
  auto run = run_with_hook();
  CHECK(hooks().size() == 1);
  pass(4s);
  CHECK(hooks().size() == 1);
  pass(3s);
  CHECK(hooks().size() == 2);
  pass(10s);
  CHECK(hooks().size() == 2);
  pass(10s);
  CHECK(hooks().size() == 3);
  CHECK(is_stored(run));
  pass(60s);
  CHECK(hooks().size() == 4);
  CHECK_FALSE(is_stored(run));
  pass(4h);
  CHECK(hooks().size() == 4);
}

TEST_CASE_METHOD(webhook_fixture, "a call is given up in the end, or when its owner says so",
                 "[webhooks]") {
  options->webhooks.max_tries = 2;
  statuses = {500, 500, 410};
  begin();
  auto run = run_with_hook();
  pass(10s);
  CHECK(hooks().size() == 2);
  CHECK_FALSE(is_stored(run));
  auto other = run_with_hook();
  CHECK(hooks().size() == 3);
  CHECK_FALSE(is_stored(other));
  CHECK(app->meters.prometheus().find("behalf_webhooks_given_up_total 2") != std::string::npos);
}

TEST_CASE_METHOD(webhook_fixture, "what was not called before a restart is called after it",
                 "[webhooks]") {
  open(); // without a caller: the process ends before it calls
  auto run = run_with_hook();
  CHECK(ended(run).status == "success");
  CHECK(hooks().empty());
  CHECK(is_stored(run));
  caller = own(runs::spawn_webhook_caller(sys, app, door, {}));
  sched.run();
  REQUIRE(hooks().size() == 1);
  CHECK(find_header(hooks().front().headers, "webhook-signature") == nullptr);
  CHECK_FALSE(is_stored(run));
}

TEST_CASE_METHOD(webhook_fixture, "a stored call is not made once its rules forbid it",
                 "[webhooks]") {
  open();
  auto run = run_with_hook();
  options->webhooks.allowed_domains = {"other.example.com"};
  caller = own(runs::spawn_webhook_caller(sys, app, door, {}));
  sched.run();
  CHECK(hooks().empty());
  CHECK_FALSE(is_stored(run));
}

TEST_CASE_METHOD(webhook_fixture, "a call that was taken is not made again for want of room",
                 "[webhooks]") {
  begin();
  disk.refuse = [](const write_batch& what) -> std::optional<error> {
    for (const auto& one : what.erases)
      if (one.which.type == kind::webhook_call)
        return fail(errc::overloaded, "the disk is full");
    return std::nullopt;
  };
  auto run = run_with_hook();
  CHECK(hooks().size() == 1);
  pass(60s);
  CHECK(is_stored(run));
  CHECK(app->meters.prometheus().find("behalf_webhooks_waiting 1") != std::string::npos);
  disk.refuse = nullptr;
  pass(10s);
  CHECK_FALSE(is_stored(run));
  CHECK(hooks().size() == 1);
  CHECK(app->meters.prometheus().find("behalf_webhooks_waiting 0") != std::string::npos);
}

TEST_CASE_METHOD(webhook_fixture, "a call is made late when the storage cannot be read for a while",
                 "[webhooks]") {
  open();
  auto run = run_with_hook();
  auto readable = std::exchange(app->readers, {own(sys.spawn([]() {
                                  return database_reader_actor::behavior_type{
                                    [](const read_storage&) -> caf::result<read_done> {
                                      return to_caf(fail(errc::overloaded, "too many reads"));
                                    }};
                                }))});
  caller = own(runs::spawn_webhook_caller(sys, app, door, {}));
  pass(10s);
  CHECK(hooks().empty());
  app->readers = readable;
  pass(10s);
  CHECK(hooks().size() == 1);
  CHECK_FALSE(is_stored(run));
}
