#include "runtime/graph/messages.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::value js(std::string_view text) {
  return json::parse({text.data(), text.size()});
}

std::string completed(std::string_view text) {
  return dump(to_message(js(text)).value());
}

json::array messages_of(std::string_view text) {
  return to_messages(js(text)).value();
}

} // namespace

TEST_CASE("every input form becomes one message form", "[graph]") {
  CHECK(completed(R"({"role": "user", "content": "hi", "id": "1"})")
        == R"({"content":"hi","additional_kwargs":{},"response_metadata":{},"type":"human",)"
           R"("name":null,"id":"1"})");
  CHECK(
    completed(R"({"type": "ai", "content": "x", "id": "2"})")
    == R"({"content":"x","additional_kwargs":{},"response_metadata":{},"type":"ai",)"
       R"("name":null,"id":"2","tool_calls":[],"invalid_tool_calls":[],"usage_metadata":null})");
  CHECK(completed(R"({"type": "tool", "content": "r", "tool_call_id": "c", "id": "3"})")
        == R"({"content":"r","additional_kwargs":{},"response_metadata":{},"type":"tool",)"
           R"("name":null,"id":"3","tool_call_id":"c","artifact":null,"status":"success"})");
  CHECK(to_message(js(R"(["assistant", "x"])")).value().at("type") == "ai");
  CHECK(to_message(js(R"("plain")")).value().at("type") == "human");
  CHECK(to_message(js(R"("plain")")).value().at("id").as_string().size() == 36);
  CHECK(
    to_message(js(R"({"role": "user", "content": "x", "mood": 1})")).value().at("additional_kwargs")
    == js(R"({"mood": 1})"));
}

TEST_CASE("a complete message stays as it is", "[graph]") {
  auto once = to_message(js(R"({"role": "assistant", "content": "", "id": "a",
    "tool_calls": [{"name": "f", "args": {}, "id": "c"}]})"))
                .value();
  CHECK(to_message(once).value() == once);
  CHECK(once.at("tool_calls").at(0).at("type") == "tool_call");
}

TEST_CASE("what is no message is refused", "[graph]") {
  for (auto text : {"5", "true", R"({"content": "x"})", R"({"role": "king", "content": "x"})",
                    R"({"role": "user"})", R"(["king", "x"])", R"({"type": "remove"})"}) {
    auto bad = to_message(js(text));
    REQUIRE(bad.has_error());
    CHECK(bad.error().kind == "InvalidUpdateError");
  }
}

TEST_CASE("messages append, replace by id and remove", "[graph]") {
  json::array all;
  CHECK(join_messages(all, messages_of(R"([{"role": "user", "content": "1", "id": "a"},
                                    {"role": "user", "content": "2", "id": "b"}])"))
        == message_change::appended);
  CHECK(join_messages(all, messages_of(R"({"role": "user", "content": "new", "id": "a"})"))
        == message_change::rewritten);
  CHECK(all.at(0).at("content") == "new");
  CHECK(join_messages(all, messages_of(R"([{"type": "remove", "id": "a"}])"))
        == message_change::rewritten);
  REQUIRE(all.size() == 1);
  CHECK(all.at(0).at("id") == "b");
  join_messages(all, messages_of(R"([{"role": "user", "content": "x", "id": "c"},
    {"type": "remove", "id": "__remove_all__"}, {"role": "user", "content": "y", "id": "d"}])"));
  REQUIRE(all.size() == 1);
  CHECK(all.at(0).at("id") == "d");
}

TEST_CASE("removing a message that is not there is refused", "[graph]") {
  json::array none;
  CHECK(
    check_removals(none, messages_of(R"({"type": "remove", "id": "a"})"), "messages").has_error());
  CHECK(check_removals(none, messages_of(R"([{"role": "user", "content": "1", "id": "a"},
                                      {"type": "remove", "id": "a"}])"),
                       "messages"));
  CHECK(
    check_removals(none, messages_of(R"({"type": "remove", "id": "__remove_all__"})"), "messages"));
}

TEST_CASE("the text of a message joins its text blocks", "[graph]") {
  CHECK(text_of(ai("x")) == "x");
  CHECK(text_of(js(R"({"content": [{"type": "text", "text": "a"}, "b",
                                              {"type": "image"}]})"))
        == "ab");
  CHECK(text_of(js("{}")).empty());
}

// Pair by pair this takes minutes: it would run into the time limit of all tests.
TEST_CASE("long conversations join in a moment", "[graph]") {
  constexpr int many = 100'000;
  auto conversation = [](std::string_view role) {
    json::array all;
    for (int i = 0; i < many; ++i)
      all.push_back({{"role", role}, {"content", "x"}, {"id", std::to_string(i)}});
    return to_messages(all).value();
  };
  auto first = conversation("user"), second = conversation("assistant");
  json::array removals;
  for (const auto& m : first)
    removals.push_back({{"type", "remove"}, {"id", m.at("id")}});
  json::array all;
  CHECK(join_messages(all, first) == message_change::appended);
  CHECK_FALSE(rewrites(nullptr, first));
  json::value old = all;
  CHECK(rewrites(&old, second));
  CHECK(join_messages(all, second) == message_change::rewritten);
  CHECK(all == second);
  REQUIRE(check_removals(all, removals, "messages"));
  CHECK(join_messages(all, removals) == message_change::rewritten);
  CHECK(all.empty());
}

