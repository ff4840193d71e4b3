#include "runtime/graph/run_loop.hpp"
#include "runtime/graph/thread_state.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"

#include <limits>
#include <stdexcept>

using namespace behalf;

namespace {

std::vector<std::string> sources(const kept_checkpoints& thread) {
  std::vector<std::string> all;
  for (const auto& [id, doc] : thread.docs)
    all.push_back(doc.source + " " + std::to_string(doc.step));
  return all;
}

} // namespace

TEST_CASE("values follow the input and each superstep, updates each task", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::echo(), thread};
  run.input(js(R"({"messages": [{"role": "user", "content": "hi", "id": "h1"}]})")).run();

  auto values = run.data("values");
  REQUIRE(values.size() == 2);
  CHECK(dump(values[0])
        == R"({"messages":[{"content":"hi","additional_kwargs":{},"response_metadata":{},)"
           R"("type":"human","name":null,"id":"h1"}]})");
  CHECK(values[1].at("messages").as_array().size() == 2);
  CHECK(run.events[1].name == "updates");
  auto reply = run.data("updates").at(0).at("echo").at("messages").at(0);
  CHECK(reply.at("content") == "echo: hi");
  CHECK(reply == values[1].at("messages").at(1));
  CHECK(run.outcome->is == run_outcome::state::success);
  CHECK(run.outcome->thread_status() == "idle");
  CHECK(run.values() == values[1]);
  CHECK(sources(thread) == std::vector<std::string>{"input -1", "loop 0", "loop 1"});
}

TEST_CASE("what a node makes that cannot be stored ends its run, readably", "[graph]") {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<node_fn> bodies{
    [=](const state_view&, context&) -> node_result { return flow::interrupt{nan}; },
    [=](const state_view&, context&) -> node_result {
      return flow::command{flow::send{"bad", nan}};
    },
    [=](const state_view&, context&) -> node_result {
      return flow::update{{"foo", {nan}}};
    },
    [](const state_view&, context&) -> node_result {
      throw std::runtime_error("bytes \xff of somebody");
    },
  };
  for (const auto& body : bodies) {
    graph_builder b{"bad"};
    b.channel("foo", flow::append());
    b.node("bad", body);
    b.edge(flow::start, "bad");
    kept_checkpoints thread;
    run_driver run{b.build().value(), thread};
    run.input(js("{}")).run();
    REQUIRE(run.outcome);
    CHECK(run.outcome->is == run_outcome::state::error);
    CHECK(parse_json(dump(run.outcome->error)));
  }
}

TEST_CASE("a second input continues on the thread's state", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::echo(), thread}.input(js(R"({"messages": "one"})")).run();
  run_driver second{probes::echo(), thread};
  second.input(js(R"({"messages": "two"})")).run();
  CHECK(second.data("values").at(0).at("messages").as_array().size() == 3);
  CHECK(second.values().at("messages").as_array().size() == 4);
  CHECK(sources(thread)
        == std::vector<std::string>{"input -1", "loop 0", "loop 1", "input 2", "loop 3", "loop 4"});
}

TEST_CASE("a failing node ends the run in band and stays next", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::err(), thread};
  run.input(js("{}")).run();
  CHECK(run.lines().back() == R"(error {"error":"ValueError","message":"boom happened"})");
  CHECK(run.outcome->is == run_outcome::state::error);
  CHECK(run.outcome->thread_status() == "error");
  CHECK(run.outcome->next == std::vector<std::string>{"boom"});
  CHECK(run.outcome->error == js(R"({"error": "ValueError", "message": "boom happened"})"));
  CHECK(thread.load()->at.pending.at(0).failure == "ValueError('boom happened')");
}

TEST_CASE("a run nobody watches makes no events", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::custom(), thread};
  run.modes(json::array{}).input(js("{}")).run();
  CHECK(run.events.empty());
  CHECK(run.values() == js(R"({"done": true})"));
}

TEST_CASE("sends run beside each other with their own input", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::fan(), thread};
  run.input(js("{}")).begin();
  run.run_task("split");
  REQUIRE(run.waiting.size() == 2);
  run.run_task(1); // the second is faster
  run.run_task(0);
  CHECK(run.values() == js(R"({"foo": [10, 20]})"));
  CHECK(run.data("updates").at(0) == js(R"({"split": null})"));
  CHECK(run.data("updates").at(1) == js(R"({"w": {"foo": [20]}})"));
  auto paths = thread.load(std::next(thread.docs.begin(), 2)->first)->at.next;
  CHECK(paths.at(1).path() == js(R"(["__pregel_push", 1, false])"));
  CHECK(paths.at(1).triggers == std::vector<std::string>{"__pregel_push"});
}

