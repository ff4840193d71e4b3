// A thread's state changed by hand: what it becomes, what is next, and what is refused.
#include "runtime/graph/history_walk.hpp"
#include "runtime/graph/state_update.hpp"
#include "runtime/graph/thread_state.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

node_fn say(std::string word) {
  return [word](const state_view&, context&) -> node_result {
    return flow::update{{"foo", json::array{json::value(word)}}};
  };
}

graph_builder with_foo(const char* name) {
  graph_builder b{name};
  b.channel("foo", flow::append()).channel("n", flow::last_value());
  return b;
}

// a → b
std::shared_ptr<const graph> pair() {
  auto b = with_foo("pair");
  b.node("a", say("a")).node("b", say("b")).edge(flow::start, "a").edge("a", "b");
  return b.build().value();
}

// a → b and c → d, which waits for both
std::shared_ptr<const graph> diamond() {
  auto b = with_foo("diamond");
  for (const auto* name : {"a", "b", "c", "d"})
    b.node(name, say(name));
  b.edge(flow::start, "a").edge("a", "b").edge("a", "c").edge({"b", "c"}, "d");
  return b.build().value();
}

// a → x or y, as n says
std::shared_ptr<const graph> fork_in_road() {
  auto b = with_foo("road");
  for (const auto* name : {"a", "x", "y"})
    b.node(name, say(name));
  b.edge(flow::start, "a");
  b.conditional("a",
                [](const state_view& s, const context&) -> flow::route {
                  return s.number("n") > 5 ? "x" : "y";
                },
                {"x", "y"});
  return b.build().value();
}

struct thread_by_hand {
  std::shared_ptr<const graph> flow;
  kept_checkpoints kept = {};

  result<updated_state> update(std::vector<superstep_update> steps, std::string from = {}) {
    update_spec spec;
    spec.facts = std::make_shared<run_facts>();
    spec.checkpoint_metadata = {{"thread_id", "t"}};
    spec.from_checkpoint = !from.empty();
    if (!kept.docs.empty())
      spec.newest_checkpoint = kept.docs.rbegin()->first;
    auto done = update_state(*flow, kept.load(from), steps, std::move(spec));
    if (done)
      kept.keep(done->checkpoints);
    return done;
  }
  result<updated_state> update(const char* values, std::string as_node = {},
                               std::string from = {}) {
    return update({{{js(values), std::move(as_node)}}}, std::move(from));
  }
  std::string refusal(const char* values, std::string as_node = {}) {
    auto done = update(values, std::move(as_node));
    REQUIRE(!done);
    CHECK(done.error().code == errc::bad_request);
    return done.error().message;
  }
  json::object state() const { return thread_state(*kept.load(), flow.get(), "t", true); }
  std::string foo() const { return dump(state().at("values").at("foo")); }
  std::string next() const { return dump(state().at("next")); }
  json::value metadata(const char* key) const { return state().at("metadata").at(key); }
};

} // namespace

TEST_CASE("an update on an empty thread is the start's, and its entry nodes are next", "[update]") {
  thread_by_hand t{pair()};
  auto done = t.update(R"({"foo": ["x"], "unknown": 1})");
  REQUIRE(done);
  CHECK(t.foo() == R"(["x"])");
  CHECK(t.next() == R"(["a"])");
  CHECK(t.metadata("source") == "update");
  CHECK(t.metadata("step") == 0);
  CHECK(done->outcome.thread_status() == "interrupted");
  CHECK(dump(done->outcome.values->to_json()) == R"({"foo":["x"]})");
}

TEST_CASE("an update stands for the node named, else for the one that ran last", "[update]") {
  thread_by_hand t{pair()};
  run_driver{t.flow, t.kept}.input(js(R"({"foo": []})")).run();
  REQUIRE(t.update(R"({"foo": ["1"]})")->outcome.thread_status() == "idle");
  CHECK(t.next() == "[]"); // b ran last
  REQUIRE(t.update(R"({"foo": ["2"]})", "a"));
  CHECK(t.next() == R"(["b"])");
  REQUIRE(t.update(R"({"foo": ["3"]})")); // nothing has run since b
  CHECK(t.next() == "[]");
  CHECK(t.foo() == R"(["a","b","1","2","3"])");
}

TEST_CASE("a run goes on from an update by hand", "[update]") {
  thread_by_hand t{pair()};
  REQUIRE(t.update(R"({"foo": ["x"]})", "a"));
  run_driver{t.flow, t.kept}.run();
  CHECK(t.foo() == R"(["x","b"])");
}

TEST_CASE("when several nodes ran last, the update must say for which it stands", "[update]") {
  thread_by_hand t{diamond()};
  run_driver run{t.flow, t.kept};
  run.kwargs["interrupt_before"] = json::array{"d"};
  run.input(js(R"({"foo": []})")).run();
  CHECK(t.refusal(R"({"foo": ["x"]})") == "Ambiguous update, specify as_node");
  REQUIRE(t.update(R"({"foo": ["x"]})", "d"));
  CHECK(t.next() == "[]");
}

