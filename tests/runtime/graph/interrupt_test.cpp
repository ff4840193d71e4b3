// Stops and goings-on: interrupts in nodes, before and after them, answers, commands.
#include "runtime/graph/run_loop.hpp"
#include "runtime/graph/thread_state.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

// a and b, which write `also` too, beside one that asks.
std::shared_ptr<const graph> beside_a_question(const flow::update& also) {
  graph_builder b{"beside"};
  b.channel("foo", flow::append()).channel("x", flow::last_value());
  for (const std::string name : {"a", "b"})
    b.node(name, [name, also](const state_view&, context&) -> node_result {
      auto writes = also;
      writes.set("foo", json::array{name});
      return writes;
    });
  b.node("ask", [](const state_view&, context& ctx) -> node_result {
    if (const auto* yes = ctx.answer())
      return flow::update{{"foo", *yes}};
    return flow::interrupt{"?"};
  });
  for (auto name : {"b", "ask", "a"})
    b.edge(flow::start, name);
  return b.build().value();
}

} // namespace

TEST_CASE("an interrupt stops the run as a success with its question", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::inter(), thread};
  run.input(js("{}")).run();
  REQUIRE(run.outcome->interrupts.size() == 1);
  const auto& asked = run.outcome->interrupts[0];
  CHECK(run.outcome->is == run_outcome::state::success);
  CHECK(run.outcome->thread_status() == "interrupted");
  CHECK(asked.id.size() == 32);
  auto question =
    R"([{"value":{"question":"ok?"},"id":")" + asked.id + R"(","response_schema":null}])";
  auto lines = run.lines();
  CHECK(lines[lines.size() - 2] == R"(updates {"__interrupt__":)" + question + "}");
  CHECK(lines.back() == R"(values {"foo":["a"],"__interrupt__":)" + question + "}");
  CHECK(dump(run.outcome->wait_body()) == R"({"foo":["a"],"__interrupt__":)" + question + "}");
  CHECK(dump(run.outcome->interrupts_by_task())
        == R"({")" + asked.task_id + R"(":[{"id":")" + asked.id
             + R"(","value":{"question":"ok?"}}]})");
}

TEST_CASE("a resumed node runs again from its top and gets the answer", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::inter(), thread}.input(js("{}")).run();
  run_driver resume{probes::inter(), thread};
  resume.command(js(R"({"resume": {"a": 1}})")).run();
  CHECK(resume.lines()
        == std::vector<std::string>{R"(values {"foo":["a"]})", R"(updates {"ask":{"ans":{"a":1}}})",
                                    R"(values {"foo":["a"],"ans":{"a":1}})",
                                    R"(updates {"b":{"foo":["b"]}})",
                                    R"(values {"foo":["a","b"],"ans":{"a":1}})"});
  CHECK(resume.outcome->thread_status() == "idle");
}

TEST_CASE("going on without an answer asks again, with the same id", "[graph]") {
  kept_checkpoints thread;
  run_driver first{probes::inter(), thread};
  first.input(js("{}")).run();
  for (auto command : {R"({})", R"({"resume": null})"}) {
    run_driver again{probes::inter(), thread};
    again.command(js(command)).run();
    REQUIRE(again.outcome->interrupts.size() == 1);
    CHECK(again.outcome->interrupts[0].id == first.outcome->interrupts[0].id);
  }
}

namespace {

// One that asks "1?", then "2?", each in a step of its own.
std::shared_ptr<const graph> two_questions(bool closed = false) {
  graph_builder b{"two"};
  if (closed)
    b.closed();
  b.channel("said", flow::append());
  for (const std::string name : {"1", "2"})
    b.node(name, [name](const state_view&, context& ctx) -> node_result {
      if (const auto* yes = ctx.answer())
        return flow::update{{"said", json::array{*yes}}};
      return flow::interrupt{name + "?"};
    });
  b.edge(flow::start, "1").edge("1", "2");
  return b.build().value();
}

} // namespace

