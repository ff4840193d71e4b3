// What a run's stream says, in which order, in each mode.
#include "runtime/graph/run_loop.hpp"
#include "testing/run_driver.hpp"
#include "tests/runtime/graph/probe_graphs.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("tasks and checkpoints events come in the recorded order", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::err(), thread};
  run.modes(js(R"(["values", "updates", "tasks", "checkpoints"])")).input(js("{}")).run();
  std::vector<std::string> order;
  for (const auto& e : run.events) {
    auto data = js(*e.data);
    auto label = e.name;
    if (e.name == "checkpoints")
      label += " " + dump(data.at("metadata").at("step"));
    if (e.name == "tasks")
      label += (data.as_object().contains("input") ? " start " : " end ")
               + std::string(data.at("name").as_string());
    order.push_back(label);
  }
  CHECK(order
        == std::vector<std::string>{"checkpoints -1", "checkpoints 0", "tasks start a", "updates",
                                    "tasks end a", "values", "checkpoints 1", "tasks start boom",
                                    "tasks end boom", "error"});
  auto failed = run.data("tasks").back();
  CHECK(failed.at("error") == js(R"({"error": "ValueError", "message": "boom happened"})"));
  CHECK((failed.at("result") == js("{}") && failed.at("interrupts") == js("[]")));
  CHECK(run.data("checkpoints").at(0).at("next") == js(R"(["__start__"])"));
  CHECK(run.data("checkpoints").at(0).at("parent_config").is_null());
}

namespace {

struct told_event {
  std::string event, name, id;
  json::array parents;
  json::value data;
};

std::vector<told_event> chain_of(const run_driver& run) {
  std::vector<told_event> all;
  for (const auto& e : run.data("events"))
    all.push_back({std::string(e.at("event").as_string()), std::string(e.at("name").as_string()),
                   std::string(e.at("run_id").as_string()), e.at("parent_ids").as_array(),
                   e.at("data")});
  return all;
}

std::vector<std::string> named(const std::vector<told_event>& all) {
  std::vector<std::string> lines;
  for (const auto& e : all)
    lines.push_back(e.event.substr(3) + ' ' + e.name);
  return lines;
}

} // namespace

TEST_CASE("mode events tells what began and ended, under who began it", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::err(), thread};
  run.modes("events").input(js("{}")).run();
  const auto all = chain_of(run);
  CHECK(named(all)
        == std::vector<std::string>{"chain_start err", "chain_start a", "chain_stream a",
                                    "chain_end a", "chain_start boom"});
  CHECK((all[0].id == run.run_id && all[0].parents.empty()));
  CHECK(all[1].parents == json::array{run.run_id});
  CHECK((all[1].id == all[3].id && all[1].id != all[4].id));
  CHECK(all[0].data == js(R"({"input": {}})"));
  CHECK(all[3].data.at("output") == all[2].data.at("chunk"));
  CHECK(all[3].data.at("input") == all[1].data.at("input"));
  const auto about = run.data("events").at(1);
  CHECK(about.at("tags") == js(R"(["graph:step:1"])"));
  CHECK(about.at("metadata").at("langgraph_node") == "a");
}

TEST_CASE("mode events tells a model's words and its whole message", "[graph]") {
  graph_builder b{"model"};
  b.channel("messages", flow::messages());
  b.node("say", [](const state_view&, context& ctx) -> node_result {
    const auto id = ctx.write_message("He");
    ctx.write_message({{"id", id}, {"content", "llo"}});
    json::object message{{"type", "ai"}, {"id", id}, {"content", "Hello"}};
    return flow::update{{"messages", list(message)}};
  });
  b.edge(flow::start, "say").edge("say", flow::end);
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.modes("events").input(js(R"({"messages": "hi"})")).run();
  const auto all = chain_of(run);
  CHECK(named(all)
        == std::vector<std::string>{"chain_start model", "chain_start say",
                                    "chat_model_start ChatModel", "chat_model_stream ChatModel",
                                    "chat_model_stream ChatModel", "chat_model_end ChatModel",
                                    "chain_stream say", "chain_end say", "chain_end model"});
  CHECK(all[2].parents == json::array{run.run_id, all[1].id});
  CHECK((all[2].id == all[5].id && all[2].id != all[1].id));
  CHECK(all[5].data.at("output").at("content") == "Hello");
}