TEST_CASE("a join waits for all it joins, whoever writes for them", "[update]") {
  thread_by_hand t{diamond()};
  REQUIRE(t.update(R"({"foo": ["b"]})", "b"));
  CHECK(t.next() == "[]");
  REQUIRE(t.update(R"({"foo": ["c"]})", "c"));
  CHECK(t.next() == R"(["d"])");
  thread_by_hand both{diamond()};
  REQUIRE(both.update({{{js(R"({"foo": ["b"]})"), "b"}, {js(R"({"foo": ["c"]})"), "c"}}}));
  CHECK(both.next() == R"(["d"])");
  CHECK(both.foo() == R"(["b","c"])");
}

TEST_CASE("routers read the state with the update in it", "[update]") {
  thread_by_hand t{fork_in_road()};
  REQUIRE(t.update(R"({"n": 9})", "a"));
  CHECK(t.next() == R"(["x"])");
  REQUIRE(t.update(R"({"n": 1})", "a"));
  CHECK(t.next() == R"(["y"])");
}

TEST_CASE("an update ends a superstep: what is done of it counts, questions are gone", "[update]") {
  thread_by_hand t{probes::inter()};
  run_driver{t.flow, t.kept}.input(js("{}")).run();
  REQUIRE(t.state().at("interrupts").as_array().size() == 1);
  auto done = t.update(R"({"ans": "by hand"})", "ask");
  REQUIRE(done);
  CHECK(t.next() == R"(["b"])");
  CHECK(t.state().at("interrupts").as_array().empty());
  CHECK(done->outcome.interrupts_by_task().empty());

  graph_builder b{"half"};
  b.channel("foo", flow::append());
  b.node("done", say("done")).node("ask", probes::question_1);
  b.edge(flow::start, "done").edge(flow::start, "ask");
  thread_by_hand half{b.build().value()};
  run_driver{half.flow, half.kept}.input(js("{}")).run();
  REQUIRE(half.update(R"({"foo": ["hand"]})", "ask"));
  CHECK(half.foo() == R"(["done","hand"])");
}

TEST_CASE("without values the tasks stay; as __end__ none is left", "[update]") {
  thread_by_hand t{probes::inter()};
  run_driver{t.flow, t.kept}.input(js("{}")).run();
  auto before = t.kept.docs.size();
  REQUIRE(t.update("null"));
  CHECK(t.next() == R"(["ask"])");
  CHECK(t.metadata("source") == "update");
  CHECK(t.kept.docs.size() == before + 1);
  REQUIRE(t.update("null", "__end__")->outcome.thread_status() == "idle");
  CHECK(t.next() == "[]");
  CHECK(t.refusal("{}", "__end__") == "Node __end__ does not exist");
}

TEST_CASE("as __input__ an update is the input of the next run", "[update]") {
  thread_by_hand t{pair()};
  REQUIRE(t.update(R"({"foo": ["i"]})", "__input__"));
  CHECK(t.next() == R"(["__start__"])");
  CHECK(t.metadata("source") == "input");
  CHECK(t.metadata("step") == -1);
  CHECK(t.foo() == "[]");
  run_driver{t.flow, t.kept}.run();
  CHECK(t.foo() == R"(["i","a","b"])");
  CHECK(t.refusal("null", "__input__") == "Received no input writes for __start__");
}

TEST_CASE("as __copy__ a checkpoint stands behind itself, with updates on top", "[update]") {
  thread_by_hand empty{pair()};
  CHECK(empty.refusal("null", "__copy__") == "Cannot copy a non-existent checkpoint");
  thread_by_hand t{fork_in_road()};
  run_driver run{t.flow, t.kept};
  run.kwargs["interrupt_before"] = json::array{"y"};
  run.input(js(R"({"foo": ["0"]})")).run();
  auto copied = t.kept.load()->at.id;
  REQUIRE(t.update("null", "__copy__"));
  CHECK(t.metadata("source") == "fork");
  CHECK(t.kept.load()->at.parent_id == copied);
  CHECK(t.kept.load()->at.set.empty());
  CHECK(t.foo() == R"(["0","a"])");
  CHECK(t.next() == R"(["y"])");
  REQUIRE(t.update(R"([[{"foo": ["q"]}, "y"]])", "__copy__"));
  CHECK(t.foo() == R"(["0","a","q"])");
  CHECK(t.next() == "[]");
  CHECK(t.refusal("[5]", "__copy__").starts_with("Invalid update item: 5"));
  const superstep_update copy{{nullptr, "__copy__"}};
  CHECK_FALSE(t.update({copy, copy}));
}