TEST_CASE("a join waits for all its nodes, however many steps they take", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::join(), thread};
  run.input(js("{}")).run();
  CHECK(run.values() == js(R"({"foo": ["a", "b1", "b2", "c"]})"));
}

TEST_CASE("parallel writes join by node name, not by speed", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::join(), thread};
  run.input(js("{}")).begin();
  run.run_task("b1");
  run.run_task("a");
  run.run();
  CHECK(run.values() == js(R"({"foo": ["a", "b1", "b2", "c"]})"));
}

TEST_CASE("the recursion limit counts supersteps", "[graph]") {
  auto with_limit = [](int64_t limit, int64_t n) {
    kept_checkpoints thread;
    run_driver run{probes::loop(), thread};
    run.kwargs["config"] = json::object{{"recursion_limit", limit}};
    run.input(json::object{{"n", n}}).run();
    return run;
  };
  CHECK(with_limit(4, 3).outcome->is == run_outcome::state::success);
  auto failed = with_limit(3, 3); // as many steps as the limit are one too many
  CHECK(failed.outcome->error.at("error") == "GraphRecursionError");
  CHECK(failed.outcome->error.at("message").as_string().starts_with(
    "Recursion limit of 3 reached without hitting a stop condition."));
  auto none = with_limit(0, 3);
  CHECK(none.lines().back()
        == R"(error {"error":"ValueError","message":"recursion_limit must be at least 1"})");
  CHECK(with_limit(400, 300).outcome->is == run_outcome::state::success);
}

TEST_CASE("input that is no dict, or missing, fails in band", "[graph]") {
  kept_checkpoints thread;
  run_driver list{probes::echo(), thread};
  list.input(js("[1]")).run();
  CHECK(list.outcome->error.at("error") == "InvalidUpdateError");
  CHECK(list.outcome->error.at("message") == "Expected dict, got [1]");
  kept_checkpoints fresh;
  run_driver none{probes::echo(), fresh};
  none.input(nullptr).run();
  CHECK(none.lines()
        == std::vector<std::string>{
          R"(error {"error":"EmptyInputError","message":"Received no input for __start__"})"});
  CHECK(fresh.docs.empty());
}

TEST_CASE("unknown input keys are dropped and defaults show", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::inter(), thread};
  run.input(js(R"({"nope": 1, "foo": []})")).begin();
  CHECK(run.data("values").at(0) == js(R"({"foo": []})"));
}

TEST_CASE("input that writes nothing shows no values, on old threads neither", "[graph]") {
  kept_checkpoints thread;
  run_driver first{probes::inter(), thread};
  first.input(js(R"({"nope": 1})")).begin();
  CHECK(first.events.empty());
  first.run();
  run_driver second{probes::inter(), thread};
  second.input(js("{}")).begin();
  CHECK(second.events.empty());
}

TEST_CASE("null input on a finished thread shows the values once", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::custom(), thread}.input(js("{}")).run();
  auto kept = thread.docs.size();
  run_driver again{probes::custom(), thread};
  again.input(nullptr).run();
  CHECK(again.lines() == std::vector<std::string>{R"(values {"done":true})"});
  CHECK(again.outcome->is == run_outcome::state::success);
  CHECK(thread.docs.size() == kept);
}

TEST_CASE("two overwrites of one channel in a step are refused", "[graph]") {
  graph_builder b{"clash"};
  b.channel("x", flow::last_value());
  auto write = [](const state_view&, context&) -> node_result { return flow::update{{"x", 1}}; };
  b.node("a", write).node("b", write).edge(flow::start, "a").edge(flow::start, "b");
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.input(js("{}")).run();
  CHECK(run.outcome->error.at("error") == "InvalidUpdateError");
  CHECK(run.outcome->error.at("message").as_string().starts_with(
    "At key 'x': Can receive only one value per step."));
}

TEST_CASE("a node that leads to no node fails with a sentence", "[graph]") {
  graph_builder b{"lost"};
  b.channel("x", flow::last_value());
  b.node("a", [](const state_view&, context&) -> node_result {
    return flow::command{flow::route{"nowhere"}};
  });
  b.edge(flow::start, "a");
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.input(js("{}")).run();
  CHECK(run.outcome->error.at("message")
        == "the node 'a' leads to 'nowhere', which the graph does not have");
}

TEST_CASE("a node is tried again as its policy says", "[graph]") {
  auto calls = std::make_shared<int>(0);
  graph_builder b{"retry"};
  node_options patient;
  patient.retry.max_attempts = 3;
  patient.retry.initial = std::chrono::milliseconds{100};
  b.channel("x", flow::last_value());
  b.node(
    "a",
    [calls](const state_view&, context& ctx) -> node_result {
      if (++*calls < 3)
        return fail(errc::upstream, "not now");
      return flow::update{{"x", ctx.attempt()}};
    },
    patient);
  b.edge(flow::start, "a");
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.input(js("{}")).begin();
  run.run_task("a");
  REQUIRE(run.waiting.size() == 1);
  CHECK(run.waiting[0].after == std::chrono::milliseconds{100});
  run.run_task("a");
  CHECK(run.waiting.at(0).after == std::chrono::milliseconds{200});
  run.run();
  CHECK(run.values() == js(R"({"x": 3})"));
  CHECK(run.data("error").empty());
}