TEST_CASE("custom events are what the node wrote", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::custom(), thread};
  run.modes("custom").input(js("{}")).run();
  CHECK(run.lines()
        == std::vector<std::string>{R"(custom {"step":1})", R"(custom "text")", "custom 7"});
}

TEST_CASE("messages-tuple sends returned messages once, with where they come from", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::echo(), thread};
  run.modes("messages-tuple").input(js(R"({"messages": "hi"})")).run();
  auto events = run.data("messages");
  REQUIRE(events.size() == 1);
  CHECK(events[0].at(0).at("content") == "echo: hi");
  const auto& about = events[0].at(1).as_object();
  CHECK(about.at("langgraph_node") == "echo");
  CHECK(about.at("langgraph_step") == 1);
  CHECK(about.at("langgraph_triggers") == js(R"(["branch:to:echo"])"));
  CHECK(about.at("langgraph_path") == js(R"(["__pregel_pull", "echo"])"));
  CHECK(about.at("langgraph_checkpoint_ns").as_string().starts_with("echo:"));
  CHECK(about.at("run_id") == json::value(run.run_id));
}

TEST_CASE("a streamed message is not sent again when the node returns it", "[graph]") {
  graph_builder b{"stream"};
  b.channel("messages", flow::messages());
  b.node("model", [](const state_view&, context& ctx) -> node_result {
    for (auto part : {"he", "llo"})
      ctx.write_message(json::object{{"type", "AIMessageChunk"}, {"id", "m1"}, {"content", part}});
    return flow::update{
      {"messages", json::object{{"type", "ai"}, {"id", "m1"}, {"content", "hello"}}}};
  });
  b.edge(flow::start, "model");
  auto flow = b.build().value();
  kept_checkpoints one, two;
  run_driver tuple{flow, one};
  tuple.modes("messages-tuple").input(js("{}")).run();
  CHECK(tuple.data("messages").size() == 2);
  run_driver plain{flow, two};
  plain.modes("messages").input(js("{}")).run();
  std::vector<std::string> names;
  for (const auto& e : plain.events)
    names.push_back(e.name);
  CHECK(names
        == std::vector<std::string>{"messages/metadata", "messages/partial", "messages/partial"});
  CHECK(plain.data("messages/partial").at(1).at(0).at("content") == "hello");
  CHECK(plain.data("messages/partial").at(1).at(0).at("type") == "ai");
}

TEST_CASE("a part that is told by its text alone is the same event", "[graph]") {
  graph_builder b{"stream"};
  b.channel("messages", flow::messages());
  b.node("model", [](const state_view&, context& ctx) -> node_result {
    const auto like = to_chunk(json::object{{"id", "m1"}, {"content", ""}}, "").value();
    const auto shared = std::make_shared<const json::object>(like.as_object());
    const auto about = std::make_shared<const json::object>(json::object{{"ls_provider", "p"}});
    for (const auto* text : {"he", "\"l\"\n\xE2\x82\xAC", "lo"}) {
      auto whole = like;
      whole.as_object()["content"] = text;
      emit(ctx, {stream_item::kind::message, std::move(whole), about});
      emit(ctx, {stream_item::kind::message, text, about, shared});
    }
    return flow::update{{"messages", with_id(ai("hello"), "m1")}};
  });
  b.edge(flow::start, "model");
  auto flow = b.build().value();
  kept_checkpoints one, two;
  run_driver tuple{flow, one};
  tuple.modes("messages-tuple").input(js("{}")).run();
  REQUIRE(tuple.events.size() == 6);
  for (std::size_t i = 0; i < 6; i += 2)
    CHECK(*tuple.events[i].data == *tuple.events[i + 1].data);
  run_driver plain{flow, two};
  plain.modes("messages").input(js("{}")).run();
  CHECK(plain.data("messages/partial").at(1).at(0).at("content") == "hehe");
}

