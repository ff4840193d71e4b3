// One node of a run and what it asks of the outside: services, streams, the store.
#include "actors/threads/graph_work.hpp"
#include "runtime/auth/rules.hpp"
#include "tests/support/run_fixture.hpp"
#include "tests/support/run_graphs.hpp"

#include <algorithm>

namespace behalf {
namespace {

using flow::update;

struct node_fixture : run_fixture {
  std::string thread = uuid7();

  /// A run of one node, under way.
  template <class Body>
  run_ref run_node(Body body, node_options options = {}, json::value modes = "updates") {
    serve(runs::one(std::move(body), std::move(options)));
    open();
    return start(thread, "one", {{"input", json::object{}}, {"stream_mode", std::move(modes)}});
  }
  /// As the server does: whoever has had a turn goes behind the others. At most 10,000 turns.
  template <class Until>
  void run_by_turns(Until until) {
    for (int n = 0; n < 10'000 && !until() && sched.try_run_once(); ++n)
      if (sched.jobs.size() > 1)
        std::rotate(sched.jobs.begin(), std::next(sched.jobs.begin()), sched.jobs.end());
  }
  /// What the node found, of a run that is over.
  json::value got(const run_ref& run) { return ended(run).body->at("got"); }
  std::string failure(const run_ref& run) {
    return std::string(ended(run).body->at("__error__").at("error").as_string());
  }
};

coroutine<node_result> read_mail(state_view, context ctx) {
  auto mail = ctx.service("mail");
  auto reply = co_await mail.get("/inbox");
  if (!reply)
    co_return reply.error();
  json::object found{{"status", reply->status}, {"receipt", reply->receipt}, {"body", reply->body}};
  update out;
  out.set("got", found);
  co_return out;
}

coroutine<node_result> carry_on(state_view, context ctx) {
  auto api = ctx.service("api");
  auto reply = co_await api.get("/x");
  update out;
  out.set("got", json::value(reply ? "fine" : reply.error().kind));
  co_return out;
}

coroutine<node_result> call_stranger(state_view, context ctx) {
  auto stranger = ctx.service("stranger");
  auto reply = co_await stranger.get("/x");
  co_return reply.error();
}

coroutine<node_result> read_all(state_view, context ctx) {
  auto api = ctx.service("api");
  auto body = co_await api.open("/stream");
  std::string all;
  for (bool last = false; !last;) {
    auto part = co_await body->next();
    all += part->bytes;
    last = part->last;
  }
  update out;
  out.set("got", json::value(all));
  co_return out;
}

coroutine<node_result> read_a_little(state_view, context ctx) {
  auto api = ctx.service("api");
  auto body = co_await api.open("/stream");
  auto part = co_await body->next();
  update out;
  out.set("got", json::value(part->bytes));
  co_return out;
}

coroutine<node_result> give_up_and_sleep(state_view, context ctx) {
  auto body = co_await with_timeout(ctx.service("api").open("/x"), std::chrono::seconds{2});
  co_await ctx.sleep(std::chrono::seconds{10});
  update out;
  out.set("got", body ? body->status() : http_status(body.error().code));
  co_return out;
}

coroutine<node_result> remember(state_view, context ctx) {
  auto store = ctx.store();
  labels notes{"notes"};
  auto kept = co_await store.put(notes, "list", {{"text", "milk"}});
  if (!kept)
    co_return kept.error();
  auto found = co_await store.get(notes, "list");
  if (!found)
    co_return found.error();
  auto gone = co_await store.del(notes, "list");
  if (!gone)
    co_return gone.error();
  auto again = co_await store.get(notes, "list");
  update out;
  out.set("got", json::array{found->value, again.has_value()});
  co_return out;
}

coroutine<node_result> remember_nowhere(state_view, context ctx) {
  auto store = ctx.store();
  auto kept = co_await store.put({""}, "x", {});
  co_return kept.error();
}

// Threads that may block, as a script: what they are to do waits until told.
struct apart_fixture : node_fixture {
  std::vector<std::function<void()>> waiting;
  std::optional<run_ref> shown; // to a node, which is a function of its own