TEST_CASE("a message that was removed may come again, at the end", "[graph]") {
  auto all = messages_of(R"([{"role": "user", "content": "1", "id": "a"},
                      {"role": "user", "content": "2", "id": "b"}])");
  auto update =
    messages_of(R"([{"type": "remove", "id": "a"}, {"role": "user", "content": "3", "id": "a"},
                         {"role": "user", "content": "4", "id": "a"}])");
  REQUIRE(check_removals(all, update, "messages"));
  CHECK(join_messages(all, update) == message_change::rewritten);
  REQUIRE(all.size() == 2);
  CHECK(all.at(0).at("content") == "2");
  CHECK(all.at(1).at("content") == "4");
}

TEST_CASE("tool calls and results are worded by name", "[graph]") {
  auto asks = ai("", list(tool_call("c1", "search", {{"query", "x"}})));
  CHECK(asks == js(R"({"type": "ai", "content": "", "tool_calls":
                  [{"name": "search", "args": {"query": "x"}, "id": "c1", "type": "tool_call"}]})"));
  CHECK(tool_calls_of(asks).size() == 1);
  auto hi = human("hi");
  CHECK(tool_calls_of(hi).empty());
  CHECK(tool_message("done", "c1")
        == js(R"({"type": "tool", "content": "done", "tool_call_id": "c1"})"));
  CHECK(tool_message({{"n", 1}}, "c1").at("content") == R"({"n":1})");
}

TEST_CASE("a tool's result is its structured content, its JSON or its text", "[graph]") {
  auto result = [](std::string_view body) {
    service_reply reply;
    reply.body = js(body);
    return tool_result(reply);
  };
  CHECK(result(R"({"structuredContent": {"a": 1}, "content": []})") == js(R"({"a": 1})"));
  CHECK(result(R"({"content": [{"type": "text", "text": "{\"a\": 2}"}]})") == js(R"({"a": 2})"));
  CHECK(result(R"({"content": [{"type": "image"}, {"type": "text", "text": "hi"}]})") == "hi");
  CHECK(result(R"({"content": []})").is_null());
  CHECK(result("null").is_null());
}

TEST_CASE("a chunk is completed as a message is", "[graph]") {
  auto chunk = to_chunk("hel", "m1").value();
  CHECK(chunk.at("type") == "AIMessageChunk");
  CHECK((chunk.at("id") == "m1" && chunk.at("content") == "hel"));
  CHECK(chunk.at("tool_calls") == json::value(json::array{}));
  auto own = to_chunk(js(R"({"role": "assistant", "id": "m2", "content": null, "n": 1,
                             "tool_call_chunks": [{"index": 0}]})"),
                      "m1")
               .value();
  CHECK((own.at("id") == "m2" && own.at("content") == "" && own.at("type") == "AIMessageChunk"));
  CHECK(own.at("additional_kwargs") == js(R"({"n": 1})"));
  CHECK(own.at("tool_call_chunks").as_array().size() == 1);
  CHECK_FALSE(to_chunk(js(R"({"type": "nobody", "content": "x"})"), "m1"));
  CHECK_FALSE(to_chunk(5, "m1"));
}

TEST_CASE("a message is made of blocks", "[graph]") {
  auto asked = human(list(text_block("What is "), image_url("https://x/y.png"), text_block("this?"),
                          image_data("aGk=", "image/png")));
  CHECK(asked.at("content").at(1) == js(R"({"type": "image", "url": "https://x/y.png"})"));
  CHECK(asked.at("content").at(3)
        == js(R"({"type": "image", "base64": "aGk=", "mime_type": "image/png"})"));
  CHECK(text_of(asked) == "What is this?");
  auto kept = to_message(asked).value();
  CHECK((kept.at("type") == "human" && kept.at("content") == asked.at("content")));
  CHECK(file_url("https://x/y.pdf", "application/pdf")
        == js(R"({"type": "file", "url": "https://x/y.pdf", "mime_type": "application/pdf"})"));
  CHECK(file_data("aGk=", "application/pdf")
        == js(R"({"type": "file", "base64": "aGk=", "mime_type": "application/pdf"})"));
  auto said = ai(list(text_block("I look."), tool_use_block("t-1", "find", {{"q", "x"}})),
                 list(tool_call("t-1", "find", {{"q", "x"}})));
  CHECK(said.at("content").at(1)
        == js(R"({"type": "tool_use", "id": "t-1", "name": "find", "input": {"q": "x"}})"));
  CHECK((text_of(said) == "I look." && tool_calls_of(said).size() == 1));
  CHECK_FALSE(ai(list(text_block("done"))).as_object().contains("tool_calls"));
  CHECK(tool_result_block("t-1", list(text_block("found")))
        == js(R"({"type": "tool_result", "tool_use_id": "t-1",
                  "content": [{"type": "text", "text": "found"}]})"));
}
