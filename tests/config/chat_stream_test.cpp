#include "config/chat_stream.hpp"
#include "tests/support/catch.hpp"

namespace behalf {
namespace {

// "kind text", a line each; a piece that begins a message has a + before it.
std::string shown(const std::vector<chat_piece>& pieces) {
  std::string all;
  for (const auto& one : pieces)
    all += std::string(one.begins ? "+" : "")
           + (one.kind == chat_kind::text        ? "text "
              : one.kind == chat_kind::reasoning ? "reasoning "
                                                 : "tool ")
           + one.text + "\n";
  return all;
}

std::string read(chat_reader& reader, const std::string& event, const std::string& data) {
  return shown(reader.read({event, data}));
}

std::string read_chunk(chat_reader& reader, const std::string& message) {
  return read(reader, "messages", "[" + message + R"(,{"langgraph_node":"agent"}])");
}

} // namespace

TEST_CASE("no terminal obeys what is printed", "[chat]") {
  CHECK(printable("a\tb\nc äöü 日本 👩‍🚀") == "a\tb\nc äöü 日本 👩‍🚀");
  CHECK(printable("\x1b[31mred\x1b]0;title\x07\r\b\x7f") == "[31mred]0;title");
  CHECK(printable("a\u009b2Jb\u202ec\u2066d\u2028e\U000e0041f") == "a2Jbcdef");
  CHECK(printable("a\xff\xc2z") == "a\ufffd\ufffdz");
}

TEST_CASE("what is decided on hides nothing", "[chat]") {
  json::object args{{"to", "a\u202eb\U000e0041\u009b"}, {"n", 1}, {"un\u200bseen", "\u200d"}};
  auto text = printable_json(args);
  CHECK(text == R"({"to":"a\u202eb\udb40\udc41\u009b","n":1,"un\u200bseen":"\u200d"})");
  CHECK(*parse_json(text) == json::value(args));
}

TEST_CASE("a glance is one short line", "[chat]") {
  CHECK(glance("a\n  b\tc") == "a b c");
  CHECK(glance(std::string(5000, 'x')) == std::string(200, 'x') + "…");
  CHECK(glance(std::string(199, 'x') + "ä") == std::string(199, 'x') + "…");
}

TEST_CASE("words are shown as they come, and are the answer", "[chat]") {
  chat_reader reader;
  CHECK(read(reader, "metadata", R"({"run_id":"r1"})").empty());
  CHECK(reader.run_id() == "r1");
  CHECK(read_chunk(reader, R"({"type":"AIMessageChunk","id":"m1","content":"Hel"})")
        == "+text Hel\n");
  CHECK(read_chunk(reader, R"({"type":"AIMessageChunk","id":"m1","content":"lo\u001b"})")
        == "text lo\n");
  CHECK(read_chunk(reader, R"({"type":"ai","id":"m1","content":"Hello"})").empty());
  CHECK(reader.answer() == "Hello\x1b");
  CHECK(read_chunk(reader, R"({"type":"ai","id":"m2","content":"Whole"})") == "+text Whole\n");
  CHECK(reader.answer() == "Whole");
  CHECK(read_chunk(reader, R"({"type":"human","id":"m3","content":"not yours"})").empty());
  CHECK(reader.answer() == "Whole");
}

TEST_CASE("reasoning is told from words", "[chat]") {
  chat_reader reader;
  CHECK(read_chunk(reader, R"({"type":"AIMessageChunk","id":"m","content":[
          {"type":"reasoning","reasoning":"hm"},{"type":"text","text":"yes"}]})")
        == "+reasoning hm\ntext yes\n");
  CHECK(read_chunk(reader, R"({"type":"AIMessageChunk","id":"m","content":[
          {"type":"thinking","thinking":"more"}]})")
        == "reasoning more\n");
  CHECK(read_chunk(reader, R"({"type":"AIMessageChunk","id":"m","content":"",
          "additional_kwargs":{"reasoning_content":"other"}})")
        == "reasoning other\n");
  CHECK(reader.answer() == "yes");
}