  apart_fixture() {
    app->run_blocking = [this](const principal_key&, const threads::activity&,
                               std::function<void()> work) { waiting.push_back(std::move(work)); };
  }
  void let_threads_go() {
    for (auto& work : std::exchange(waiting, {}))
      work();
    sched.run();
  }
  const threads::activity& work_of(const std::string& node) {
    return app->graphs.by_graph("one")->work->nodes.find(node)->second;
  }
};

node_options blocking() {
  node_options o;
  o.blocking = true;
  return o;
}

// Asks in a plain loop for what is refused at once.
coroutine<node_result> ask_in_vain(state_view, context ctx) {
  auto store = ctx.store();
  auto stranger = ctx.service("stranger");
  int64_t refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    auto kept = co_await store.get({""}, "x");
    auto called = co_await stranger.get("/x");
    refused += !kept + !called;
  }
  update out;
  out.set("got", json::value(refused));
  co_return out;
}

coroutine<node_result> ask_for_ever(state_view, context ctx) {
  auto stranger = ctx.service("stranger");
  for (;;)
    static_cast<void>(co_await stranger.get("/x"));
}

// Tries every operation on what somebody keeps at notes/list.
coroutine<node_result> probe(state_view, context ctx) {
  auto store = ctx.store();
  labels notes{"notes"};
  json::object said;
  auto word = [](const auto& r) { return json::value(r ? "done" : error_class(r.error())); };
  auto got = co_await store.get(notes, "list");
  said["get"] = got ? json::value(got->value) : word(got);
  auto found = co_await store.search({});
  said["search"] = found ? json::value(found->size()) : word(found);
  auto kept = co_await store.put(notes, "list", {{"text", "mine"}});
  said["put"] = word(kept);
  auto gone = co_await store.del(notes, "list");
  said["del"] = word(gone);
  update out;
  out.set("got", said);
  co_return out;
}

coroutine<node_result> ask_several(state_view, context ctx) {
  auto api = ctx.service("api");
  auto [one, stranger, kept] = co_await when_all(api.get("/one"), ctx.service("stranger").get("/x"),
                                                 ctx.store().put("notes", "n", {{"a", 1}}));
  std::vector<service_request> calls;
  for (int i = 0; i < 100; ++i)
    calls.push_back(api.get("/" + std::to_string(i)));
  auto replies = co_await when_all(std::move(calls), 80);
  auto fine = std::count_if(replies.begin(), replies.end(),
                            [](const auto& r) { return r && r->status == 200; });
  co_return update{
    {"got", list(one.has_value(), error_class(stranger.error()), kept.has_value(), fine)}};
}

template <int N>
coroutine<node_result> sleep_often(state_view, context ctx) {
  std::vector<awaiting<std::monostate>> all;
  for (int i = 0; i < N; ++i)
    all.push_back(ctx.sleep(std::chrono::seconds{1}));
  auto slept = co_await when_all(std::move(all), N);
  update out;
  out.set("got", json::value(slept.size()));
  co_return out;
}

coroutine<node_result> sleep_long(state_view, context ctx) {
  co_await ctx.sleep(std::chrono::seconds{90});
  co_return update{{"got", "awake"}};
}

// Pulls a stream it never opened.
struct guesser : node {
  turn start(const step_input&) override { return std::vector{asked_effect{1, read_chunk{5}}}; }
  turn resume(uint64_t, effect_reply reply) override {
    return update{{"got", reply ? "read" : error_class(reply.error())}};
  }
};

// What it asks has the number that asks have unless they say another.
struct sleeper : node {
  turn start(const step_input&) override {
    return std::vector{asked_effect{.what = sleep_for{std::chrono::seconds{1}}}};
  }
  turn resume(uint64_t, effect_reply) override { return update{{"got", "awake"}}; }
};

outbound_reply stream_of(uint64_t id) {
  outbound_reply reply;
  reply.status = 200;
  reply.stream_id = id;
  return reply;
}

} // namespace

TEST_CASE_METHOD(node_fixture, "a node waits for its service and goes on with the reply",
                 "[nodes]") {
  outside.hold = true;
  auto run = run_node(runs::call_api);
  REQUIRE(outside.calls.size() == 1);
  CHECK(outside.calls[0].url == "https://api.example.com/runs/" + run.plan->run_id);
  CHECK_FALSE(over(run));
  let_outside_go();
  CHECK(got(run) == "hello");
}

TEST_CASE_METHOD(node_fixture, "a call goes out with its run's handle, as its user", "[nodes]") {
  app->secrets = secrets;
  auto run = run_node(read_mail);
  REQUIRE(outside.redeemed.size() == 1);
  const auto& claim = outside.redeemed[0];
  CHECK(claim.who == alice->key());
  CHECK(claim.run_id == run.plan->run_id);
  CHECK(claim.service == "mail");
  CHECK(claim.host == "https://mail.example.com:443");
  CHECK(got(run) == js(R"({"status":200,"receipt":7,"body":"hello"})"));
}

TEST_CASE_METHOD(node_fixture, "without a handle a call that needs one never leaves", "[nodes]") {
  auto run = run_node(read_mail);
  CHECK(failure(run) == "needs_auth");
  CHECK(outside.redeemed.empty());
  CHECK(outside.calls.empty());
}

TEST_CASE_METHOD(node_fixture, "a node may live with a call that failed", "[nodes]") {
  outside.answer = [](const outbound_call&) {
    return error{errc::upstream, "reset by peer", {}, "reset"};
  };
  CHECK(got(run_node(carry_on)) == "reset");
}

TEST_CASE_METHOD(node_fixture, "a service's refusal is a reply, not a failure", "[nodes]") {
  outside.answer = [](const outbound_call&) {
    outbound_reply reply;
    reply.status = 403;
    return reply;
  };
  CHECK(got(run_node(carry_on)) == "fine");
}

TEST_CASE_METHOD(node_fixture, "a service nobody configured is not found", "[nodes]") {
  CHECK(failure(run_node(call_stranger)) == "LookupError");
  CHECK(outside.calls.empty());
}

TEST_CASE_METHOD(node_fixture, "a streamed body is pulled part by part", "[nodes]") {
  outside.answer = [](const outbound_call&) { return stream_of(5); };
  outside.chunks = {"one ", "two ", "three"};
  CHECK(got(run_node(read_all)) == "one two three");
}

TEST_CASE_METHOD(node_fixture, "a stream a node leaves open is closed behind it", "[nodes]") {
  outside.answer = [](const outbound_call&) { return stream_of(5); };
  outside.chunks = {"one ", "two "};
  CHECK(got(run_node(read_a_little)) == "one ");
  CHECK(outside.closed == std::vector<uint64_t>{5});
}

TEST_CASE_METHOD(node_fixture, "a question ends what else its node has under way", "[nodes]") {
  outside.hold = true;
  auto run = run_node([](state_view, context ctx) -> coroutine<node_result> {
    auto asks = [](context its) -> coroutine<json::value> {
      co_await its.sleep(std::chrono::seconds{1});
      co_return co_await its.interrupt("ok?");
    };
    auto [reply, answer] = co_await when_all(ctx.service("api").get("/x"), asks(ctx));
    co_return update{{"got", answer}};
  });
  CHECK(outside.cancelled == 0);
  pass(std::chrono::seconds{1});
  CHECK(ended(run).body->as_object().contains("__interrupt__"));
  CHECK(outside.cancelled == 1);
}

TEST_CASE_METHOD(apart_fixture, "what an attempt out of time reports is not the next one's result",
                 "[nodes]") {
  auto options = blocking();
  options.timeout = std::chrono::milliseconds{200};
  options.retry.max_attempts = 2;
  auto run = run_node(
    [](const state_view&, context& ctx) -> node_result {
      return update{{"got", ctx.attempt()}};
    },
    options);
  REQUIRE(waiting.size() == 1);
  sched.advance_time(std::chrono::milliseconds{200}); // its run has yet to hear of it
  waiting[0]();
  auto& jobs = sched.jobs;
  std::rotate(jobs.begin(), std::prev(jobs.end()), jobs.end());
  REQUIRE(sched.try_run_once()); // the node: its result comes behind
  waiting.clear();
  sched.run();
  CHECK_FALSE(over(run));
  pass(std::chrono::milliseconds{500});
  let_threads_go();
  CHECK(got(run) == 2);
}

TEST_CASE_METHOD(node_fixture, "a node asks for several things at once", "[nodes]") {
  CHECK(got(run_node(ask_several)) == js(R"([true,"LookupError",true,100])"));
  CHECK(outside.calls.size() == 101);
}

TEST_CASE_METHOD(node_fixture, "a node sleeps until its time has come", "[nodes]") {
  auto run = run_node(sleep_long);
  pass(std::chrono::seconds{60});
  pass(std::chrono::seconds{29});
  CHECK_FALSE(over(run));
  pass(std::chrono::seconds{1});
  CHECK(got(run) == "awake");
}

TEST_CASE_METHOD(node_fixture, "a call that takes too long is given up, and ended outside",
                 "[nodes]") {
  outside.hold = true;
  auto run = run_node(give_up_and_sleep);
  CHECK(outside.cancelled == 0);
  pass(std::chrono::seconds{2});
  CHECK(outside.cancelled == 1);
  CHECK_FALSE(over(run));
  pass(std::chrono::seconds{10});
  CHECK(got(run) == json::value(504));
}

TEST_CASE_METHOD(node_fixture, "a call that comes back in time leaves no timer behind", "[nodes]") {
  outside.hold = true;
  outside.answer = [](const outbound_call&) { return stream_of(5); };
  auto run = run_node(give_up_and_sleep);
  pass(std::chrono::seconds{1});
  let_outside_go();
  pass(std::chrono::seconds{9});
  CHECK_FALSE(over(run));
  pass(std::chrono::seconds{1});
  CHECK(got(run) == json::value(200));
}

TEST_CASE_METHOD(node_fixture, "a node that waits for too much at once fails", "[nodes]") {
  options->runs.open_asks = 100;
  auto run = run_node(sleep_often<101>);
  CHECK(failure(run) == "TooManyAsksError");
  auto text = std::string(ended(run).body->at("__error__").at("message").as_string());
  CHECK(text.find("runs.open_asks") != text.npos);
}

TEST_CASE_METHOD(node_fixture, "a node may wait for as much as it may", "[nodes]") {
  options->runs.open_asks = 100;
  auto run = run_node(sleep_often<100>);
  pass(std::chrono::seconds{1});
  pass(std::chrono::seconds{1});
  CHECK(got(run) == 100);
}

TEST_CASE_METHOD(node_fixture, "a machine's only ask needs no number to be woken by", "[nodes]") {
  auto run = run_node([]() -> std::unique_ptr<node> { return std::make_unique<sleeper>(); });
  CHECK_FALSE(over(run));
  pass(std::chrono::seconds{1});
  CHECK(got(run) == "awake");
}

TEST_CASE_METHOD(node_fixture, "a node keeps, finds and deletes items", "[nodes]") {
  CHECK(got(run_node(remember)) == js(R"([{"text":"milk"},false])"));
}

TEST_CASE_METHOD(node_fixture, "an item that others change all the time is given up", "[nodes]") {
  int tries = 0;
  disk.refuse = [&](const write_batch& what) -> std::optional<error> {
    if (what.erases.empty() || what.erases[0].which.type != kind::item)
      return std::nullopt;
    ++tries;
    return fail(errc::conflict, "somebody was faster");
  };
  CHECK(failure(run_node(remember)) == "ConflictError");
  CHECK(tries == 16);
}

struct store_rights : node_fixture {
  const std::vector<std::string> notes{"notes"};