TEST_CASE("a mistake is not tried again", "[graph]") {
  node_options patient;
  patient.retry.max_attempts = 3;
  CHECK_FALSE(patient.retry.again(fail(errc::invalid_argument, "no"), 1));
  CHECK(patient.retry.again(fail(errc::timeout, "late"), 2));
  CHECK_FALSE(patient.retry.again(fail(errc::timeout, "late"), 3));
  CHECK(patient.retry.delay(30) == std::chrono::milliseconds{128'000});
}

TEST_CASE("a cancelled run keeps its supersteps and names what is left", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::inter(), thread};
  run.input(js("{}")).begin();
  run.run_task("a");
  auto which = run.waiting.at(0).this_attempt();
  run.take(run.loop->cancel());
  CHECK(run.outcome->is == run_outcome::state::interrupted);
  CHECK(run.outcome->thread_status() == "interrupted");
  CHECK(run.outcome->next == std::vector<std::string>{"ask"});
  CHECK(run.values() == js(R"({"foo": ["a"]})"));
  CHECK(run.data("error").empty());
  auto late = run.loop->task_done(which, flow::update{{"ans", 1}});
  CHECK((late.events.empty() && late.checkpoints.empty() && !late.outcome));
}

TEST_CASE("what an attempt reports after its time is not taken for the next one's", "[graph]") {
  node_options options;
  options.retry.max_attempts = 2;
  graph_builder b{"late"};
  b.channel("x", flow::append());
  b.node(
    "n", [](const state_view&, context&) { return node_result{}; }, options);
  b.edge(flow::start, "n");
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.modes({"custom", "updates"}).input(js("{}")).begin();
  auto first = run.waiting.at(0).this_attempt();
  run.take(run.loop->task_done(first, fail(errc::timeout, "its time is up")));
  REQUIRE(run.waiting.size() == 2);
  auto second = run.waiting.at(1).this_attempt();
  CHECK(second.number == 2);
  run.take(run.loop->written(first, {stream_item::kind::custom, "late"}));
  run.take(run.loop->task_done(first, flow::update{{"x", "late"}}));
  CHECK(run.events.empty());
  CHECK_FALSE(run.outcome);
  run.take(run.loop->task_done(second, flow::update{{"x", "in time"}}));
  REQUIRE(run.outcome);
  CHECK(run.values() == js(R"({"x": ["in time"]})"));
}

TEST_CASE("a temporary run keeps nothing and makes no checkpoint events", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::echo(), thread};
  run.kwargs["temporary"] = true;
  run.modes(js(R"(["checkpoints", "values"])")).input(js(R"({"messages": "x"})")).run();
  CHECK(thread.docs.empty());
  CHECK(run.data("checkpoints").empty());
  CHECK(run.data("values").size() == 2);
  CHECK(run.outcome->checkpoint_id.empty());
}

TEST_CASE("a checkpoint's metadata repeats the scalars of configurable", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::custom(), thread};
  run.configurable =
    js(R"({"langgraph_auth_user": null, "mine": 1, "list": [1], "__no": 1})").as_object();
  run.input(js("{}")).run();
  auto shown = thread.load()->at.metadata();
  CHECK(shown.at("mine") == 1);
  for (auto key : {"langgraph_auth_user", "list", "__no"})
    CHECK_FALSE(shown.contains(key));
}

TEST_CASE("durability exit keeps one whole checkpoint at the end", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::inter(), thread};
  run.kwargs["durability"] = "exit";
  run.modes("checkpoints").input(js("{}")).run();
  for (const auto& shown : run.data("checkpoints"))
    CHECK(shown.at("parent_config").is_null()); // nothing else will be there to be read
  REQUIRE(thread.docs.size() == 1);
  const auto& only = thread.docs.begin()->second;
  CHECK((only.full && only.parent_id.empty() && only.step == 1));
  CHECK(only.pending.at(0).interrupts.size() == 1);
  run_driver resume{probes::inter(), thread};
  resume.kwargs["durability"] = "exit";
  resume.command(js(R"({"resume": "yes"})")).run();
  CHECK(resume.values() == js(R"({"foo": ["a", "b"], "ans": "yes"})"));
  REQUIRE(thread.docs.size() == 2);
  CHECK(thread.docs.rbegin()->second.parent_id == only.id);
}

