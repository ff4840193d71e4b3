// One run as its viewers, its waiters and the storage see it.
#include "runtime/storage/sqlite_connection.hpp"
#include "tests/support/graph_pieces.hpp"
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

#include <stdexcept>

namespace behalf {
namespace {

using steps = std::vector<std::string>;
const json::object nothing{{"input", json::object{}}, {"stream_mode", "updates"}};

struct supervisor_fixture : run_fixture {
  std::string thread = uuid7();

  run_ref run_of(std::shared_ptr<const graph> flow, json::object kwargs = nothing) {
    auto name = flow->name();
    serve(std::move(flow));
    open();
    return start(thread, name, std::move(kwargs));
  }

  /// Deletes the thread under its runs and makes one of the same id.
  void begin_anew() {
    write_records gone, anew;
    gone.what.erases.push_back({{kind::thread, "acme", thread}});
    REQUIRE(ask<written>(writer, gone));
    record row;
    row.tenant = "acme";
    row.id = thread;
    row.status = "idle";
    anew.what.puts.push_back({row, 0});
    REQUIRE(ask<written>(writer, anew));
  }
};

bool ends_a_run(const write_batch& what) {
  return std::any_of(what.thread_changes.begin(), what.thread_changes.end(),
                     [](const write_batch::thread_change& c) { return c.new_state; });
}

bool keeps_checkpoints(const write_batch& what) {
  return std::any_of(what.puts.begin(), what.puts.end(),
                     [](const write_batch::put& p) { return p.row.type == kind::checkpoint; });
}

// The first of those that are sent takes its time, the others end at once.
coroutine<node_result> one_of_many(state_view sent, context ctx) {
  auto i = sent["i"].get_int64();
  if (i == 0)
    co_await ctx.sleep(std::chrono::seconds{30});
  flow::update out;
  out.set("foo", json::array{i});
  co_return out;
}

std::shared_ptr<const graph> many(int64_t n) {
  auto b = runs::with_channels("many");
  b.node("w", one_of_many);
  b.conditional(flow::start, send_each("w", n));
  return b.build().value();
}

// Tells much, then waits for the outside.
coroutine<node_result> talkative(state_view state, context ctx) {
  for (int i = 0; i < 200; ++i)
    ctx.write({{"part", i}});
  co_return co_await runs::call_api(std::move(state), std::move(ctx));
}

// A node that throws what no standard class describes.
struct mail_with_token {
  std::string token = "tok-1234";
};

} // namespace

TEST_CASE_METHOD(supervisor_fixture, "a run shows each step, keeps each checkpoint, then ends",
                 "[runs]") {
  auto run =
    run_of(runs::pair(), {{"input", {{"foo", {"in"}}}}, {"stream_mode", {"values", "updates"}}});
  CHECK(lines(run)
        == steps{R"(values {"foo":["in"]})", R"(updates {"a":{"foo":["a"]}})",
                 R"(values {"foo":["in","a"]})", R"(updates {"b":{"foo":["b"]}})",
                 R"(values {"foo":["in","a","b"]})"});
  CHECK(events(run).last);
  auto end = ended(run);
  CHECK(end.status == "success");
  CHECK(*end.body == js(R"({"foo":["in","a","b"]})"));
  CHECK(run_status(run) == "success");
  CHECK(thread_status(thread) == "idle");
  CHECK(stored(kind::run, run.plan->run_id)->metadata.at("created_by") == "system");
  std::vector<int64_t> kept;
  for (const auto& row : checkpoints(thread)) {
    kept.push_back(int_or(row.metadata, "step", 99));
    CHECK(row.metadata.at("created_by") == "system");
    CHECK_FALSE(row.metadata.contains("langgraph_auth_user"));
  }
  CHECK(kept == std::vector<int64_t>{-1, 0, 1, 2});
}

TEST_CASE_METHOD(supervisor_fixture, "a viewer waits for the next event and gets no other",
                 "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  auto seen = events(run);
  CHECK_FALSE(seen.last);
  auto next = ask_later<event_batch>(run.run, next_events{seen.last_seq});
  CHECK_FALSE(next());
  let_outside_go();
  REQUIRE(next());
  auto news = next()->value();
  REQUIRE(news.events.size() == 1);
  CHECK(news.events[0].seq == seen.last_seq + 1);
  CHECK(*news.events[0].data == R"({"call":{"got":"hello"}})");
}

TEST_CASE_METHOD(supervisor_fixture, "what all viewers have read is kept only of resumable runs",
                 "[runs]") {
  const bool resumable = GENERATE(false, true);
  const bool slow_one = GENERATE(false, true);
  outside.hold = true;
  auto run =
    run_of(runs::one(talkative),
           {{"input", json::object{}}, {"stream_mode", "custom"}, {"resumable", resumable}});
  const auto viewer = std::make_shared<const int>(), slow = std::make_shared<const int>();
  const auto ask_as = [&](const std::shared_ptr<const int>& who, int64_t after, std::size_t max) {
    next_events question{after, max};
    question.viewer = who;
    return ask_later<event_batch>(run.run, std::move(question));
  };
  if (slow_one)
    CHECK(ask_as(slow, 0, 10)()->value().events.size() == 10);
  const auto seen = ask_as(viewer, 0, 256)()->value();
  REQUIRE(seen.last_seq > 200);
  CHECK_FALSE(ask_as(viewer, seen.last_seq, 256)()); // has read it all, and waits
  const auto late = ask_as(std::make_shared<const int>(), 0, 256)();
  if (resumable || slow_one) {
    CHECK(late->value().events.size() == seen.events.size());
  } else {
    CHECK_FALSE(late); // nothing is left of what was told
  }
  if (slow_one)
    CHECK(ask_as(slow, 10, 256)()->value().events.front().seq == 11);
  let_outside_go();
}

TEST_CASE_METHOD(supervisor_fixture, "the first events wait for whom the run was begun for",
                 "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::one(talkative),
                    {{"input", json::object{}}, {"stream_mode", "custom"}, {"resumable", false}});
  const auto quick = std::make_shared<const int>(), late = std::make_shared<const int>();
  const auto ask_as = [&](const std::shared_ptr<const int>& who, int64_t after, std::size_t max) {
    next_events question{after, max};
    question.viewer = who;
    return ask_later<event_batch>(run.run, std::move(question))()->value();
  };
  for (const int64_t after : {0, 20, 40})
    CHECK(ask_as(quick, after, 20).events.size() == 20);
  CHECK(ask_as(late, 0, 20).events.front().seq == 1);
  // From then on they wait for both.
  for (const int64_t after : {60, 80, 100, 120})
    CHECK(ask_as(quick, after, 20).events.size() == 20);
  const auto rest = ask_as(late, 20, 20);
  CHECK_FALSE(rest.lost);
  CHECK(rest.events.front().seq == 21);
  let_outside_go();
}

