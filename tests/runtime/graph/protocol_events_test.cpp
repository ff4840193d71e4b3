// What the streaming protocol's second version says of the events of a run.
#include "runtime/base/json.hpp"
#include "runtime/graph/protocol_events.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

constexpr auto when = time_point{std::chrono::microseconds{1'700'000'000'000'000}};

struct told {
  std::vector<std::string> addresses; // "channel namespace"
  std::vector<json::object> params;
  std::vector<json::object> frames;

  void add(const std::vector<protocol_event>& events) {
    for (const auto& e : events) {
      auto address = e.address;
      address.replace(address.find('\n'), 1, " ");
      addresses.push_back(address);
      frames.push_back(parse_json(e.text).value().as_object());
      params.push_back(frames.back().at("params").as_object());
    }
  }
  const json::object& data(std::size_t i) const { return params.at(i).at("data").as_object(); }
  std::string event(std::size_t i) const { return std::string(data(i).at("event").as_string()); }
  std::size_t size() const { return frames.size(); }
};

struct run_of_graph {
  protocol_events words{"r1", "agent", 40};
  told all;

  void next(std::string_view name, const std::string& data) {
    all.add(words.next(name, data, when));
  }
  void rest() { all.add(words.rest(when)); }
  void end(std::string_view status, const json::value& result = nullptr) {
    all.add(words.end(status, result, when));
  }
  void chunk(json::object part, std::string node = "agent") {
    json::array pair{std::move(part), json::object{{"langgraph_node", node}}};
    next("messages", dump(json::value(pair)));
  }
};

protocol_filter on(std::set<std::string, std::less<>> channels) {
  return {std::move(channels), {}, std::nullopt};
}

} // namespace

TEST_CASE("a run begins and ends as a lifecycle, with the thread's numbers", "[protocol]") {
  run_of_graph run;
  run.next("metadata", R"({"run_id":"r1","attempt":1})");
  run.next("values", R"({"foo":["a"]})");
  run.end("success");
  REQUIRE(run.all.addresses == std::vector<std::string>{"lifecycle ", "values ", "lifecycle "});
  CHECK(run.all.event(0) == "running");
  CHECK(run.all.event(2) == "completed");
  CHECK(run.all.frames[0].at("event_id") == "synth:r1:lc||running");
  CHECK(run.all.frames[0].at("seq") == 41);
  CHECK(run.all.frames[1].at("event_id") == "1700000000000-42");
  CHECK(run.words.seq() == 43);
}

TEST_CASE("a failed run says why, one that took too long does too", "[protocol]") {
  run_of_graph run;
  run.next("error", R"({"error":"ValueError","message":"boom"})");
  run.end("error");
  REQUIRE(run.all.size() == 1);
  CHECK(run.all.event(0) == "failed");
  CHECK(run.all.data(0).at("error") == "boom");
  run_of_graph late;
  late.end("timeout");
  CHECK(late.all.data(0).at("error").as_string().size() > 0);
}

TEST_CASE("an interrupt is announced when it can be answered, where it happened first",
          "[protocol]") {
  run_of_graph run;
  const std::string stop = R"({"__interrupt__":[{"value":{"q":1},"id":"i1"}]})";
  run.next("updates|child:t1", stop);
  run.next("updates", stop);
  run.next("values", R"({"foo":[],"__interrupt__":[{"value":{"q":1},"id":"i1"}]})");
  CHECK(run.all.addresses == std::vector<std::string>{"lifecycle child:t1", "values "});
  CHECK_FALSE(run.all.data(1).contains("__interrupt__"));
  run.end("success");
  REQUIRE(run.all.addresses
          == std::vector<std::string>{"lifecycle child:t1", "values ", "input child:t1",
                                      "lifecycle child:t1", "lifecycle "});
  CHECK(run.all.frames[2].at("method") == "input.requested");
  CHECK(run.all.data(2).at("interrupt_id") == "i1");
  CHECK(run.all.data(2).at("payload") == json::value{{"q", 1}});
  CHECK(run.all.event(3) == "interrupted");
  CHECK(run.all.event(4) == "interrupted");
}

TEST_CASE("a breakpoint ends a run as interrupted without asking for input", "[protocol]") {
  run_of_graph run;
  run.next("updates", R"({"__interrupt__":[]})");
  run.end("success");
  REQUIRE(run.all.addresses == std::vector<std::string>{"lifecycle "});
  CHECK(run.all.event(0) == "interrupted");
}

TEST_CASE("a run that streamed neither values nor updates still asks for input", "[protocol]") {
  run_of_graph run;
  run.end("success", json::value{{"__interrupt__", {{{"id", "i1"}, {"value", "ok?"}}}}});
  CHECK(run.all.addresses == std::vector<std::string>{"input ", "lifecycle "});
}

TEST_CASE("the parts of a message become one block of text", "[protocol]") {
  run_of_graph run;
  const auto part = [](std::string text) {
    return json::object{{"type", "AIMessageChunk"}, {"id", "m1"}, {"content", text}};
  };
  run.chunk(part("hel"));
  run.chunk(part(""));
  auto last = part("lo");
  last["chunk_position"] = "last";
  last["usage_metadata"] = {{"total_tokens", 3}};
  run.chunk(last);
  std::vector<std::string> events;
  for (std::size_t i = 0; i < run.all.size(); ++i)
    events.push_back(run.all.event(i));
  REQUIRE(events
          == std::vector<std::string>{"message-start", "content-block-start", "content-block-delta",
                                      "content-block-delta", "content-block-finish",
                                      "message-finish"});
  CHECK(run.all.data(0).at("id") == "m1");
  CHECK(run.all.params[0].at("node") == "agent");
  CHECK(run.all.data(2).at("delta") == json::value{{"type", "text-delta"}, {"text", "hel"}});
  CHECK(run.all.data(4).at("content") == json::value{{"type", "text"}, {"text", "hello"}});
  CHECK(run.all.data(5).at("usage") == json::value{{"total_tokens", 3}});
  for (std::size_t i = 1; i < run.all.size(); ++i)
    CHECK(run.all.data(i).at("message_id") == "m1");
}

TEST_CASE("two messages at once keep apart, and end with their nodes", "[protocol]") {
  run_of_graph run;
  run.chunk({{"type", "AIMessageChunk"}, {"id", "m1"}, {"content", "a"}}, "one");
  run.chunk({{"type", "AIMessageChunk"}, {"id", "m2"}, {"content", "b"}}, "two");
  const auto before = run.all.size();
  run.next("tasks", R"({"id":"t1","name":"one","error":null,"result":{},"interrupts":[]})");
  REQUIRE(run.all.size() == before + 3);
  CHECK(run.all.event(before + 2) == "message-finish");
  CHECK(run.all.data(before + 2).at("message_id") == "m1");
  run.end("interrupted");
  CHECK(run.all.data(run.all.size() - 2).at("message_id") == "m2");
}

TEST_CASE("a streamed tool call is whole at its end, and starts the tool", "[protocol]") {
  run_of_graph run;
  const auto part = [](json::object call) {
    return json::object{{"type", "AIMessageChunk"},
                        {"id", "m1"},
                        {"content", ""},
                        {"tool_call_chunks", json::array{std::move(call)}}};
  };
  run.chunk(part({{"id", "c1"}, {"name", "add"}, {"args", "{\"a\""}}));
  run.chunk(part({{"id", nullptr}, {"name", nullptr}, {"args", ":1}"}}));
  run.chunk(
    {{"type", "AIMessageChunk"}, {"id", "m1"}, {"content", ""}, {"chunk_position", "last"}});
  const auto n = run.all.size();
  REQUIRE(n == 7);
  CHECK(run.all.data(3).at("delta").at("fields").at("args") == "{\"a\":1}");
  CHECK(run.all.addresses[4] == "tools ");
  CHECK(run.all.data(4).at("input") == json::value{{"a", 1}});
  CHECK(run.all.data(5).at("content").at("type") == "tool_call");
  CHECK(run.all.data(5).at("content").at("args") == json::value{{"a", 1}});
}

TEST_CASE("a call whose arguments are no object is shown as it is", "[protocol]") {
  run_of_graph run;
  run.chunk({{"type", "AIMessageChunk"},
             {"id", "m1"},
             {"content", ""},
             {"tool_call_chunks", json::array{{{"id", "c1"}, {"name", "add"}, {"args", "{oops"}}}},
             {"chunk_position", "last"}});
  const auto& content = run.all.data(run.all.size() - 2).at("content").as_object();
  CHECK(content.at("type") == "invalid_tool_call");
  CHECK(content.at("args") == "{oops");
}

TEST_CASE("whole messages start and finish tools, once", "[protocol]") {
  run_of_graph run;
  const json::object asking{
    {"type", "ai"},
    {"content", ""},
    {"tool_calls", json::array{{{"id", "c1"}, {"name", "add"}, {"args", {{"a", 1}}}}}}};
  run.chunk(asking);
  run.chunk(asking);
  run.chunk({{"type", "tool"}, {"content", "3"}, {"tool_call_id", "c1"}}, "tools");
  run.chunk({{"type", "tool"}, {"content", "no"}, {"tool_call_id", "c2"}, {"status", "error"}});
  REQUIRE(run.all.size() == 3);
  CHECK(run.all.event(0) == "tool-started");
  CHECK(run.all.data(0).at("tool_name") == "add");
  CHECK(run.all.event(1) == "tool-finished");
  CHECK(run.all.data(1).at("output") == "3");
  CHECK(run.all.event(2) == "tool-error");
  CHECK(run.all.data(2).at("message") == "no");
}

TEST_CASE("messages in values are told without what says nothing", "[protocol]") {
  run_of_graph run;
  run.next("values", R"({"messages":[{"content":"hi","additional_kwargs":{},"type":"human",)"
                     R"("name":null,"id":"h1","tool_calls":[]}],"other":[{"type":"x"}]})");
  run.rest();
  CHECK(dump(run.all.params[0].at("data"))
        == R"({"messages":[{"type":"human","content":"hi","id":"h1"}],"other":[{"type":"x"}]})");
}

TEST_CASE("a subgraph starts with its first event and ends with its task", "[protocol]") {
  run_of_graph run;
  run.next("values|child:t1|inner:t2", R"({})");
  run.next("tasks|child:t1", R"({"id":"t2","name":"inner","error":null,"result":{}})");
  run.next("tasks", R"({"id":"t1","name":"child","error":"bad","result":{}})");
  REQUIRE(run.all.addresses
          == std::vector<std::string>{
            "lifecycle child:t1", "lifecycle child:t1|inner:t2", "values child:t1|inner:t2",
            "tasks child:t1", "lifecycle child:t1|inner:t2", "tasks ", "lifecycle child:t1"});
  CHECK(run.all.event(0) == "started");
  CHECK(run.all.data(1).at("trigger_call_id") == "t2");
  CHECK(run.all.data(1).at("graph_name") == "inner");
  CHECK(run.all.params[1].at("namespace") == json::value{"child:t1", "inner:t2"});
  CHECK(run.all.event(4) == "completed");
  CHECK(run.all.event(6) == "failed");
}

TEST_CASE("what a node writes has the channel it names", "[protocol]") {
  run_of_graph run;
  run.next("custom", R"({"name":"progress","payload":1})");
  run.next("custom", R"("text")");
  REQUIRE(run.all.addresses == std::vector<std::string>{"custom:progress ", "custom "});
  CHECK(run.all.frames[0].at("method") == "custom");
  CHECK(run.all.params[1].at("data") == "text");
}

TEST_CASE("a checkpoint is told without its state", "[protocol]") {
  run_of_graph run;
  run.next("checkpoints", R"({"config":{"configurable":{"checkpoint_id":"c2"}},"values":{"a":1},)"
                          R"("parent_config":{"configurable":{"checkpoint_id":"c1"}},)"
                          R"("metadata":{"source":"loop","step":1}})");
  CHECK(dump(run.all.params[0].at("data"))
        == R"({"id":"c2","parent_id":"c1","step":1,"source":"loop"})");
}

TEST_CASE("a checkpoint is told before the values that it keeps", "[protocol]") {
  run_of_graph run;
  const std::string kept = R"({"config":{"configurable":{"checkpoint_id":"c2"}}})";
  run.next("values", R"({"a":1})");
  CHECK(run.all.size() == 0);
  run.next("checkpoints", kept);
  run.next("values|child:1", R"({"a":2})");
  run.next("checkpoints", kept); // of another graph
  run.next("values", R"({"a":3})");
  run.rest();
  run.rest();
  run.next("checkpoints", kept);
  run.next("values", R"({"a":4})");
  run.end("success");
  CHECK(run.all.addresses
        == std::vector<std::string>{"checkpoints ", "values ", "lifecycle child:1",
                                    "values child:1", "checkpoints ", "values ", "checkpoints ",
                                    "values ", "lifecycle child:1", "lifecycle "});
  for (std::size_t i = 1; i < run.all.size(); ++i)
    CHECK(run.all.frames[i].at("seq").as_int64() == run.all.frames[i - 1].at("seq").as_int64() + 1);
}

TEST_CASE("channels, namespaces and depth decide who is told", "[protocol]") {
  CHECK(on({"values"}).wants("values\n"));
  CHECK_FALSE(on({"values"}).wants("updates\n"));
  CHECK(on({"custom"}).wants("custom:x\n"));
  CHECK(on({"custom:x"}).wants("custom:x\n"));
  CHECK_FALSE(on({"custom:y"}).wants("custom:x\n"));

  auto below = on({"values"});
  below.namespaces = {{"child"}};
  CHECK_FALSE(below.wants("values\n"));
  CHECK(below.wants("values\nchild:t1"));
  CHECK(below.wants("values\nchild:t1|inner:t2"));
  CHECK_FALSE(below.wants("values\nchildren:t1"));
  below.depth = 0;
  CHECK(below.wants("values\nchild:t1"));
  CHECK_FALSE(below.wants("values\nchild:t1|inner:t2"));
  below.namespaces = {{"child:t9"}};
  CHECK_FALSE(below.wants("values\nchild:t1"));

  auto root = on({"values"});
  root.namespaces = {{}};
  root.depth = 1;
  CHECK(root.wants("values\n"));
  CHECK(root.wants("values\nchild:t1"));
  CHECK_FALSE(root.wants("values\nchild:t1|inner:t2"));
}

TEST_CASE("events that are not as they should be are left out", "[protocol]") {
  run_of_graph run;
  for (const char* odd : {"", "null", "[]", "[1,2]", "{", "[{},{}]"})
    run.next("messages", odd);
  run.next("checkpoints", "[]");
  run.next("updates", R"({"__interrupt__")");
  run.next("error", "no");
  run.next("feedback", "{}");
  CHECK(run.all.size() == 0);
}