TEST_CASE("an unnamed answer is not to what was asked after it was sent", "[graph]") {
  kept_checkpoints thread;
  auto answer = [&](time_point at, json::value resume) {
    run_driver run{two_questions(), thread};
    run.created_at = at;
    run.command(json::object{{"resume", std::move(resume)}}).run();
    return *run.outcome;
  };
  run_driver{two_questions(), thread}.input(js("{}")).run();
  const auto sent = now();
  REQUIRE(answer(sent, "yes").interrupts.size() == 1);
  while (now() == sent) {
  }
  const auto before = dump(thread.load()->at.body());
  const auto late = answer(sent, "yes");
  CHECK(late.refused);
  CHECK(
    late.error.at("message").as_string().starts_with("The question that is open now was asked"));
  REQUIRE(late.interrupts.size() == 1);
  CHECK(late.interrupts[0].value == "2?");
  CHECK(dump(thread.load()->at.body()) == before);
  SECTION("but to what its sender has seen") {
    CHECK(answer(now(), "no").thread_status() == "idle");
  }
  SECTION("nor where somebody has asked again meanwhile") {
    run_driver again{two_questions(), thread};
    again.command(js("{}")).run();
    REQUIRE(again.outcome->interrupts.size() == 1);
    CHECK(again.outcome->interrupts[0].asked_at == late.interrupts[0].asked_at);
  }
  SECTION("named, it is to what it says") {
    CHECK(answer(sent, json::object{{late.interrupts[0].id, "no"}}).thread_status() == "idle");
  }
  SECTION("a clock that was set back refuses nobody") {
    thread.docs.rbegin()->second.pending.front().interrupts.front().asked_at =
      now() + std::chrono::hours{1};
    CHECK(answer(sent, "no").thread_status() == "idle");
  }
}

TEST_CASE("of two answers to a question the later one ends with an error", "[graph]") {
  kept_checkpoints thread;
  run_driver asks{probes::inter(), thread};
  asks.input(js("{}")).run();
  const auto id = asks.outcome->interrupts.at(0).id;
  const auto sent = now();
  auto answer = [&](time_point at, json::value resume) {
    run_driver run{probes::inter(), thread};
    run.run_id = "later";
    run.created_at = at;
    run.command(json::object{{"resume", std::move(resume)}}).run();
    return *run.outcome;
  };
  run_driver first{probes::inter(), thread};
  first.created_at = sent;
  first.command(js(R"({"resume": "yes"})")).run();
  REQUIRE(first.outcome->thread_status() == "idle");
  const auto before = dump(thread.load()->at.body());
  for (const auto& late : {json::value("no"), json::value(json::object{{id, "no"}})}) {
    const auto told = answer(sent, late);
    CHECK(told.refused);
    CHECK(told.error.at("message").as_string().starts_with("This question has been answered"));
    CHECK(dump(thread.load()->at.body()) == before);
  }
  SECTION("also later, when it names the question") {
    CHECK(answer(now() + std::chrono::hours{1}, json::object{{id, "no"}}).refused);
  }
  SECTION("on a thread that waits for nothing others answer nothing") {
    for (const auto at : {sent - std::chrono::hours{1}, now() + std::chrono::hours{1}}) {
      const auto done = answer(at, "no");
      CHECK(done.is == run_outcome::state::success);
    }
    const auto nobodys = json::object{{std::string(32, 'a'), "no"}};
    CHECK(answer(sent, nobodys).is == run_outcome::state::success);
  }
  SECTION("the same question may be asked again") {
    run_driver old{probes::inter(), thread};
    for (const auto& [one, doc] : thread.docs)
      if (!doc.pending.empty())
        old.from = one;
    old.created_at = sent;
    old.command(json::object{{"resume", "no"}}).run();
    CHECK(old.outcome->is == run_outcome::state::success);
    CHECK(old.values().at("ans") == "no");
  }
}

TEST_CASE("an answer whose run failed may be sent again, and no other", "[graph]") {
  bool down = true;
  graph_builder b{"asks"};
  b.channel("ans", flow::last_value());
  b.node("ask", [&down](const state_view&, context& ctx) -> node_result {
    const auto* said = ctx.answer();
    if (!said)
      return flow::interrupt{"?"};
    if (down)
      return fail(errc::upstream, "the service is down");
    return flow::update{{"ans", *said}};
  });
  b.edge(flow::start, "ask").edge("ask", flow::end);
  const auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver asks{flow, thread};
  asks.input(js("{}")).run();
  const auto id = asks.outcome->interrupts.at(0).id;
  auto answer = [&](std::string_view word) {
    run_driver run{flow, thread};
    run.run_id = "of " + std::string(word);
    run.command(json::object{{"resume", json::object{{id, word}}}}).run();
    return std::pair{*run.outcome, run.values()};
  };
  CHECK(answer("yes").first.is == run_outcome::state::error);
  CHECK(answer("no").first.refused);
  down = false;
  const auto [done, values] = answer("yes");
  CHECK(done.is == run_outcome::state::success);
  CHECK(values.at("ans") == "yes");
}