TEST_CASE("input and output channels limit what comes in and shows", "[graph]") {
  graph_builder b{"narrow"};
  b.channel("in", flow::last_value()).channel("mid", flow::last_value());
  b.channel("out", flow::last_value());
  b.input({"in"}).output({"out"});
  b.node("n", [](const state_view& s, context&) -> node_result {
    return flow::update{{"mid", s.has("out")}, {"out", s["in"]}};
  });
  b.edge(flow::start, "n");
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.input(js(R"({"in": 1, "out": 5})")).run();
  CHECK(run.values() == js(R"({"out": 1})"));
  CHECK(run.data("updates").at(0) == js(R"({"n": {"out": 1}})"));
  CHECK(*thread.load()->values.at("mid") == json::value(false));
}

TEST_CASE("any number of steps may be asked for", "[graph]") {
  kept_checkpoints kept;
  run_driver run{probes::echo(), kept};
  run.kwargs["config"] = json::object{{"recursion_limit", INT64_MAX}};
  run.input(js(R"({"messages": "hi"})")).run();
  CHECK(run.outcome->is == run_outcome::state::success);
}

namespace {

// Its node writes every kind of channel; its router fails `failures` times.
std::shared_ptr<const graph> with_router(int failures, int attempts) {
  graph_builder b{"routed"};
  b.channel("list", flow::append()).channel("last", flow::last_value());
  b.channel("messages", flow::messages());
  b.channel("sum", flow::reduced(
                     [](const json::value& old, const json::value& v) -> json::value {
                       return old.to_number<int64_t>() + v.to_number<int64_t>();
                     },
                     0));
  auto options = node_options{};
  options.retry.max_attempts = attempts;
  options.retry.retry_on = [](const error&) { return true; };
  b.node(
    "a",
    [](const state_view&, context&) -> node_result {
      return flow::update{{"list", list(2)},
                          {"last", "new"},
                          {"sum", 1},
                          {"messages", js(R"([{"role": "user", "content": "new", "id": "m"}])")}};
    },
    options);
  b.edge(flow::start, "a");
  b.conditional("a", [left = std::make_shared<int>(failures)](const state_view&, const context&) {
    if ((*left)-- > 0)
      throw std::runtime_error("which way?");
    return flow::route{flow::end};
  });
  return b.build().value();
}

const char* const routed_input =
  R"({"list": [1], "last": "old", "messages": {"role": "user", "content": "old", "id": "m"}})";

} // namespace

TEST_CASE("what a node wrote is taken back when its router fails", "[graph]") {
  kept_checkpoints thread;
  auto flow = with_router(1, 1);
  run_driver run{flow, thread};
  run.input(js(routed_input)).run();
  CHECK(run.outcome->error.at("message") == "which way?");
  CHECK(run.values().at("list") == js("[1]"));
  CHECK(run.values().at("last") == "old");
  CHECK(run.values().at("sum") == 0);
  CHECK(run.values().at("messages").at(0).at("content") == "old");
  CHECK(run.values() == json::value(thread_values(*thread.load(), flow.get())));
}

TEST_CASE("a node whose router failed and is tried again writes once", "[graph]") {
  kept_checkpoints thread;
  auto flow = with_router(2, 3);
  run_driver run{flow, thread};
  run.input(js(routed_input)).run();
  CHECK(run.outcome->is == run_outcome::state::success);
  CHECK(run.values().at("list") == js("[1, 2]"));
  CHECK(run.values().at("sum") == 1);
  CHECK(run.values() == json::value(thread_values(*thread.load(), flow.get())));
}

TEST_CASE("input is not taken when the way from the start fails", "[graph]") {
  graph_builder b{"start"};
  b.channel("list", flow::append());
  b.node("a", [](const state_view&, context&) -> node_result { return {}; });
  b.conditional(flow::start, [](const state_view& s, const context&) -> flow::route {
    if (s.list("list").size() > 1)
      throw std::runtime_error("which way?");
    return "a";
  });
  auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver{flow, thread}.input(js(R"({"list": [1]})")).run();
  run_driver run{flow, thread};
  run.input(js(R"({"list": [2]})")).run();
  CHECK(run.outcome->is == run_outcome::state::error);
  CHECK(run.values() == js(R"({"list": [1]})"));
  CHECK(run.values() == json::value(thread_values(*thread.load(), flow.get())));

  // A command's update is kept beside the input that is refused again.
  run_driver again{flow, thread};
  again.command(js(R"({"update": {"list": ["u"]}})")).run();
  CHECK(again.outcome->is == run_outcome::state::error);
  CHECK(again.values() == js(R"({"list": [1, "u"]})"));
  CHECK(again.values() == json::value(thread_values(*thread.load(), flow.get())));
}