TEST_CASE_METHOD(supervisor_fixture, "nobody hears of an end that is not durable", "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  disk.hold = true;
  let_outside_go();
  auto result = result_of(run);
  CHECK_FALSE(result());
  CHECK_FALSE(events(run).last);
  CHECK(thread_status(thread) == "busy");
  let_disk_go();
  REQUIRE(result());
  CHECK(result()->value().status == "success");
  CHECK(events(run).last);
  CHECK(thread_status(thread) == "idle");
}

TEST_CASE_METHOD(supervisor_fixture, "an end is tried again until the disk takes it", "[runs]") {
  int refused = 0;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    if (!ends_a_run(what))
      return std::nullopt;
    ++refused;
    return disk_full("the disk is full");
  };
  auto run = run_of(runs::pair());
  auto result = result_of(run);
  for (int i = 0; i < 10; ++i)
    pass(std::chrono::seconds{5}); // as long as a pause can be
  CHECK(refused == 11);
  CHECK_FALSE(result()); // nobody is told what nobody would find
  CHECK_FALSE(events(run).last);
  CHECK(thread_status(thread) == "busy");
  CHECK(app->meters.gauge("behalf_run_ends_waiting", "").value() == 1);

  disk.refuse = nullptr;
  pass(std::chrono::seconds{5});
  REQUIRE(result());
  CHECK(result()->value().status == "success");
  CHECK(events(run).last);
  CHECK(run_status(run) == "success");
  CHECK(thread_status(thread) == "idle");
  CHECK(checkpoints(thread).size() == 4);
  CHECK(app->meters.gauge("behalf_run_ends_waiting", "").value() == 0);
}