TEST_CASE("a closed graph's questions are not answered before they are asked", "[graph]") {
  for (const bool closed : {false, true}) {
    kept_checkpoints thread;
    run_driver first{two_questions(closed), thread};
    first.kwargs["interrupt_before"] = json::array{"1"};
    first.input(js("{}")).run();
    REQUIRE(first.outcome->next == std::vector<std::string>{"1"});
    run_driver run{two_questions(closed), thread};
    run.command(js(R"({"resume": "yes"})")).run();
    REQUIRE(run.outcome->interrupts.size() == 1);
    CHECK(run.outcome->interrupts[0].value == (closed ? "1?" : "2?"));
  }
}

TEST_CASE("new input on a stopped thread starts over", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::inter(), thread}.input(js("{}")).run();
  run_driver anew{probes::inter(), thread};
  anew.input(js(R"({"foo": ["x"]})")).run();
  CHECK(anew.outcome->interrupts.size() == 1);
  CHECK(anew.values() == js(R"({"foo": ["a", "x", "a"]})"));
  CHECK(thread_state(*thread.load(), nullptr, "t", true).at("interrupts").as_array().size() == 1);
}

TEST_CASE("resuming a thread without state fails in band", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::inter(), thread};
  run.command(js(R"({"resume": 1})")).run();
  CHECK(run.outcome->error.at("error") == "RuntimeError");
  CHECK(thread.docs.empty());
}

TEST_CASE("several interrupts need answers by id; the others ask again", "[graph]") {
  kept_checkpoints thread;
  run_driver first{probes::inter2(), thread};
  first.input(js("{}")).run();
  REQUIRE(first.outcome->interrupts.size() == 2);
  CHECK(first.data("updates").size() == 2);
  CHECK(first.data("values").size() == 2);
  CHECK(first.outcome->wait_body().as_object().size() == 1);
  CHECK(first.outcome->wait_body().at("__interrupt__").as_array().size() == 2);

  run_driver plain{probes::inter2(), thread};
  plain.command(js(R"({"resume": "yes"})")).run();
  CHECK(plain.outcome->error.at("error") == "RuntimeError");
  CHECK(plain.outcome->error.at("message").as_string().starts_with(
    "When there are multiple pending interrupts"));

  run_driver strangers{probes::inter2(), thread};
  strangers.command(js(R"({"resume": {"0123456789abcdef0123456789abcdef": 1}})")).run();
  CHECK(strangers.outcome->interrupts.size() == 2);

  const auto& q1 = first.outcome->interrupts[0];
  const auto& q2 = first.outcome->interrupts[1];
  run_driver one{probes::inter2(), thread};
  one.command(json::object{{"resume", json::object{{q1.id, "A"}}}}).run();
  REQUIRE(one.outcome->interrupts.size() == 1);
  CHECK(one.outcome->interrupts[0].id == q2.id);
  CHECK(one.outcome->next == std::vector<std::string>{"q2"});

  run_driver two{probes::inter2(), thread};
  two.command(js(R"({"resume": "B"})")).run();
  CHECK(two.values() == js(R"({"foo": ["A", "B", "b"]})"));
  CHECK(two.data("updates").at(0)
        == js(R"({"q1": {"foo": "A"}, "__metadata__": {"cached": true}})"));
}

TEST_CASE("the nth interrupt of a node gets the nth answer", "[graph]") {
  graph_builder b{"twice"};
  b.channel("got", flow::last_value());
  b.node("n", [](state_view, context ctx) -> coroutine<node_result> {
    auto first = co_await ctx.interrupt("first");
    auto second = co_await ctx.interrupt("second");
    json::array both{first, second};
    co_return flow::update{{"got", both}};
  });
  b.edge(flow::start, "n");
  auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver asked{flow, thread};
  asked.input(js("{}")).run();
  run_driver one{flow, thread};
  one.command(js(R"({"resume": 1})")).run();
  REQUIRE(one.outcome->interrupts.size() == 1);
  CHECK(one.outcome->interrupts[0].value == "second");
  CHECK(one.outcome->interrupts[0].id != asked.outcome->interrupts[0].id);
  run_driver two{flow, thread};
  two.command(js(R"({"resume": 2})")).run();
  CHECK(two.values() == js(R"({"got": [1, 2]})"));
}

