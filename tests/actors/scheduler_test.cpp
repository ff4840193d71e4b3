// Which runs start, which wait, which are refused, and what becomes of them.
#include "runtime/base/log.hpp"
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

#include <fstream>
#include <iterator>

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
  run_ref own_run(run_ref run) {
    own(run.run);
    return run;
  }
  pending_answer<runs_stopped> erase(const std::string& which, filter auth_filter = {}) {
    stop_runs how;
    how.tenant = "acme";
    how.thread_id = which;
    how.why = stop_reason::erased;
    how.auth_filter = std::move(auth_filter);
    how.who = alice->key();
    return ask_later<runs_stopped>(scheduler, std::move(how));
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
  options->runs.slots = 1;
  open();
  disk.refuse = [](const write_batch&) { return fail(errc::internal, "disk full"); };
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
  options->runs.slots = 2;
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
  options->runs.slots = 1;
  options->runs.capacity = 2;
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

TEST_CASE_METHOD(scheduler_fixture, "runs that are being stored have their place already",
                 "[runs]") {
  options->runs.capacity = 2;
  open();
  disk.hold = true;
  auto first = ask_later<run_ref>(scheduler, order(thread, "call", nothing));
  auto second = ask_later<run_ref>(scheduler, order(other, "call", nothing));
  CHECK(start(order(uuid7(), "call", nothing)).error().code == errc::overloaded);
  let_disk_go();
  for (const auto& answer : {first(), second()}) {
    REQUIRE(answer);
    own(answer->value().run);
    cancel(answer->value());
  }
  for (int i = 0; i < 2; ++i)
    CHECK(start(order(uuid7(), "call", nothing)));
}

TEST_CASE_METHOD(scheduler_fixture, "a user's limit on runs counts those under way", "[runs]") {
  options->limits.user.concurrent_runs = 1;
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
  options->runs.resumable_ttl = milliseconds{-1}; // until the next look
  open();
  auto run = start(thread, "call", {{"input", json::object{}}, {"resumable", true}});
  let_outside_go();
  REQUIRE(find(run));
  CHECK(events(*find(run)).last);
  CHECK(ended(*find(run)).status == "success");
  pass(milliseconds{500});
  CHECK(find(run).error().code == errc::not_found);
}

TEST_CASE_METHOD(scheduler_fixture, "time wakes a scheduler that has runs, and no other",
                 "[runs]") {
  options->runs.resumable_ttl = milliseconds{-1}; // until the next look
  open();
  CHECK_FALSE(sched.clock().has_pending_timeout());
  for (int again = 0; again < 2; ++again) {
    start(thread, "call", {{"input", json::object{}}, {"resumable", true}});
    pass(milliseconds{500});
    CHECK(sched.clock().has_pending_timeout());
    let_outside_go();
    pass(milliseconds{500});
    CHECK_FALSE(sched.clock().has_pending_timeout());
    outside.hold = true;
  }
}

TEST_CASE_METHOD(scheduler_fixture, "a thread that is missing or hidden takes no run", "[runs]") {
  open();
  auto missing = order(thread, "call", nothing);
  missing.create_thread = false;
  CHECK(start(std::move(missing)).error().code == errc::not_found);
  cancel(start_on(thread));
  auto hidden = order(thread, "call", nothing);
  hidden.auth_filter = filter::parse(json::object{{"owner", "bob"}}).value();
  CHECK(start(std::move(hidden)).error().code == errc::not_found);
}

TEST_CASE_METHOD(scheduler_fixture, "a run that is not due yet waits and holds up nobody",
                 "[runs]") {
  open();
  auto m = order(thread, "call", nothing);
  m.plan->created_at = now() + std::chrono::hours{1};
  m.plan->delayed = m.client_stays = true;
  auto later = start(std::move(m)).value();
  auto at_once = start_on(thread);
  pass(milliseconds{500});
  CHECK_FALSE(executing(later));
  CHECK(executing(at_once));
  CHECK_FALSE(later.plan->new_thread); // it goes on from what the other one leaves
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

TEST_CASE_METHOD(scheduler_fixture, "stopping may mean those that wait, or those that execute",
                 "[runs]") {
  open();
  auto first = start_on(thread), second = start_on(thread);
  stop_runs how{"", thread, {}};
  how.which = stop_runs::state::pending;
  CHECK(stop(how) == 1);
  CHECK_FALSE(over(first));
  CHECK(ended(second).status == "interrupted");
  CHECK(stop(how) == 0);
  how.which = stop_runs::state::running;
  CHECK(stop(how) == 1);
  CHECK(ended(first).status == "interrupted");
}

TEST_CASE_METHOD(scheduler_fixture, "stopping means the runs of many threads in one go", "[runs]") {
  open();
  auto first = start_on(thread), second = start_on(thread), elsewhere = start_on(other);
  stop_runs how;
  how.threads = {thread, "no-thread", other};
  how.which = stop_runs::state::running;
  CHECK(stop(how) == 2);
  CHECK(over(first));
  CHECK(over(elsewhere));
  CHECK_FALSE(over(second)); // it waited
  how.which = stop_runs::state::any;
  CHECK(stop(how) == 1);
  CHECK(over(second));
}

TEST_CASE_METHOD(scheduler_fixture, "stopping without a thread means one's own on threads one sees",
                 "[runs]") {
  open();
  auto mine = start_on(thread), another = start_on(other);
  auto m = order(thread, "call", nothing);
  m.plan->who = user("bob");
  auto theirs = start(std::move(m)).value();
  stop_runs how;
  how.who = alice->key();
  how.auth_filter = filter::parse(json::object{{"owner", "nobody"}}).value();
  CHECK(stop(how) == 0);
  how.auth_filter = {};
  CHECK(stop(how) == 2);
  CHECK(over(mine));
  CHECK(over(another));
  CHECK_FALSE(over(theirs));
  CHECK(stop(how) == 0);
}

TEST_CASE_METHOD(scheduler_fixture, "a strategy sees the run that is just being stored", "[runs]") {
  open();
  disk.hold = true;
  auto first = start_later("reject"), second = start_later("reject"),
       third = start_later("interrupt");
  let_disk_go();
  auto taken = first(), rejected = second(), displacing = third();
  REQUIRE((taken && rejected && displacing));
  REQUIRE(*taken);
  own_run(taken->value());
  CHECK(rejected->error().code == errc::conflict);
  REQUIRE(*displacing);
  own_run(displacing->value());
  CHECK(run_status(taken->value()) == "interrupted");
  CHECK(run_status(displacing->value()) == "running");
}

TEST_CASE_METHOD(scheduler_fixture, "ends that waited are stored when the storage writes again",
                 "[runs]") {
  open();
  auto run = start_on(thread);
  disk.unwritable = true;
  disk.refuse = [](const write_batch&) { return fail(errc::internal, "the disk is full"); };
  let_outside_go();
  for (int i = 0; i < 12; ++i)
    pass(std::chrono::seconds{5}); // by now its own tries are five seconds apart
  CHECK_FALSE(over(run));
  disk.unwritable = false;
  disk.refuse = nullptr;
  pass(milliseconds{500});
  CHECK(ended(run).status == "success");
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

TEST_CASE_METHOD(scheduler_fixture, "a thread's runs go with it", "[runs]") {
  open();
  auto first = start_on(thread), second = start_on(thread);
  CHECK(erase(thread)());
  CHECK(ended(first).body->at("__error__").at("message") == "404: Run not found");
  CHECK(ended(second).body->at("__error__").at("message") == "404: Run not found");
  CHECK_FALSE(stored(kind::thread, thread));
  CHECK(run_status(first).empty());
  CHECK(run_status(second).empty());
  CHECK(app->meters.gauge("lg_api_num_pending_runs", "").value() == 0);
  CHECK(app->meters.gauge("lg_api_num_running_runs", "").value() == 0);
}

TEST_CASE_METHOD(scheduler_fixture, "a run that comes while its thread is erased has a new one",
                 "[runs]") {
  open();
  auto before = start_on(thread), waiting = start_on(thread);
  disk.hold = true;
  auto late = start_later("enqueue"); // is written before the thread goes, and goes with it
  auto gone = erase(thread), again = erase(thread);
  auto after = start_later("reject");
  CHECK_FALSE(gone());
  CHECK_FALSE(after());
  let_disk_go();
  REQUIRE(gone());
  CHECK(gone()->has_value());
  CHECK(again()->has_value());
  for (auto run : {before, waiting, own_run(late()->value())}) {
    CHECK(over(run));
    CHECK(run_status(run).empty());
  }
  auto run = own_run(after()->value());
  let_outside_go();
  CHECK(ended(run).status == "success");
  CHECK(run_status(run) == "success");
  CHECK(thread_status(thread) == "idle");
  for (const auto& row : checkpoints(thread))
    CHECK(row.run_id == run.plan->run_id);
  CHECK(app->meters.gauge("lg_api_num_pending_runs", "").value() == 0);
  CHECK(app->meters.gauge("lg_api_num_running_runs", "").value() == 0);
}

TEST_CASE_METHOD(scheduler_fixture, "a run whose thread went before it was written has a new one",
                 "[runs]") {
  open();
  start_on(thread);
  bool gone = false;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    if (gone || what.thread_changes.empty())
      return std::nullopt;
    gone = true;
    return fail(errc::not_found, "thread " + thread + " does not exist");
  };
  CHECK(executing(start_on(thread)) == false); // behind the first one
  CHECK(gone);
}

TEST_CASE_METHOD(scheduler_fixture, "a thread that cannot be erased keeps its runs", "[runs]") {
  open();
  auto run = start_on(thread);
  disk.refuse = [](const write_batch& what) -> std::optional<error> {
    if (what.erases.empty())
      return std::nullopt;
    return disk_full("the disk is full");
  };
  CHECK(erase(thread)()->error().kind == storage_full);
  disk.refuse = nullptr;
  filter bobs = filter::parse(json::object{{"owner", "bob"}}).value();
  CHECK(erase(thread, bobs)()->error().code == errc::not_found);
  let_outside_go();
  CHECK(ended(run).status == "success");
  CHECK(thread_status(thread) == "idle");
}

TEST_CASE_METHOD(scheduler_fixture, "an end that waits for the disk does not hold up an erase",
                 "[runs]") {
  open();
  auto run = start_on(thread);
  disk.refuse = [](const write_batch& what) -> std::optional<error> {
    if (what.thread_changes.empty())
      return std::nullopt;
    return disk_full("the disk is full");
  };
  let_outside_go();
  CHECK_FALSE(over(run));
  CHECK(erase(thread)()->has_value());
  CHECK(over(run));
  CHECK(app->meters.gauge("behalf_run_ends_waiting", "").value() == 0);
  pass(std::chrono::seconds{10}); // it is not tried again
  CHECK(over(run));
}

TEST_CASE_METHOD(scheduler_fixture, "many ends of one thread are written a few at a time",
                 "[runs]") {
  open();
  std::vector<run_ref> all;
  for (int i = 0; i < 100; ++i)
    all.push_back(start_on(thread));
  std::size_t asked = 0;
  disk.refuse = [&](const write_batch&) -> std::optional<error> {
    ++asked;
    return std::nullopt;
  };
  disk.hold = true;
  auto last = start_later("interrupt");
  CHECK(asked == 32);
  for (std::size_t so_far : {64, 96, 100}) {
    self->send(writer, let_go{});
    sched.run();
    CHECK(asked == so_far);
  }
  let_disk_go();
  auto run = own_run(last()->value());
  CHECK(std::all_of(all.begin(), all.end(), [&](const run_ref& r) { return over(r); }));
  CHECK(executing(run));
  CHECK(outside.calls.size() == 2); // none of those between began
}

TEST_CASE_METHOD(scheduler_fixture, "a thread takes so many runs and no more", "[runs]") {
  options->runs.per_thread = 2;
  open();
  auto first = start_on(thread);
  disk.hold = true;
  auto second = start_later("enqueue");
  CHECK(start_later("enqueue")()->error().code == errc::too_many);
  let_disk_go();
  CHECK(start_as("enqueue").error().code == errc::too_many);
  CHECK(executing(start_on(other)));
  auto instead = start_as("interrupt").value(); // takes the place of those there are
  CHECK(over(first));
  CHECK(executing(instead));
  own_run(second()->value());
}

TEST_CASE_METHOD(scheduler_fixture,
                 "suspended runs are stored to go on, and nothing starts any more", "[runs]") {
  open();
  auto running = start_on(thread), waiting = start_on(thread);
  stop_runs all;
  all.why = stop_reason::suspended;
  CHECK(stop(all) == 2);
  CHECK(run_status(running) == "pending");
  CHECK(run_status(waiting) == "pending");
  auto row = stored(kind::run, running.plan->run_id);
  CHECK(row->doc.at("attempt") == 2);
  CHECK_FALSE(executing(waiting));
}

TEST_CASE_METHOD(scheduler_fixture,
                 "a run that is stored while the server stops waits for the next", "[runs]") {
  open();
  disk.hold = true;
  auto answer = start_later("enqueue");
  stop_runs all;
  all.why = stop_reason::suspended;
  auto suspended = ask_later<runs_stopped>(scheduler, all);
  CHECK_FALSE(suspended());
  CHECK(start(order(other, "call", nothing)).error().code == errc::overloaded);
  let_disk_go();
  REQUIRE(suspended());
  CHECK(suspended()->value().count == 0);
  REQUIRE(answer());
  auto run = answer()->value();
  own(run.run);
  CHECK(run_status(run) == "pending");
  CHECK(stored(kind::run, run.plan->run_id)->doc.at("attempt") == 1);
  CHECK_FALSE(executing(run));
}

TEST_CASE_METHOD(scheduler_fixture,
                 "a run that was to start at once and could not is suspended unbegun", "[runs]") {
  options->runs.slots = 1;
  open();
  disk.hold = true; // both find the slot free
  auto first = ask_later<run_ref>(scheduler, order(thread, "call", nothing));
  auto second = ask_later<run_ref>(scheduler, order(other, "call", nothing));
  let_disk_go();
  REQUIRE(first());
  REQUIRE(second());
  auto begun = first()->value(), waiting = second()->value();
  own(begun.run);
  own(waiting.run);
  CHECK(executing(begun));
  CHECK_FALSE(executing(waiting));
  stop_runs all;
  all.why = stop_reason::suspended;
  CHECK(stop(all) == 2);
  CHECK(run_status(waiting) == "pending");
  CHECK(stored(kind::run, waiting.plan->run_id)->doc.at("attempt") == 1);
  CHECK(stored(kind::run, begun.plan->run_id)->doc.at("attempt") == 2);
}

TEST_CASE_METHOD(scheduler_fixture, "what a restart finds unfinished goes on where it was",
                 "[runs]") {
  open();
  auto before = start_on(thread);
  stop_runs all;
  all.why = stop_reason::suspended;
  stop(all);
  auto kept = checkpoints(thread).size();
  outside.calls.clear();
  let_outside_go();
  auto plan = runs::plan_from(*stored(kind::run, before.plan->run_id)).value();
  open({{std::make_shared<const runs::run_plan>(plan)}, {}});
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
  all.why = stop_reason::suspended;
  stop(all);
  outside.calls.clear();
  auto plan = runs::plan_from(*stored(kind::run, before.plan->run_id)).value();
  plan.given_up = "the run was interrupted by crashes too often";
  open({{std::make_shared<const runs::run_plan>(plan)}, {}});
  CHECK(run_status(before) == "error");
  CHECK(outside.calls.empty());
}

TEST_CASE_METHOD(scheduler_fixture, "a supervisor with a bug fails its run and frees its slot",
                 "[runs]") {
  options->runs.slots = 1;
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

TEST_CASE_METHOD(scheduler_fixture, "the nodes of a supervisor with a bug stop with it", "[runs]") {
  node_options fatal;
  fatal.retry.max_attempts = 2;
  fatal.retry.retry_on = [](const error&) -> bool { throw std::logic_error("a bug"); };
  auto b = runs::with_channels("two");
  b.node("call", runs::call_api);
  b.node(
    "break",
    [](state_view, context ctx) -> coroutine<node_result> {
      co_await ctx.sleep(std::chrono::seconds{1});
      co_return error{};
    },
    fatal);
  b.edge(flow::start, "call").edge(flow::start, "break");
  serve(b.build().value());
  open();
  outside.hold = true;
  auto broken = start(thread, "two", nothing);
  REQUIRE(outside.calls.size() == 1);
  pass(std::chrono::seconds{1});
  CHECK(run_status(broken) == "error");
  CHECK(outside.cancelled == 1);
}

TEST_CASE_METHOD(scheduler_fixture, "a thread id another tenant uses as well is another thread",
                 "[runs]") {
  open();
  auto theirs = start_on(thread);
  auto who = std::make_shared<principal>(*alice);
  who->tenant = "globex";
  for (auto strategy : {"reject", "interrupt", "rollback"}) {
    auto m = order(thread, "call", nothing);
    m.plan->who = who;
    m.plan->multitask_strategy = strategy;
    auto ours = start(std::move(m));
    REQUIRE(ours);
    CHECK(executing(*ours));
    cancel(*ours);
    CHECK(found(storage::get_head{{kind::thread, "globex", thread}})->status == "interrupted");
  }
  CHECK_FALSE(over(theirs));
}

TEST_CASE_METHOD(scheduler_fixture, "starting gives up where others start faster than they end",
                 "[runs]") {
  open();
  start_on(thread);
  int tries = 0;
  disk.refuse = [&](const write_batch&) -> std::optional<error> {
    ++tries;
    return fail(errc::conflict, "somebody was faster");
  };
  CHECK(start_as("enqueue").error().code == errc::conflict);
  CHECK(tries <= 16);
}

// --- delayed runs ----------------------------------------------------------------------------

namespace {

struct delayed_fixture : scheduler_fixture {
  start_run delayed(std::chrono::hours by) {
    auto m = order(thread, "call", nothing);
    m.plan->created_at = now() + by;
    m.plan->delayed = true;
    return m;
  }
  /// One whose row cannot be read when it is due.
  run_ref unreadable() {
    auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
    auto broken = *stored(kind::run, later.plan->run_id);
    broken.doc["principal"] = "who?";
    write_batch what;
    what.puts.push_back({broken});
    ask<written>(app->writer, write_records{what});
    return later;
  }
  /// What a restart finds when the run is due.
  runs::recovered_runs due(const run_ref& run) {
    return {{}, {{run.plan->run_id, thread, alice->key(), now() - std::chrono::seconds{1}}}};
  }
};

} // namespace

TEST_CASE_METHOD(delayed_fixture, "a run that is due much later waits in the storage", "[runs]") {
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  CHECK_FALSE(later.run);
  CHECK(run_status(later) == "pending");
  CHECK(thread_status(thread) == "busy");
  CHECK(start_as("reject").error().code == errc::conflict); // it is there all the same
  auto at_once = start_on(thread);
  CHECK(executing(at_once));
  cancel(at_once);
  CHECK(thread_status(thread) == "busy");
}

TEST_CASE_METHOD(delayed_fixture, "who asks for a run in the storage gets it", "[runs]") {
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  CHECK(find(later, "globex").error().code == errc::not_found);
  auto found = find(later).value();
  REQUIRE(found.run);
  own(found.run);
  CHECK_FALSE(over(found));
  CHECK(cancel(found).status == "interrupted");
  CHECK(find(later).error().code == errc::not_found);
}

TEST_CASE_METHOD(delayed_fixture, "a run that was only looked at leaves the memory again",
                 "[runs]") {
  open();
  auto m = delayed(std::chrono::hours{1});
  m.plan->kwargs["input"] = json::object{{"text", std::string(1'000, 'x')}};
  auto later = ask<run_ref>(scheduler, std::move(m)).value();
  CHECK(app->memory.used() == 0);
  auto found = find(later).value();
  pass(milliseconds{500});
  CHECK(app->memory.used() > 1'000); // somebody looks at it
  auto news = ask_later<event_batch>(found.run, next_events{});
  CHECK_FALSE(news());
  found = {};
  pass(milliseconds{500});
  CHECK(app->memory.used() == 0);
  CHECK(cancel(own_run(find(later).value())).status == "interrupted"); // it waits all the same
  CHECK(find(later).error().code == errc::not_found);
}

TEST_CASE_METHOD(delayed_fixture, "a run nobody has room for is neither shown nor ended",
                 "[runs]") {
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  app->memory = fair_budget{1};
  CHECK(find(later).error().code == errc::overloaded);
  stop_runs all;
  all.tenant = "acme";
  all.thread_id = thread;
  CHECK(ask<runs_stopped>(scheduler, all).error().code == errc::overloaded);
  CHECK(run_status(later) == "pending");

  open(due(later));
  CHECK(run_status(later) == "pending");
  app->memory = fair_budget{};
  let_outside_go();
  pass(milliseconds{500});
  CHECK(run_status(later) == "success");
}

TEST_CASE_METHOD(delayed_fixture,
                 "a run nobody has room for is tried less and less, and named once", "[runs]") {
  const auto file = (folder / "log").string();
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  app->memory = fair_budget{1};
  REQUIRE(log::configure("info", log::format::text, file));
  open(due(later));
  for (int tick = 0; tick < 40; ++tick)
    pass(milliseconds{500});
  CHECK(run_status(later) == "pending");
  app->memory = fair_budget{};
  let_outside_go();
  for (int tick = 0; tick < 16; ++tick)
    pass(milliseconds{500});
  CHECK(run_status(later) == "success");
  REQUIRE(log::configure("info"));
  std::ifstream in{file};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto named = text.find("run_not_loaded");
  CHECK(named != text.npos);
  CHECK(text.find("run_not_loaded", named + 1) == text.npos);
  CHECK(text.find("run_loaded run_id=" + later.plan->run_id + " tries=7") != text.npos);
}

TEST_CASE_METHOD(delayed_fixture,
                 "a run that somebody looks at while it is late executes all the same", "[runs]") {
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  app->memory = fair_budget{1};
  open(due(later));
  for (int tick = 0; tick < 3; ++tick)
    pass(milliseconds{500});
  app->memory = fair_budget{};
  auto found = find(later).value();
  REQUIRE(found.run);
  CHECK(run_status(later) == "pending");
  let_outside_go();
  for (int tick = 0; tick < 16; ++tick)
    pass(milliseconds{500});
  CHECK(run_status(later) == "success");
}

TEST_CASE_METHOD(delayed_fixture, "runs in the storage go with their thread", "[runs]") {
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  CHECK(erase(thread)());
  CHECK(run_status(later).empty());
  CHECK(find(later).error().code == errc::not_found);
  CHECK(start_as("reject")); // nothing of it is left on the new thread
}

TEST_CASE_METHOD(delayed_fixture, "runs in the storage are stopped like others", "[runs]") {
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  auto watched = delayed(std::chrono::hours{2});
  watched.client_stays = true;
  auto second = start(std::move(watched)).value();
  CHECK(second.run);
  CHECK(stop({"", thread, {}}) == 2);
  CHECK(run_status(later) == "interrupted");
  CHECK(run_status(second) == "interrupted");
  CHECK(thread_status(thread) == "idle");
}

TEST_CASE_METHOD(delayed_fixture, "a run in the storage executes when its time has come",
                 "[runs]") {
  open();
  auto later = ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).value();
  let_outside_go();
  open(due(later));
  CHECK(run_status(later) == "success");
  CHECK(thread_status(thread) == "idle");
}

TEST_CASE_METHOD(delayed_fixture, "a delayed run that cannot be read when it is due ends as error",
                 "[runs]") {
  open();
  auto later = unreadable();
  open(due(later));
  CHECK(run_status(later) == "error");
  CHECK(thread_status(thread) == "error");
  CHECK(stored(kind::run, later.plan->run_id)->doc.at("principal") == "who?");
}

TEST_CASE_METHOD(delayed_fixture, "ending a run that cannot be read keeps what its thread became",
                 "[runs]") {
  open();
  auto later = unreadable();
  disk.hold = true;
  write_batch::thread_change meanwhile{"acme", thread};
  meanwhile.metadata = {{"colour", "red"}};
  meanwhile.at = now();
  write_batch first;
  first.thread_changes.push_back(std::move(meanwhile));
  auto changed = ask_later<written>(app->writer, write_records{std::move(first)});
  open(due(later)); // reads the thread as it was before
  let_disk_go();
  REQUIRE(changed());
  CHECK(run_status(later) == "error");
  auto row = stored(kind::thread, thread);
  CHECK(row->status == "error");
  CHECK(row->metadata.at("colour") == "red");
}

TEST_CASE_METHOD(delayed_fixture, "one user's delayed runs are bounded", "[runs]") {
  options->runs.delayed_per_user = 2;
  open();
  for (int i = 0; i < 2; ++i)
    CHECK(ask<run_ref>(scheduler, delayed(std::chrono::hours{1})));
  CHECK(ask<run_ref>(scheduler, delayed(std::chrono::hours{1})).error().code == errc::too_many);
  CHECK(executing(start_on(other)));
}

TEST_CASE_METHOD(scheduler_fixture, "a user who has all they may leaves room for the next one",
                 "[runs]") {
  open(); // 8 slots
  std::vector<run_ref> mine;
  for (int i = 0; i < 20; ++i)
    mine.push_back(start_on(uuid7()));
  CHECK(std::count_if(mine.begin(), mine.end(), [&](const auto& r) { return executing(r); }) == 7);
  auto m = order(thread, "call", nothing);
  m.plan->who = user("bob");
  CHECK(executing(start(std::move(m)).value()));
}

} // namespace behalf
