#include "runtime/graph/history_walk.hpp"
#include "runtime/graph/thread_state.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

// Newest first, loading as little as an answer would.
json::array history(const kept_checkpoints& thread, const graph& flow) {
  history_walk walk{&flow, "t"};
  json::array all;
  for (auto doc = thread.docs.rbegin(); doc != thread.docs.rend(); ++doc) {
    if (!walk.reaches(doc->first))
      REQUIRE(walk.load(thread.chain_of(doc->first)));
    all.push_back(js(walk.show(doc->first)));
  }
  return all;
}

std::vector<std::string> keys(const json::object& o) {
  std::vector<std::string> all;
  for (const auto& [key, v] : o)
    all.emplace_back(key);
  return all;
}

} // namespace

TEST_CASE("a thread without checkpoints shows the empty state", "[graph]") {
  CHECK(dump(empty_thread_state())
        == R"({"values":{},"next":[],"tasks":[],"metadata":null,"created_at":null,)"
           R"("checkpoint":null,"parent_checkpoint":null,"interrupts":[],"checkpoint_id":null,)"
           R"("parent_checkpoint_id":null})");
  auto unknown = empty_thread_state("t", "c");
  CHECK(unknown.at("checkpoint")
        == js(R"({"checkpoint_id": "c", "thread_id": "t", "checkpoint_ns": ""})"));
}

TEST_CASE("a stopped thread shows what waits and why", "[graph]") {
  auto flow = probes::inter();
  kept_checkpoints thread;
  run_driver run{flow, thread};
  run.input(js("{}")).run();
  auto shown = thread_state(*thread.load(), flow.get(), "t", true);
  CHECK(keys(shown)
        == std::vector<std::string>{"values", "next", "tasks", "metadata", "created_at",
                                    "checkpoint", "parent_checkpoint", "interrupts",
                                    "checkpoint_id", "parent_checkpoint_id"});
  CHECK(shown.at("values") == js(R"({"foo": ["a"]})"));
  CHECK(shown.at("next") == js(R"(["ask"])"));
  const auto& asked = run.outcome->interrupts.at(0);
  auto interrupts =
    json::array{json::object{{"id", asked.id}, {"value", js(R"({"question": "ok?"})")}}};
  CHECK(shown.at("interrupts") == interrupts);
  auto task = shown.at("tasks").at(0).as_object();
  CHECK(keys(task)
        == std::vector<std::string>{"id", "name", "path", "error", "interrupts", "checkpoint",
                                    "state", "result"});
  CHECK((task.at("id") == json::value(asked.task_id) && task.at("interrupts") == interrupts));
  CHECK(task.at("path") == js(R"(["__pregel_pull", "ask"])"));
  CHECK(shown.at("metadata").at("source") == "loop");
  CHECK(shown.at("metadata").at("step") == 1);
  CHECK(shown.at("metadata").at("thread_id") == "thread-1");
  CHECK(shown.at("metadata").at("parents") == js("{}"));
}

TEST_CASE("a failed task shows its error and stays next", "[graph]") {
  auto flow = probes::err();
  kept_checkpoints thread;
  run_driver{flow, thread}.input(js("{}")).run();
  auto shown = thread_state(*thread.load(), flow.get(), "t", true);
  CHECK(shown.at("tasks").at(0).at("error") == "ValueError('boom happened')");
  CHECK(shown.at("next") == js(R"(["boom"])"));
}

TEST_CASE("a half-done superstep shows what its finished tasks wrote, when it is the head",
          "[graph]") {
  auto flow = probes::inter2();
  kept_checkpoints thread;
  run_driver first{flow, thread};
  first.input(js("{}")).run();
  run_driver one{flow, thread};
  one.command(json::object{{"resume", json::object{{first.outcome->interrupts[0].id, "A"}}}}).run();
  auto head = thread_state(*thread.load(), flow.get(), "t", true);
  CHECK(head.at("values") == js(R"({"foo": ["A"]})"));
  CHECK(head.at("next") == js(R"(["q2"])"));
  CHECK(head.at("tasks").at(0).at("result") == js(R"({"foo": "A"})"));
  auto past = history(thread, *flow).at(0);
  CHECK(past.at("values") == js(R"({"foo": []})"));
}