TEST_CASE("a checkpoint keeps which of several coroutines asked and was answered", "[graph]") {
  graph_builder b{"side by side"};
  b.channel("got", flow::last_value());
  b.node("n", [](state_view, context ctx) -> coroutine<node_result> {
    auto [one, two] = co_await when_all(ctx.interrupt("one?"), ctx.interrupt("two?"));
    co_return flow::update{{"got", list(one, two)}};
  });
  b.edge(flow::start, "n");
  auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver{flow, thread}.input(js("{}")).run();
  run_driver{flow, thread}.command(js(R"({"resume": 1})")).run();
  const auto kept = thread.load()->at.pending.at(0);
  REQUIRE((kept.answers.size() == 1 && kept.interrupts.size() == 1));
  CHECK(kept.answers[0].place == "/0.0:0");
  CHECK(kept.interrupts[0].place == "/0.1:0");
  run_driver last{flow, thread};
  last.command(js(R"({"resume": 2})")).run();
  CHECK(last.values() == js(R"({"got": [1, 2]})"));
}

TEST_CASE("breakpoints before and after nodes stop without a question", "[graph]") {
  for (auto [key, nodes, next] : {std::tuple{"interrupt_before", R"(["b"])", "b"},
                                  {"interrupt_after", R"(["ask"])", "b"},
                                  {"interrupt_before", R"("*")", "a"}}) {
    kept_checkpoints thread;
    run_driver run{probes::inter(), thread};
    run.kwargs[key] = js(nodes);
    run.input(js("{}")).run();
    if (!run.outcome->interrupts.empty()) {
      run_driver more{probes::inter(), thread};
      more.kwargs[key] = js(nodes);
      more.command(js(R"({"resume": "y"})")).run();
      CHECK(more.lines().back() == R"(updates {"__interrupt__":[]})");
      CHECK(more.outcome->next == std::vector<std::string>{next});
    } else {
      CHECK(run.lines().back() == R"(updates {"__interrupt__":[]})");
      CHECK(run.outcome->next == std::vector<std::string>{next});
    }
  }
}

TEST_CASE("a breakpoint lets the run pass when it goes on", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::err(), thread};
  run.kwargs["interrupt_before"] = "*";
  run.input(js("{}")).run();
  CHECK(run.outcome->next == std::vector<std::string>{"a"});
  CHECK(run.outcome->is == run_outcome::state::success);
  run_driver on{probes::err(), thread};
  on.kwargs["interrupt_before"] = "*";
  on.input(nullptr).run();
  CHECK(on.outcome->next == std::vector<std::string>{"boom"});
  CHECK(on.data("updates").at(0) == js(R"({"a": {"foo": ["a"]}})"));
}

TEST_CASE("unknown breakpoints are ignored", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::custom(), thread};
  run.kwargs["interrupt_before"] = js(R"(["nope"])");
  run.input(js("{}")).run();
  CHECK(run.outcome->next.empty());
}

TEST_CASE("a command's update and goto act beside the pending task", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::inter(), thread}.input(js("{}")).run();
  run_driver run{probes::inter(), thread};
  run.command(js(R"({"update": {"foo": ["u"]}, "goto": ["b", "unknown"]})")).begin();
  run.run_task("b");
  run.run();
  CHECK(run.data("values").at(0) == js(R"({"foo": ["a", "u"]})"));
  CHECK(run.data("updates").at(0) == js(R"({"b": {"foo": ["b"]}})"));
  REQUIRE(run.outcome->interrupts.size() == 1);
  CHECK(run.outcome->next == std::vector<std::string>{"ask"});
  auto shown = thread_state(*thread.load(), probes::inter().get(), "t", true);
  CHECK(shown.at("values") == js(R"({"foo": ["a", "u", "b"]})"));

  run_driver on{probes::inter(), thread};
  on.command(js(R"({"resume": 1, "update": [["foo", ["v"]]]})")).run();
  CHECK(on.values() == js(R"({"foo": ["a", "u", "v", "b", "b"], "ans": 1})"));
  CHECK(*thread.load()->values.at("foo") == on.values().at("foo"));
}

TEST_CASE("a stopped run shows what the tasks beside the question wrote", "[graph]") {
  auto flow = beside_a_question({});
  for (auto durability : {"sync", "exit"}) {
    kept_checkpoints thread;
    run_driver run{flow, thread};
    run.kwargs["durability"] = durability;
    run.input(js(R"({"foo": "in"})")).run();
    const auto shown = js(R"({"foo": ["in", "a", "b"]})");
    CHECK(run.outcome->interrupts.size() == 1);
    CHECK(run.outcome->next == std::vector<std::string>{"ask"});
    CHECK(run.data("values").back() == shown);
    CHECK(run.values() == shown);
    CHECK(json::value(thread_values(*thread.load(), flow.get())) == shown);

    run_driver on{flow, thread};
    on.kwargs["durability"] = durability;
    on.command(js(R"({"resume": "yes"})")).run();
    CHECK(on.values() == js(R"({"foo": ["in", "a", "yes", "b"]})"));
  }
}