TEST_CASE("parts without an id and the message they become are one", "[graph]") {
  graph_builder b{"stream"};
  b.channel("messages", flow::messages());
  b.node("model", [](const state_view&, context& ctx) -> node_result {
    ctx.write_message("he");
    auto id = ctx.write_message("llo");
    CHECK(ctx.write_message({{"id", "own"}, {"content", "more"}}) == "own");
    return flow::update{{"messages", with_id(ai("hello"), id)}};
  });
  b.edge(flow::start, "model");
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.modes("messages-tuple").input(js("{}")).run();
  auto parts = run.data("messages");
  REQUIRE(parts.size() == 3); // and not "hello" once more
  CHECK(parts[0].at(0).at("id") == parts[1].at(0).at("id"));
}

TEST_CASE("a debug event follows the event it repeats", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::custom(), thread};
  run.modes(js(R"(["debug", "tasks", "checkpoints"])")).input(js("{}")).run();
  std::vector<std::string> names;
  for (const auto& e : run.events)
    names.push_back(e.name);
  CHECK(names
        == std::vector<std::string>{"checkpoints", "debug", "checkpoints", "debug", "tasks",
                                    "debug", "tasks", "debug", "checkpoints", "debug"});
}

TEST_CASE("debug events wrap checkpoints and tasks", "[graph]") {
  kept_checkpoints thread;
  run_driver run{probes::custom(), thread};
  run.modes("debug").input(js("{}")).run();
  std::vector<std::string> types;
  for (const auto& d : run.data("debug"))
    types.push_back(std::string(d.at("type").as_string()) + " " + dump(d.at("step")));
  CHECK(types
        == std::vector<std::string>{"checkpoint -1", "checkpoint 0", "task 1", "task_result 1",
                                    "checkpoint 1"});
  auto last = run.data("debug").back().at("payload");
  CHECK(last.at("checkpoint").at("checkpoint_id") == json::value(thread.docs.rbegin()->first));
  CHECK(last.at("parent_checkpoint").at("checkpoint_id")
        == json::value(json::value(std::next(thread.docs.rbegin())->first)));
}

TEST_CASE("no stream shows what is for nodes alone", "[graph]") {
  graph_builder b{"apart"};
  b.channel("out", flow::last_value()).private_channel("notes", flow::messages());
  node_options sends;
  sends.may_go_to = {"b", "c"};
  b.node(
    "a",
    [](const state_view&, context&) -> node_result {
      flow::route to;
      to.add("b").add(flow::send{"c", json::object{{"notes", "sent"}, {"n", 1}}});
      return flow::command{flow::update{{"notes", "a secret"}}, to};
    },
    sends);
  std::string read;
  b.node("b", [&](const state_view& s, context&) -> node_result {
    read = dump(s["notes"]);
    return flow::update{{"out", 1}, {"notes", "more"}};
  });
  b.node("c", [](const state_view& s, context&) -> node_result {
    return s.has("notes") ? node_result{} : fail(errc::internal, "the node sees all it was sent");
  });
  b.edge(flow::start, "a");
  kept_checkpoints thread;
  run_driver run{b.build().value(), thread};
  run.modes(js(R"(["values", "updates", "messages", "tasks", "checkpoints", "debug"])"));
  run.input(js(R"({"out": 0})")).run();
  REQUIRE(run.outcome->is == run_outcome::state::success);
  CHECK(read.find("a secret") != read.npos);
  CHECK(run.data("tasks").at(0).at("input") == js(R"({"out": 0})"));
  for (const auto& line : run.lines())
    CHECK(line.find("notes") == line.npos);
  for (const auto& line : run.lines())
    CHECK(line.find("secret") == line.npos);
}