  record bobs_item(std::vector<std::string> labels) {
    record row;
    row.type = kind::item;
    row.tenant = "acme";
    row.id = "list";
    row.parent = encode_namespace(labels).value();
    row.doc = {{"text", "of bob"}, {"owner", "bob"}};
    return row;
  }
  /// What alice's node makes of it.
  json::value after(record item) {
    write_batch what;
    what.puts.push_back({item});
    REQUIRE(ask<written>(writer, write_records{what}));
    auto said = got(run_node(probe));
    auto left = found(storage::get_record{item.key()});
    CHECK((left && left->doc == item.doc));
    return said;
  }
  void rule(const std::string& key, const json::value& spec) {
    rules = std::make_shared<policy>();
    REQUIRE(rules->add(key, compile(parse_rule(spec).value()).value()));
    app->authorizer = own(admission::spawn_authorizer(sys, rules));
  }
  void handler(on_handler h) {
    rules = std::make_shared<policy>();
    REQUIRE(rules->add("store", std::move(h)));
    app->authorizer = own(admission::spawn_authorizer(sys, rules));
  }
};

TEST_CASE_METHOD(store_rights, "a node finds its user's items only: by namespace", "[nodes]") {
  rule("store", "owner");
  CHECK(after(bobs_item({"bob", "notes"}))
        == js(R"({"get":"LookupError","search":0,"put":"done","del":"done"})"));
}

TEST_CASE_METHOD(store_rights, "a node finds its user's items only: by filter", "[nodes]") {
  handler([](const on_context& ctx, json::object&) -> on_answer {
    return json::object{{"owner", ctx.who.identity}};
  });
  CHECK(after(bobs_item({"notes"}))
        == js(R"({"get":"LookupError","search":0,"put":"PermissionError","del":"done"})"));
}

TEST_CASE_METHOD(store_rights, "what a node's user may not do, a node may not", "[nodes]") {
  rule("store", "deny");
  CHECK(after(bobs_item({"notes"}))
        == js(R"({"get":"PermissionError","search":"PermissionError","put":"PermissionError",)"
              R"("del":"PermissionError"})"));
}

TEST_CASE_METHOD(store_rights, "where no rule is about the store, nodes have none", "[nodes]") {
  rule("threads", "allow");
  CHECK(after(bobs_item({"notes"})).at("get") == "PermissionError");
}

TEST_CASE_METHOD(store_rights, "a handler's mistake opens nothing to a node", "[nodes]") {
  handler([](const on_context& ctx, json::object& value) -> on_answer {
    value["namespace"] = ctx.who.identity; // a text where a list belongs
    return true;
  });
  auto said = after(bobs_item({"notes"}));
  for (const auto& [operation, outcome] : said.as_object())
    CHECK((outcome.is_string() && outcome != "done"));
}

TEST_CASE_METHOD(node_fixture, "a node reads no stream but its own", "[nodes]") {
  outside.chunks = {"somebody else's"};
  CHECK(got(run_node([]() -> std::unique_ptr<node> { return std::make_unique<guesser>(); }))
        == "LookupError");
}

TEST_CASE_METHOD(node_fixture, "an item that cannot be kept is the node's failure", "[nodes]") {
  disk.refuse = [](const write_batch& what) -> std::optional<error> {
    if (!what.puts.empty() && what.puts[0].row.type == kind::item)
      return fail(errc::overloaded, "disk full");
    return std::nullopt;
  };
  CHECK(failure(run_node(remember)) == "OverloadedError");
}

TEST_CASE_METHOD(node_fixture, "an item without a place is refused", "[nodes]") {
  CHECK(failure(run_node(remember_nowhere)) == "ValueError");
}

TEST_CASE_METHOD(node_fixture, "a node may be refused as often as it likes", "[nodes]") {
  CHECK(got(run_node(ask_in_vain)) == 10'000);
}

TEST_CASE_METHOD(node_fixture, "a node that asks for ever lets others in, and can be stopped",
                 "[nodes]") {
  serve(runs::one(ask_for_ever));
  open();
  auto begun =
    self->request(scheduler, caf::infinite, order(thread, "one", {{"input", json::object{}}}));
  run_by_turns([&] { return self->has_next_message(); });
  run_ref run;
  begun.receive([&](run_ref& r) { run = r; }, [](caf::error&) {});
  REQUIRE(run.run);
  run_by_turns([turns = 0]() mutable { return ++turns > 500; }); // it is under way
  auto stopped = self->request(own(run.run), caf::infinite, stop_run{});
  run_by_turns([&] { return self->has_next_message(); });
  std::string status;
  stopped.receive([&](run_result& r) { status = r.status; }, [](caf::error&) {});
  CHECK(status == "interrupted");
}

TEST_CASE_METHOD(node_fixture, "what a node writes arrives before what it returns", "[nodes]") {
  auto run = run_node(
    [](const state_view&, context& ctx) -> node_result {
      ctx.write(1);
      ctx.write(json::object{{"n", 2}});
      return update{{"got", "done"}};
    },
    {}, {"custom", "updates"});
  CHECK(lines(run)
        == std::vector<std::string>{"custom 1", R"(custom {"n":2})",
                                    R"(updates {"only":{"got":"done"}})"});
}

TEST_CASE_METHOD(node_fixture, "a machine that throws half-way is a failure of its run",
                 "[nodes]") {
  struct stumbling : node {
    turn start(const step_input&) override {
      return std::vector{asked_effect{1, store_operation{store_get{{"notes"}, "x"}}}};
    }
    turn resume(uint64_t, effect_reply) override { throw std::runtime_error("stumbled"); }
  };
  auto run = run_node([]() -> std::unique_ptr<node> { return std::make_unique<stumbling>(); });
  CHECK(failure(run) == "RuntimeError");
  CHECK(ended(run).body->at("__error__").at("message") == "stumbled");
}

TEST_CASE_METHOD(apart_fixture, "a node that may block has its turns apart, and no other node",
                 "[nodes]") {
  auto run = run_node(runs::call_api, blocking());
  REQUIRE(waiting.size() == 1);
  CHECK(outside.calls.empty());
  let_threads_go();
  REQUIRE(outside.calls.size() == 1); // what it asks, its actor asks
  CHECK_FALSE(over(run));
  let_threads_go();
  CHECK(got(run) == "hello");
  CHECK(waiting.empty());
}

TEST_CASE_METHOD(apart_fixture, "a node that throws apart is a failure of its run", "[nodes]") {
  auto run = run_node(
    [](const state_view&, context&) -> node_result { throw std::runtime_error("stumbled"); },
    blocking());
  let_threads_go();
  CHECK(failure(run) == "RuntimeError");
}

TEST_CASE_METHOD(apart_fixture, "a node that held a thread of the pool has its turns apart",
                 "[nodes]") {
  CHECK(got(run_node(runs::call_api)) == "hello");
  work_of("only").held_a_thread();
  auto run = start(uuid7(), "one", {{"input", json::object{}}});
  REQUIRE(waiting.size() == 1);
  let_threads_go();
  let_threads_go();
  CHECK(got(run) == "hello");
}

TEST_CASE_METHOD(apart_fixture, "a node learns that its run was cancelled", "[nodes]") {
  std::vector<bool> told;
  auto run = run_node(
    [&](const state_view&, context& ctx) -> node_result {
      told.push_back(ctx.cancelled());
      cancel(*shown);
      told.push_back(ctx.cancelled());
      return node_result{};
    },
    blocking());
  shown = run;
  let_threads_go();
  CHECK(told == std::vector<bool>{false, true});
  CHECK(ended(run).status == "interrupted");
}

TEST_CASE_METHOD(apart_fixture, "a cancelled run's slot is taken until its node returns",
                 "[nodes]") {
  options->runs.slots = 1;
  auto first = run_node([](const state_view&, context&) { return node_result{}; }, blocking());
  auto turn = std::exchange(waiting, {});
  REQUIRE(turn.size() == 1);
  CHECK(cancel(first).status == "interrupted");
  CHECK(run_status(first) == "interrupted");
  auto second = start(uuid7(), "one", {{"input", json::object{}}});
  CHECK(run_status(second) == "pending");
  turn.clear(); // it returns
  sched.run();
  REQUIRE(waiting.size() == 1);
  let_threads_go();
  CHECK(ended(second).status == "success");
}

TEST_CASE_METHOD(apart_fixture, "a node knows when its time, or its run's, is up", "[nodes]") {
  options->runs.timeout = std::chrono::minutes{10};
  std::vector<deadline> until;
  auto note = [&](const state_view&, context& ctx) -> node_result {
    until.push_back(ctx.until());
    return node_result{};
  };
  auto begun = sched.clock().now();
  auto limited = blocking();
  limited.timeout = std::chrono::seconds{5};
  auto b = runs::with_channels("two");
  b.node("short", note, limited).node("long", note, blocking());
  b.edge(flow::start, "short").edge("short", "long");
  serve(b.build().value());
  open();
  start(thread, "two", {{"input", json::object{}}});
  let_threads_go();
  let_threads_go();
  REQUIRE(until.size() == 2);
  CHECK(until[0] == begun + std::chrono::seconds{5});
  CHECK(until[1] == begun + std::chrono::minutes{10});
}

TEST_CASE_METHOD(apart_fixture, "a node whose time is up learns so, and its run goes on",
                 "[nodes]") {
  auto limited = blocking();
  limited.timeout = std::chrono::milliseconds{200};
  std::optional<context> seen;
  auto run = run_node(
    [&](const state_view&, context& ctx) -> node_result {
      seen = ctx;
      pass(std::chrono::milliseconds{300});
      return node_result{};
    },
    limited);
  let_threads_go();
  REQUIRE(seen);
  CHECK(seen->cancelled());
  CHECK(failure(run) == "NodeTimeoutError");
}

} // namespace behalf