TEST_CASE("two overwrites of one channel beside a question are refused", "[graph]") {
  auto flow = beside_a_question({{"x", 1}});
  kept_checkpoints thread;
  run_driver run{flow, thread};
  run.input(js(R"({"x": 0})")).run();
  CHECK(run.outcome->error.at("error") == "InvalidUpdateError");
  CHECK(run.outcome->error.at("message").as_string().starts_with(
    "At key 'x': Can receive only one value per step."));
  CHECK(run.outcome->thread_status() == "error");
  CHECK(run.values() == js(R"({"foo": [], "x": 0})"));
  CHECK(run.values() == json::value(thread_values(*thread.load(), flow.get())));
}

TEST_CASE("an update is kept once whatever the durability", "[graph]") {
  for (auto durability : {"sync", "exit"}) {
    kept_checkpoints thread;
    run_driver{probes::inter(), thread}.input(js("{}")).run();
    run_driver run{probes::inter(), thread};
    run.kwargs["durability"] = durability;
    run.command(js(R"({"update": {"foo": ["u"]}})")).run();
    CHECK(run.values() == js(R"({"foo": ["a", "u"]})"));
    CHECK(thread_values(*thread.load(), probes::inter().get()) == run.values().as_object());
    run_driver on{probes::inter(), thread};
    on.command(js(R"({"resume": 1})")).run();
    CHECK(on.values().at("foo") == js(R"(["a", "u", "b"])"));
  }
}

TEST_CASE("updates of a finished thread may repeat", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::custom(), thread}.input(js("{}")).run();
  for (auto v : {"1", "2"}) {
    run_driver run{probes::custom(), thread};
    run.command(js(std::string(R"({"update": {"done": )") + v + "}}")).run();
    CHECK(run.outcome->is == run_outcome::state::success);
    CHECK(dump(run.values()) == std::string(R"({"done":)") + v + "}");
  }
  auto shown = thread_values(*thread.load(), probes::custom().get());
  CHECK(shown == js(R"({"done": 2})"));
}

TEST_CASE("goto on an empty thread runs the graph from its start", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::custom(), thread};
  run.command(js(R"({"goto": "nowhere"})")).run();
  CHECK(run.values() == js(R"({"done": true})"));
}

TEST_CASE("goto sends its own input", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::fan(), thread}.input(js("{}")).run();
  run_driver run{probes::fan(), thread};
  run.command(js(R"({"goto": {"node": "w", "input": {"n": 7}}})")).run();
  CHECK(run.values() == js(R"({"foo": [10, 20, 70]})"));
}

TEST_CASE("an answer given at a breakpoint is for the node's first question", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::inter(), thread};
  run.kwargs["interrupt_before"] = js(R"(["ask"])");
  run.input(js("{}")).run();
  CHECK(run.outcome->interrupts.empty());
  run_driver on{probes::inter(), thread};
  on.command(js(R"({"resume": "yes"})")).run();
  CHECK(on.values() == js(R"({"foo": ["a", "b"], "ans": "yes"})"));
}

TEST_CASE("questions side by side in one node are asked at once and answered by their ids",
          "[graph]") {
  graph_builder b{"two"};
  b.channel("foo", flow::append());
  b.node("ask", [](state_view, context ctx) -> coroutine<node_result> {
    auto [one, two] = co_await when_all(ctx.interrupt("one?"), ctx.interrupt("two?"));
    auto three = co_await ctx.interrupt("three?");
    co_return flow::update{{"foo", json::array{one, two, three}}};
  });
  b.edge(flow::start, "ask");
  auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver first{flow, thread};
  first.input(js(R"({"foo":[]})")).run();
  REQUIRE(first.outcome->interrupts.size() == 2);
  CHECK(first.data("updates").back().at("__interrupt__").as_array().size() == 2);
  const auto one = first.outcome->interrupts[0].id, two = first.outcome->interrupts[1].id;
  CHECK(one != two);

  run_driver second{flow, thread};
  second.command(json::object{{"resume", {{two, "b"}}}}).run();
  REQUIRE(second.outcome->interrupts.size() == 1);
  CHECK(second.outcome->interrupts[0].id == one);

  run_driver third{flow, thread}; // without an id it is for the first
  third.command(js(R"({"resume":"a"})")).run();
  REQUIRE(third.outcome->interrupts.size() == 1);
  CHECK(third.outcome->interrupts[0].value == json::value("three?"));

  run_driver last{flow, thread};
  last.command(js(R"({"resume":"c"})")).run();
  CHECK(last.values().at("foo") == js(R"(["a","b","c"])"));
}