TEST_CASE_METHOD(supervisor_fixture, "a stop of the server does not wait for the disk", "[runs]") {
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    return ends_a_run(what) ? std::optional{disk_full("the disk is full")} : std::nullopt;
  };
  auto run = run_of(runs::pair());
  auto result = result_of(run);
  pass(std::chrono::seconds{5});
  REQUIRE_FALSE(result());
  stop_runs all;
  all.why = stop_reason::suspended;
  CHECK(ask<runs_stopped>(scheduler, all).value().count == 1);
  REQUIRE(result());
  CHECK(result()->value().status == "pending");
  CHECK(run_status(run) == "running"); // so that the next start goes on with it
  CHECK(app->meters.gauge("behalf_run_ends_waiting", "").value() == 0);
  int tries = 0;
  disk.refuse = [&](const write_batch&) -> std::optional<error> {
    ++tries;
    return std::nullopt;
  };
  pass(std::chrono::seconds{60});
  CHECK(tries == 0);
}

TEST_CASE_METHOD(supervisor_fixture, "a stop takes the end of a run that finds room by then",
                 "[runs]") {
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    return ends_a_run(what) ? std::optional{disk_full("the disk is full")} : std::nullopt;
  };
  auto run = run_of(runs::pair());
  disk.refuse = nullptr;
  stop_runs all;
  all.why = stop_reason::suspended;
  ask<runs_stopped>(scheduler, all).value();
  CHECK(run_status(run) == "success");
}

TEST_CASE_METHOD(supervisor_fixture, "who stops a run whose end finds no room is told at once",
                 "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  auto result = result_of(run);
  disk.refuse = [](const write_batch&) { return disk_full("the disk is full"); };
  stop_runs one;
  one.tenant = "acme";
  one.thread_id = thread;
  for (int i = 0; i < 2; ++i) { // the second meets an end that waits
    auto refused = ask<runs_stopped>(scheduler, one);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == storage_full);
    CHECK(refused.error().headers == disk_full("").headers);
  }
  one.why = stop_reason::erased;
  CHECK(ask<runs_stopped>(scheduler, one).error().kind == storage_full);
  CHECK_FALSE(result());
  disk.refuse = nullptr;
  one.why = stop_reason::cancelled;
  CHECK(ask<runs_stopped>(scheduler, one).value().count == 1);
  REQUIRE(result());
  CHECK(run_status(run) == "interrupted");
}

TEST_CASE_METHOD(supervisor_fixture, "a run that another server took stops and stores nothing",
                 "[runs]") {
  const auto before_its_end = GENERATE(false, true); // or before its first step
  bool taken = false;
  auto take = [&] {
    auto db = sqlite_connection::open(folder / "t.db", sqlite_connection::access::read_write);
    REQUIRE((*db)->execute("UPDATE run SET fence=fence+1"));
    taken = true;
  };
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    if (!taken && !what.held.empty() && ends_a_run(what) == before_its_end)
      take();
    return std::nullopt;
  };
  auto run = run_of(runs::pair());
  CHECK(taken);
  auto body = dump(*ended(run).body);
  CHECK(body.find("RunTaken") != body.npos);
  CHECK(run_status(run) == "running"); // as the other server left it
  CHECK(thread_status(thread) == "busy");
  for (const auto& e : events(run).events)
    CHECK(e.name != "error");
  CHECK(events(run).last);
  CHECK(ask<run_ref>(scheduler, find_run{"acme", run.plan->run_id}).error().code
        == errc::not_found);
}

TEST_CASE_METHOD(supervisor_fixture, "an error is an event when it is stored", "[runs]") {
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    return ends_a_run(what) ? std::optional{disk_full("the disk is full")} : std::nullopt;
  };
  auto run = run_of(runs::one([](const state_view&, context&) -> node_result {
    throw std::invalid_argument("no such folder");
  }));
  CHECK(lines(run).empty());
  disk.refuse = nullptr;
  pass(std::chrono::seconds{5});
  CHECK(lines(run) == steps{R"(error {"error":"ValueError","message":"no such folder"})"});
  CHECK(events(run).last);
}

