// Branches from older checkpoints, and what a crash leaves to do.
#include "runtime/graph/run_loop.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/graph_pieces.hpp"

using namespace behalf;

namespace {

// One `w` for each of n; half of them ask before they end, when `asks` says so.
std::shared_ptr<const graph> one_each(int64_t n, bool asks = false) {
  graph_builder b{"each"};
  b.channel("done", flow::append());
  b.node("w", [asks](const state_view& sent, context& ctx) -> node_result {
    const auto& i = sent["i"];
    if (asks && i.get_int64() % 2 == 0 && !ctx.answer())
      return flow::interrupt{i};
    return flow::update{{"done", i}};
  });
  b.conditional(flow::start, send_each("w", n));
  return b.build().value();
}

// Bytes handed to the storage while n tasks end one after the other.
std::size_t kept_by(int64_t n) {
  kept_checkpoints thread;
  run_driver run{one_each(n), thread};
  run.input(js("{}")).run();
  CHECK(run.values().at("done").as_array().size() == static_cast<std::size_t>(n));
  return thread.bytes;
}

} // namespace

TEST_CASE("what many tasks at once keep grows with their number", "[graph]") {
  auto some = kept_by(50);
  CHECK(kept_by(200) < some * 5);
}

TEST_CASE("after a crash each of many tasks has run once, answered or not", "[graph]") {
  kept_checkpoints thread;
  run_driver first{one_each(20, true), thread};
  first.input(js("{}")).begin();
  for (int i = 0; i < 7; ++i)
    first.run_task(3);
  run_driver again{one_each(20, true), thread};
  again.run_id = first.run_id;
  again.after_crash = true;
  again.input(js("{}")).begin();
  CHECK(again.waiting.size() == 20 - 4); // 3 have asked, and ask again
  for (const auto& open : again.waiting)
    CHECK(open.cut_off);
  again.run();
  REQUIRE(again.outcome->interrupts.size() == 10);

  json::object answers;
  for (const auto& one : again.outcome->interrupts)
    answers[one.id] = "yes";
  json::object command{{"resume", answers}};
  run_driver resumed{one_each(20, true), thread};
  resumed.command(command).begin();
  REQUIRE(resumed.waiting.size() == 10);
  CHECK_FALSE(resumed.waiting.front().cut_off); // they were asking, nothing more
  for (int i = 0; i < 4; ++i)
    resumed.run_task(5);
  run_driver last{one_each(20, true), thread};
  last.run_id = resumed.run_id;
  last.after_crash = true;
  last.command(command).begin();
  CHECK(last.waiting.size() == 6);
  last.run();
  CHECK(last.outcome->interrupts.empty());
  json::array all;
  for (int i = 0; i < 20; ++i)
    all.push_back(i);
  CHECK(last.values().at("done") == json::value(all));
}

TEST_CASE("an older checkpoint is forked and replayed", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::join(), thread}.input(js("{}")).run();
  auto old = std::next(thread.docs.begin(), 2)->second; // after a and b1
  REQUIRE(old.step == 1);
  auto before = thread.docs.size();
  run_driver replay{probes::join(), thread};
  replay.from = old.id;
  replay.input(nullptr).run();
  CHECK(replay.values() == js(R"({"foo": ["a", "b1", "b2", "c"]})"));
  auto fresh = std::next(thread.docs.begin(), static_cast<std::ptrdiff_t>(before));
  CHECK((fresh->second.source == "fork" && fresh->second.step == 2));
  CHECK(fresh->second.parent_id == old.id);
  CHECK(thread.docs.size() == before + 3);
}

TEST_CASE("input on an older checkpoint is applied on top of it", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::echo(), thread}.input(js(R"({"messages": "one"})")).run();
  auto first = thread.docs.rbegin()->first;
  run_driver{probes::echo(), thread}.input(js(R"({"messages": "two"})")).run();
  run_driver branch{probes::echo(), thread};
  branch.from = first;
  branch.input(js(R"({"messages": "other"})")).run();
  CHECK(branch.values().at("messages").as_array().size() == 4);
  CHECK(branch.values().at("messages").at(2).at("content") == "other");
}

TEST_CASE("after a crash only what had not ended runs again", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::join(), thread};
  run.input(js("{}")).begin();
  run.run_task("b1");
  run_driver again{probes::join(), thread}; // "a" was lost
  again.run_id = run.run_id;
  again.after_crash = true;
  again.input(js("{}")).begin();
  REQUIRE(again.waiting.size() == 1);
  CHECK(again.waiting[0].name == "a");
  again.run();
  CHECK(again.values() == js(R"({"foo": ["a", "b1", "b2", "c"]})"));
}