TEST_CASE("an older checkpoint is forked by an update", "[update]") {
  thread_by_hand t{pair()};
  run_driver{t.flow, t.kept}.input(js(R"({"foo": ["0"]})")).run();
  auto first = std::next(t.kept.docs.begin())->first;
  REQUIRE(t.update(R"({"foo": ["F"]})", {}, first));
  CHECK(t.foo() == R"(["0","F"])");
  CHECK(t.next() == R"(["a"])"); // only the start had run
  CHECK(t.kept.load()->at.parent_id == first);
}

TEST_CASE("supersteps follow one another, and histories tell what was said for each task",
          "[update]") {
  thread_by_hand t{pair()};
  REQUIRE(t.update({{{js(R"({"foo": ["i"]})"), "__input__"}},
                    {{js(R"({"foo": ["i"]})"), "__start__"}},
                    {{js(R"({"foo": ["a"]})"), "a"}}}));
  CHECK(t.foo() == R"(["i","a"])");
  CHECK(t.next() == R"(["b"])");
  REQUIRE(t.kept.docs.size() == 3);
  history_walk walk{t.flow.get(), "t"};
  REQUIRE(walk.load(t.kept.chain_of(t.kept.docs.rbegin()->first)));
  CHECK(js(walk.show(t.kept.docs.rbegin()->first)).at("tasks").at(0).at("result").is_null());
  auto middle = js(walk.show(std::next(t.kept.docs.begin())->first));
  CHECK(dump(middle.at("tasks").at(0).at("result")) == R"({"foo":["a"]})");
}

TEST_CASE("a fault in one superstep leaves nothing of the others", "[update]") {
  thread_by_hand t{pair()};
  auto done = t.update({{{js(R"({"foo": ["a"]})"), "a"}}, {{js("{}"), "nope"}}});
  REQUIRE(!done);
  CHECK(done.error().message == "Node nope does not exist");
  CHECK(t.kept.docs.empty());
}

TEST_CASE("a command updates and goes where it says, beside the node's edges", "[update]") {
  thread_by_hand t{diamond()};
  auto command = [](const char* text) { return run_command::parse(js(text).as_object()); };
  REQUIRE(
    t.update({{{nullptr, "d", command(R"({"update": {"foo": ["v"]}, "goto": ["a", "b"]})")}}}));
  CHECK(t.foo() == R"(["v"])");
  CHECK(t.next() == R"(["a","b"])");
  auto resumes = t.update({{{nullptr, "a", command(R"({"resume": 1})")}}});
  REQUIRE(!resumes);
  CHECK(resumes.error().code == errc::bad_request);
}

TEST_CASE("an update that cannot be is refused in words", "[update]") {
  auto b = with_foo("strict");
  b.node("a", say("a")).edge(flow::start, "a").private_channel("inner", flow::last_value());
  b.channel("sum", flow::reduced([](const json::value&, const json::value&)
                                   -> json::value { throw std::invalid_argument{"no number"}; },
                                 0));
  thread_by_hand t{b.build().value()};
  CHECK(t.refusal(R"(["foo"])").starts_with("Expected dict, got "));
  CHECK(t.refusal("{}", "nope") == "Node nope does not exist");
  CHECK(t.refusal(R"({"sum": "x"})", "a").find("no number") != std::string::npos);
  CHECK(t.refusal(R"({"inner": 1})", "a").find("private") != std::string::npos);
  CHECK(t.update(std::vector<superstep_update>{{}}).error().message == "No updates provided");
  CHECK(t.update({{{js("{}"), "a"}, {js("{}"), ""}}}).error().message
        == "as_node is required when applying multiple updates");
  CHECK(t.update({{{js("{}"), "a"}, {js("{}"), "__input__"}}}).error().message
        == "Cannot apply multiple updates when updating as input");
  CHECK(t.kept.docs.empty());
}

TEST_CASE("updates that go through long lists again and again are refused", "[update]") {
  graph_builder b{"long"};
  b.channel("said", flow::messages()).node("a", say("a")).edge(flow::start, "a");
  thread_by_hand thread{b.build().value()};
  const auto step = [](std::size_t size) {
    return superstep_update{{json::object{{"said", json::array(size, "hi")}}, "a"}};
  };
  std::vector<superstep_update> steps(120, step(1));
  steps.insert(steps.begin(), step(100'000));
  auto refused = thread.update(steps);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::bad_request);
  CHECK(refused.error().message.find("fewer in one request") != std::string::npos);
  steps.resize(10);
  CHECK(thread.update(steps));
}

TEST_CASE("each update stores what it adds", "[update]") {
  thread_by_hand t{pair()};
  json::object long_one{{"foo", json::array{std::string(20'000, 'x')}}};
  REQUIRE(t.update({{{long_one, "b"}}}));
  auto before = t.kept.bytes;
  for (int i = 0; i < 20; ++i)
    REQUIRE(t.update(R"({"foo": ["y"]})", "b"));
  CHECK(t.kept.bytes - before < 20 * 200);
}