TEST_CASE_METHOD(supervisor_fixture, "a run that waited begins when there is room", "[runs]") {
  outside.hold = true;
  auto first = run_of(runs::call());
  auto run = start(thread, "call", nothing);
  int refused = 0;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    if (what.puts.empty() || what.puts[0].row.status != "running")
      return std::nullopt;
    ++refused;
    return disk_full("the disk is full");
  };
  let_outside_go();
  REQUIRE(over(first));
  CHECK(refused == 1);
  pass(std::chrono::seconds{5});
  CHECK(refused == 2);
  CHECK(run_status(run) == "pending");
  CHECK_FALSE(over(run));
  disk.refuse = nullptr;
  pass(std::chrono::seconds{5});
  CHECK(ended(run).status == "success");
  CHECK(run_status(run) == "success");
}

TEST_CASE_METHOD(supervisor_fixture, "an end on a thread that was deleted is over", "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  write_records gone;
  gone.what.erases.push_back({{kind::thread, "acme", thread}});
  REQUIRE(ask<written>(writer, gone));
  let_outside_go();
  CHECK(over(run));
}

TEST_CASE_METHOD(supervisor_fixture, "a run is not told where the server keeps its files",
                 "[runs]") {
  disk.refuse = [](const write_batch& what) -> std::optional<error> {
    if (!keeps_checkpoints(what) || ends_a_run(what))
      return std::nullopt;
    return fail(errc::internal, "/srv/behalf.db: the database is damaged");
  };
  outside.hold = true;
  auto run = run_of(runs::call());
  auto told = dump(*ended(run).body);
  CHECK(told.find("the server failed here") != std::string::npos);
  CHECK(told.find("behalf.db") == std::string::npos);
}

TEST_CASE_METHOD(supervisor_fixture, "an end leaves a later thread of the same id alone",
                 "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call()), behind = start(thread, "call", nothing);
  begin_anew();
  let_outside_go();
  CHECK(over(run));
  CHECK(over(behind));
  CHECK(outside.calls.size() == 1); // the one that waited did nothing
  auto row = stored(kind::thread, thread);
  CHECK(row->status == "idle");
  CHECK_FALSE(row->doc.contains("values"));
  CHECK(run_status(run).empty());
  CHECK(run_status(behind).empty());
  CHECK(checkpoints(thread).empty());
  CHECK(app->meters.gauge("behalf_run_ends_waiting", "").value() == 0);
}

TEST_CASE_METHOD(supervisor_fixture, "an end that does not go with what is stored is an error",
                 "[runs]") {
  int refused = 0;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    if (!ends_a_run(what) || !keeps_checkpoints(what))
      return std::nullopt;
    ++refused;
    return fail(errc::conflict, "checkpoint c does not exist");
  };
  outside.hold = true;
  auto m = order(thread, "call", nothing);
  serve(runs::call());
  m.plan->kwargs["durability"] = "exit";
  open();
  auto run = start(std::move(m)).value();
  let_outside_go();
  CHECK_FALSE(over(run)); // one that was on its way may come along
  pass(std::chrono::seconds{1});
  auto end = ended(run);
  CHECK(end.status == "error");
  CHECK(end.body->at("__error__").at("error") == "StorageError");
  CHECK(refused == 2);
  CHECK(run_status(run) == "error");
  CHECK(thread_status(thread) == "error");
  CHECK(app->meters.gauge("behalf_run_ends_waiting", "").value() == 0);
}

TEST_CASE_METHOD(supervisor_fixture, "a lost checkpoint fails the run, whose end keeps it",
                 "[runs]") {
  bool lost = false;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    if (!keeps_checkpoints(what) || ends_a_run(what) || std::exchange(lost, true))
      return std::nullopt;
    return disk_full("the disk is full");
  };
  outside.hold = true;
  auto run = run_of(runs::call());
  auto end = ended(run);
  CHECK(end.status == "error");
  CHECK(end.body->at("__error__").at("error") == "StorageFullError");
  CHECK(run_status(run) == "error");
  CHECK(thread_status(thread) == "error");
  auto kept = checkpoints(thread);
  REQUIRE_FALSE(kept.empty());
  CHECK(kept.front().parent_checkpoint.empty()); // from the first one on, without a hole
  for (std::size_t i = 1; i < kept.size(); ++i)
    CHECK(kept[i].parent_checkpoint == kept[i - 1].id);
  let_outside_go(); // what the node makes of it counts no more
  CHECK(ended(run).status == "error");
}