TEST_CASE("calls are shown when they are whole, and so are results", "[chat]") {
  chat_reader reader;
  auto part = [&](const std::string& call) {
    return read_chunk(reader, R"({"type":"AIMessageChunk","id":"m","content":"",
                                  "tool_call_chunks":[)"
                                + call + "]}");
  };
  CHECK(part(R"({"id":"c1","name":"send","args":"{\"to\":","index":0})").empty());
  CHECK(part(R"({"id":"c2","name":"read","args":"{}","index":1})").empty());
  CHECK(part(R"({"args":"\"bob\"}","index":0})").empty());
  CHECK(read(reader, "updates", R"({"agent":{}})")
        == "tool -> send {\"to\":\"bob\"}\ntool -> read {}\n");
  CHECK(read_chunk(reader, R"({"type":"tool","id":"t","content":"two\nlines"})")
        == "+tool <- two lines\n");
  CHECK(read_chunk(reader, R"({"type":"tool","id":"u","content":"no","status":"error"})")
        == "+tool <- failed: no\n");
  CHECK(read_chunk(reader, R"({"type":"ai","id":"n","content":"",
          "tool_calls":[{"id":"c3","name":"send","args":{"to":"eve"}}]})")
        == "+tool -> send {\"to\":\"eve\"}\n");
  CHECK(reader.finish().empty());
}

TEST_CASE("calls whose end nobody streamed are shown at the end", "[chat]") {
  chat_reader reader;
  read_chunk(reader, R"({"type":"AIMessageChunk","id":"m","content":"",
                         "tool_call_chunks":[{"name":"send","args":"{","index":0}]})");
  CHECK(shown(reader.finish()) == "tool -> send {\n");
}

TEST_CASE("what broke off is neither the answer nor called", "[chat]") {
  chat_reader reader;
  CHECK(read_chunk(reader, R"({"type":"AIMessageChunk","id":"m","content":"I pay",
                               "tool_call_chunks":[{"name":"pay","args":"{","index":0}]})")
        == "+text I pay\n");
  CHECK(read_chunk(reader, R"({"type":"remove","id":"other"})") == "tool -> pay {\n");
  read_chunk(reader, R"({"type":"AIMessageChunk","id":"m","content":"",
                         "tool_call_chunks":[{"name":"pay","args":"{","index":1}]})");
  CHECK(read_chunk(reader, R"({"type":"remove","id":"m"})") == "+reasoning (broken off)\n");
  CHECK(reader.answer().empty());
  CHECK(read_chunk(reader, R"({"type":"AIMessageChunk","id":"n","content":"No"})") == "+text No\n");
  CHECK(reader.answer() == "No");
  CHECK(reader.finish().empty());
}

TEST_CASE("interrupts and failures are kept", "[chat]") {
  chat_reader reader;
  CHECK(read(reader, "updates", R"({"__interrupt__":[{"value":"ok?","id":"i"},7]})").empty());
  REQUIRE(reader.interrupts().size() == 1);
  CHECK(reader.interrupts()[0].at("value") == "ok?");
  read(reader, "error", R"({"error":"ValueError","message":"boom\u001b[2J"})");
  CHECK(reader.failure() == "boom[2J");
}

TEST_CASE("events that are not understood add nothing", "[chat]") {
  chat_reader reader;
  for (const std::string name : {"messages", "updates", "metadata", "values", "x"})
    for (const std::string data :
         {"", "[", "null", "7", "[]", "[7]", "[[]]", "{}", R"([{"type":7,"content":{}}])"})
      CHECK(read(reader, name, data).empty());
  CHECK(reader.failure().empty());
}

TEST_CASE("what an agent says beside its messages is shown, and nothing of others", "[chat]") {
  chat_reader reader;
  CHECK(read(reader, "custom",
             R"({"type":"tools_unavailable","service":"ma\u001bil","reason":"no access"})")
        == "+tool -- the tools of mail are not there: no access\n");
  CHECK(read(reader, "custom", R"({"type":"summary_failed","reason":"model_unavailable"})")
        == "+tool -- the conversation could not be summarised: model_unavailable\n");
  for (auto other : {R"({"type":"progress"})", "{}", "[]", "7"})
    CHECK(read(reader, "custom", other).empty());
}

} // namespace behalf