TEST_CASE("history lists checkpoints newest first with what their tasks wrote", "[graph]") {
  auto flow = probes::join();
  kept_checkpoints thread;
  run_driver{flow, thread}.input(js("{}")).run();
  auto all = history(thread, *flow);
  REQUIRE(all.size() == 5);
  std::vector<std::string> next, results;
  for (const auto& one : all) {
    next.push_back(dump(one.at("next")));
    std::string wrote;
    for (const auto& t : one.at("tasks").as_array())
      wrote += dump(t.at("result"));
    results.push_back(wrote);
  }
  CHECK(next
        == std::vector<std::string>{"[]", R"(["c"])", R"(["b2"])", R"(["a","b1"])",
                                    R"(["__start__"])"});
  CHECK(results
        == std::vector<std::string>{"", R"({"foo":["c"]})", R"({"foo":["b2"]})",
                                    R"({"foo":["a"]}{"foo":["b1"]})", "{}"});
  CHECK(all.at(1).at("checkpoint_id") == all.at(0).at("parent_checkpoint_id"));
  CHECK(all.at(4).at("parent_checkpoint").is_null());
  CHECK(all.at(4).at("tasks").at(0).at("name") == "__start__");
}

TEST_CASE("every state of a walk back is the state that was", "[graph]") {
  // A counter that is set, a list that grows, a list that is set and grows, from two branches.
  auto at = [](int n) { return "c" + std::string(1, static_cast<char>('a' + n)); };
  auto flow = probes::join();
  kept_checkpoints thread;
  std::map<std::string, json::value> expected;
  json::object state;
  for (int n = 0; n < 20; ++n) {
    checkpoint_doc doc;
    doc.id = at(n);
    doc.parent_id = n == 0 ? "" : at(n - 1);
    doc.full = n % 7 == 0;
    auto grown = json::array{n, "x"};
    state["count"] = n;
    auto& log = state["log"].is_array() ? state["log"].as_array() : state["log"].emplace_array();
    log.insert(log.end(), grown.begin(), grown.end());
    if (n % 5 == 4)
      state["reset"] = json::array{};
    else if (n > 4)
      state["reset"].as_array().push_back(n);
    auto put = [&](named_values& to, const char* name, json::value v) {
      to[name] = std::make_shared<const json::value>(std::move(v));
    };
    if (doc.full) {
      for (const auto& [name, v] : state)
        put(doc.set, std::string(name).c_str(), v);
    } else {
      put(doc.set, "count", n);
      put(doc.append, "log", grown);
      if (n % 5 == 4)
        put(doc.set, "reset", json::array{});
      else if (n > 4)
        put(doc.append, "reset", json::array{n});
    }
    expected[doc.id] = state;
    thread.docs[doc.id] = doc;
  }
  history_walk walk{nullptr, "t"};
  int loads = 0;
  auto show = [&](const std::string& id) {
    if (!walk.reaches(id) && ++loads)
      REQUIRE(walk.load(thread.chain_of(id)));
    return js(walk.show(id)).at("values");
  };
  for (int n = 19; n >= 0; --n)
    CHECK(show(at(n)) == expected.at(at(n)));
  CHECK(loads == 3);           // one for each full checkpoint
  for (int n : {18, 16, 9, 3}) // some left out
    CHECK(show(at(n)) == expected.at(at(n)));
}

TEST_CASE("a chain with a hole shows nothing", "[graph]") {
  auto flow = probes::join();
  kept_checkpoints thread;
  run_driver{flow, thread}.input(js("{}")).run();
  auto chain = thread.chain_of(thread.docs.rbegin()->first);
  REQUIRE(chain.size() > 2);
  chain.erase(chain.begin() + 1);
  history_walk walk{flow.get(), "t"};
  CHECK_FALSE(walk.load(chain));
  CHECK_FALSE(walk.reaches(chain.back().id));
}

TEST_CASE("without the graph what is stored still shows", "[graph]") {
  kept_checkpoints thread;
  run_driver{probes::custom(), thread}.input(js("{}")).run();
  CHECK(thread_values(*thread.load(), nullptr) == js(R"({"done": true})"));
}

TEST_CASE("what a task wrote for nodes alone is not in its result", "[graph]") {
  graph_builder b{"apart"};
  b.channel("out", flow::last_value()).private_channel("notes", flow::last_value());
  for (const auto* name : {"a", "b"})
    b.node(name, [](const state_view&, context& ctx) -> node_result {
      return flow::update{{"out", ctx.node()}, {"notes", "for b"}};
    });
  b.edge(flow::start, "a").edge("a", "b");
  auto flow = b.build().value();
  kept_checkpoints thread;
  run_driver run{flow, thread};
  run.input(js(R"({"out": ""})")).run();
  auto all = dump(history(thread, *flow));
  CHECK(all.find(R"("result":{"out":"a"})") != all.npos);
  CHECK(all.find("notes") == all.npos);
  auto without_graph = dump(thread_state(*thread.load(), nullptr, "t", true));
  CHECK(without_graph.find(R"("values":{"out":"b"})") != all.npos);
  CHECK(without_graph.find("notes") == all.npos);
}