TEST_CASE_METHOD(supervisor_fixture, "what others change of a thread is not in its run's way",
                 "[runs]") {
  outside.hold = true;
  auto run = run_of(runs::call());
  disk.hold = true; // the end is on its way
  let_outside_go();
  int patched = 0;
  for (auto key : {"a", "b", "c"}) {
    write_batch::thread_change change{"acme", thread};
    change.metadata[key] = ++patched;
    change.at = now();
    write_records patch;
    patch.what.thread_changes.push_back(std::move(change));
    static_cast<void>(ask_later<written>(writer, std::move(patch)));
  }
  let_disk_go();
  CHECK(ended(run).status == "success");
  auto row = stored(kind::thread, thread);
  CHECK(row->status == "idle");
  CHECK(row->doc.at("values").at("got") == "hello");
  for (auto key : {"a", "b", "c"})
    CHECK(row->metadata.contains(key));
}

TEST_CASE_METHOD(supervisor_fixture, "durability sync waits for the disk before the next node",
                 "[runs]") {
  serve(runs::call());
  open();
  auto order = this->order(thread, "call", {{"input", json::object{}}, {"durability", "sync"}});
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    disk.hold = keeps_checkpoints(what);
    return std::nullopt;
  };
  auto run = start(std::move(order)).value();
  CHECK(outside.calls.empty());
  int writes = 0;
  for (; outside.calls.empty() && writes < 5; ++writes)
    let_disk_go();
  CHECK(outside.calls.size() == 1);
  CHECK(writes == 2); // what came in, and what `a` wrote
  disk.refuse = nullptr;
  let_disk_go();
  CHECK(ended(run).status == "success");
}

TEST_CASE_METHOD(supervisor_fixture, "tasks that end during a write are kept by one more",
                 "[runs]") {
  std::vector<std::size_t> ends;
  bool twice = false;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    auto checkpoints = keeps_checkpoints(what);
    disk.hold = checkpoints && !ends_a_run(what);
    if (checkpoints || !what.task_ends.empty())
      ends.push_back(what.task_ends.size());
    twice = twice || (checkpoints && !what.task_ends.empty());
    return std::nullopt;
  };
  auto run = run_of(many(40));
  CHECK(ends == std::vector<std::size_t>{0}); // the checkpoints they belong to
  let_disk_go();
  CHECK(ends == std::vector<std::size_t>{0, 39});
  CHECK(checkpoints(thread).back().task_ends.size() == 39);
  pass(std::chrono::seconds{30});
  CHECK(ended(run).body->at("foo").as_array().size() == 40);
  CHECK_FALSE(twice); // the checkpoint that follows tells of all
}

TEST_CASE_METHOD(supervisor_fixture,
                 "a run stops at an interrupt and another goes on with the answer", "[runs]") {
  auto first = run_of(runs::ask_then_call());
  auto stopped = ended(first);
  CHECK(stopped.status == "success");
  CHECK(stopped.body->at("__interrupt__").at(0).at("value") == "ok?");
  CHECK(thread_status(thread) == "interrupted");
  CHECK(stored(kind::thread, thread)->doc.at("interrupts").as_object().size() == 1);
  CHECK(outside.calls.empty());

  auto second = resume(thread, "ask", "yes");
  auto done = ended(second);
  CHECK(done.status == "success");
  CHECK(*done.body == js(R"({"foo":["a"],"got":"hello","ans":"yes"})"));
  CHECK(thread_status(thread) == "idle");
  CHECK(stored(kind::thread, thread)->doc.at("interrupts").as_object().empty());
}