TEST_CASE("an answer that its node does not take leaves the question open", "[graph]") {
  auto picky = [] {
    graph_builder b{"picky"};
    b.channel("said", flow::last_value()).channel("word", flow::last_value());
    node_options options;
    options.check_answer = [](const state_view& input, const json::value& answer) -> result<void> {
      if (answer == *input.find("word"))
        return {};
      return fail(errc::invalid_argument, "that is not the word");
    };
    b.node(
      "ask",
      [](const state_view&, context& ctx) -> node_result {
        if (const auto* yes = ctx.answer())
          return flow::update{{"said", *yes}};
        return flow::interrupt{"?"};
      },
      options);
    b.edge(flow::start, "ask");
    return b.build().value();
  };
  kept_checkpoints thread;
  run_driver first{picky(), thread};
  first.input(js(R"({"word": "please"})")).run();
  const auto before = dump(thread.load()->at.body());
  const std::string unknown(32, 'a');
  for (const auto& resume :
       {json::value("no"), json::value(json::object{{first.outcome->interrupts[0].id, "no"}}),
        json::value(json::object{{unknown, "please"}})}) {
    CHECK(check_answer(picky(), *thread.load(), resume).error().message == "that is not the word");
    run_driver bad{picky(), thread};
    bad.command(json::object{{"resume", resume}}).run();
    CHECK(bad.outcome->refused);
    CHECK(bad.outcome->error.at("message") == "that is not the word");
    REQUIRE(bad.outcome->interrupts.size() == 1);
    CHECK(bad.outcome->interrupts[0].id == first.outcome->interrupts[0].id);
    CHECK(dump(thread.load()->at.body()) == before);
  }
  CHECK(check_answer(picky(), *thread.load(), "please"));
  run_driver good{picky(), thread};
  good.command(js(R"({"resume": "please"})")).run();
  CHECK(good.values().at("said") == "please");
  CHECK(check_answer(picky(), *thread.load(), "no")); // nothing is asked any more
}

TEST_CASE("answers of AG-UI's clients are answers by id", "[graph]") {
  const std::string id(32, 'a'), other(32, 'b');
  const auto map =
    js(R"({"__agui_resume_map__":{")" + id + R"(":{"status":"resolved","payload":{"ok":true}},")"
       + other + R"(":{"status":"cancelled","payload":null}}})");
  const auto plain = plain_answers(map).value();
  const auto* answers = answers_by_id(plain);
  REQUIRE(answers);
  CHECK(answers->at(id) == js(R"({"ok":true})"));
  CHECK(answers->at(other) == js(R"({"__agui_cancelled__":true})"));
  for (const auto* untouched : {"null", "7", R"("yes")", "[]", "{}", R"({"a":1})"})
    CHECK(plain_answers(js(untouched)).value() == js(untouched));
  for (const auto* wrong : {"null", "[]", "{}", R"({"x":{"payload":1}})"}) {
    INFO(wrong);
    CHECK_FALSE(plain_answers(js(R"({"__agui_resume_map__":)" + std::string(wrong) + "}")));
  }
  auto one = [&](std::string_view answer, std::string_view beside = "") {
    return plain_answers(js(R"({"__agui_resume_map__":{")" + id + "\":{" + std::string(answer)
                            + "}}" + std::string(beside) + "}"));
  };
  CHECK(one(R"("status":"resolved","payload":1)"));
  CHECK_FALSE(one(R"("status":"resolved","payload":1)", R"(,"__agui_cancelled__":true)"));
  for (const auto* status : {R"("CANCELLED")", R"("canceled")", R"("rejected")", R"("")", "null"})
    CHECK_FALSE(one(R"("payload":{"ok":true},"status":)" + std::string(status)));
  CHECK_FALSE(one(R"("payload":{"ok":true})"));
  CHECK_FALSE(plain_answers(js(R"({"__agui_resume_map__":{")" + id + R"(":"yes"}})")));
}