TEST_CASE("a crash before the first checkpoint starts the run anew", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::echo(), thread};
  run.after_crash = true;
  run.input(js(R"({"messages": "x"})")).run();
  CHECK(run.values().at("messages").as_array().size() == 2);
}

TEST_CASE("after a crash all of a graph inside that keeps nothing may have run", "[graph]") {
  const auto says_its_name = [](const state_view&, context& ctx) -> node_result {
    return flow::update{{"foo", json::array{ctx.node()}}};
  };
  graph_builder inside{"inside"};
  inside.channel("foo", flow::append()).keeps(persistence::none);
  inside.node("c1", says_its_name).node("c2", says_its_name);
  inside.edge(flow::start, "c1").edge("c1", "c2");
  graph_builder b{"around"};
  b.channel("foo", flow::append()).node("child", inside.build().value());
  b.node("after", says_its_name);
  b.edge(flow::start, "child").edge("child", "after");
  const auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver run{flow, thread};
  run.input(js("{}")).begin();
  run.run_task("child");
  REQUIRE(run.waiting.at(0).name == "c1");
  CHECK_FALSE(run.waiting[0].cut_off);
  run_driver again{flow, thread};
  again.run_id = run.run_id;
  again.after_crash = true;
  again.input(js("{}")).begin();
  again.run_task("child");
  for (const auto* name : {"c1", "c2"}) {
    REQUIRE(again.waiting.at(0).name == name);
    CHECK(again.waiting[0].cut_off);
    again.run_task(name);
  }
  REQUIRE(again.waiting.at(0).name == "after");
  CHECK_FALSE(again.waiting[0].cut_off);
}

TEST_CASE("a crash of a resumed run does not answer twice", "[graph]") {
  kept_checkpoints thread;
  run_driver first{probes::inter2(), thread};
  first.input(js("{}")).run();
  json::object answers;
  for (const auto& one : first.outcome->interrupts)
    answers[one.id] = one.value;
  json::object command{{"resume", answers}};
  run_driver run{probes::inter2(), thread};
  run.command(command).begin();
  run.run_task("q2");
  run_driver again{probes::inter2(), thread};
  again.run_id = run.run_id;
  again.after_crash = true;
  again.command(command).run();
  CHECK(again.values() == js(R"({"foo": ["one?", "two?", "b"]})"));
}

TEST_CASE("a crash does not carry a run past its breakpoint", "[graph]") {
  for (auto [key, left] : {std::pair{"interrupt_after", "boom"}, {"interrupt_before", "boom"}}) {
    kept_checkpoints thread;
    run_driver run{probes::err(), thread};
    run.kwargs[key] = js(std::string_view{key} == "interrupt_after" ? R"(["a"])" : R"(["boom"])");
    run.input(js("{}")).run();
    run_driver again{probes::err(), thread}; // it ended, but nobody wrote that down
    again.kwargs = run.kwargs;
    again.run_id = run.run_id;
    again.after_crash = true;
    again.run();
    CHECK(again.outcome->is == run_outcome::state::success);
    CHECK(again.outcome->next == std::vector<std::string>{left});
    CHECK(again.lines().back() == R"(updates {"__interrupt__":[]})");
    run_driver on{probes::err(), thread};
    on.input(nullptr).run();
    CHECK(on.outcome->error.at("error") == "ValueError");
  }
}

TEST_CASE("siblings of a failed task are not run again", "[graph]") {
  auto broken = std::make_shared<bool>(true);
  auto ran = std::make_shared<int>(0);
  graph_builder b{"half"};
  b.channel("foo", flow::append());
  b.node("a", [ran](const state_view&, context&) -> node_result {
    ++*ran;
    return flow::update{{"foo", "a"}};
  });
  b.node("b", [broken](const state_view&, context&) -> node_result {
    if (*broken)
      return fail(errc::denied, "no");
    return flow::update{{"foo", "b"}};
  });
  b.edge(flow::start, "a").edge(flow::start, "b");
  auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver run{flow, thread};
  run.input(js("{}")).run();
  CHECK(run.outcome->error.at("error") == "PermissionError");
  CHECK(run.outcome->next == std::vector<std::string>{"b"});
  *broken = false;
  run_driver again{flow, thread};
  again.input(nullptr).run();
  CHECK(again.values() == js(R"({"foo": ["a", "b"]})"));
  CHECK(*ran == 1);
}