TEST_CASE_METHOD(supervisor_fixture, "there is nothing to resume on a new thread", "[runs]") {
  auto run = run_of(runs::ask_then_call(), {{"command", json::object{{"resume", "yes"}}}});
  auto end = ended(run);
  CHECK(end.status == "error");
  CHECK(end.body->at("__error__").at("error") == "RuntimeError");
  CHECK(thread_status(thread) == "error");
}

TEST_CASE_METHOD(supervisor_fixture, "a node that fails ends the run with its message", "[runs]") {
  auto run = run_of(runs::one([](const state_view&, context&) -> node_result {
    throw std::invalid_argument("no such folder");
  }));
  CHECK(lines(run) == steps{R"(error {"error":"ValueError","message":"no such folder"})"});
  auto end = ended(run);
  CHECK(end.status == "error");
  CHECK(*end.body == js(R"({"__error__":{"error":"ValueError","message":"no such folder"}})"));
  CHECK(run_status(run) == "error");
  CHECK(stored(kind::thread, thread)->doc.at("error").at("message") == "no such folder");
}

TEST_CASE_METHOD(supervisor_fixture, "what a node throws that is no message is shown to nobody",
                 "[runs]") {
  auto run =
    run_of(runs::one([](const state_view&, context&) -> node_result { throw mail_with_token{}; }));
  auto end = ended(run);
  CHECK(end.body->at("__error__").at("error") == "mail_with_token");
  auto everything = dump(*end.body) + dump(stored(kind::thread, thread)->doc)
                    + dump(stored(kind::run, run.plan->run_id)->doc);
  for (const auto& line : lines(run))
    everything += line;
  for (const auto& row : checkpoints(thread))
    everything += dump(row.doc);
  CHECK(everything.find("tok-1234") == std::string::npos);
}

TEST_CASE_METHOD(supervisor_fixture, "a graph nobody serves any more is an error of the run",
                 "[runs]") {
  open();
  auto run = start(thread, "gone", nothing);
  CHECK(ended(run).body->at("__error__").at("message") == "Graph 'gone' is not served");
}

TEST_CASE_METHOD(supervisor_fixture, "each run is one of the graph its factory makes", "[runs]") {
  served_graph dynamic{"dynamic", "", nullptr};
  dynamic.defaults.config = {{"configurable", {{"node", "usual"}}}};
  dynamic.make = [](const context& ctx) -> result<std::shared_ptr<const graph>> {
    const std::string name(string_or(ctx.configurable(), "node"));
    if (name == "none")
      return fail(errc::denied, std::string(ctx.identity()) + " has no such node");
    auto b = runs::with_channels("dynamic");
    b.node(name, runs::say(name)).edge(flow::start, name);
    return b.build();
  };
  app->graphs.serve({dynamic});
  CHECK(app->graphs.by_graph("dynamic")->flow->find("usual"));
  open();
  auto configured = [](const char* node) {
    return json::object{{"input", json::object{}},
                        {"stream_mode", "updates"},
                        {"config", {{"configurable", {{"node", node}}}}}};
  };
  CHECK(lines(start(thread, "dynamic", nothing))
        == steps{R"(updates {"usual":{"foo":["usual"]}})"});
  CHECK(lines(start(thread, "dynamic", configured("other")))
        == steps{R"(updates {"other":{"foo":["other"]}})"});
  CHECK(stored(kind::thread, thread)->doc.at("config").at("configurable")
        == js(R"({"node":"usual"})"));
  auto refused = ended(start(thread, "dynamic", configured("none")));
  CHECK(refused.status == "error");
  CHECK(*refused.body
        == js(R"({"__error__":{"error":"PermissionError","message":"alice has no such node"}})"));
}

TEST_CASE_METHOD(supervisor_fixture, "the recursion limit ends what would go on for ever",
                 "[runs]") {
  auto run = run_of(runs::endless(),
                    {{"input", json::object{}}, {"config", json::object{{"recursion_limit", 3}}}});
  auto end = ended(run);
  CHECK(end.status == "error");
  CHECK(end.body->at("__error__").at("error") == "GraphRecursionError");
  CHECK(stored(kind::thread, thread)->doc.at("values") == js(R"({"foo":["s","s","s"]})"));
}

} // namespace behalf
