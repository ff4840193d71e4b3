#include "agents/models/prompt.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace behalf;

namespace {

json::array js(std::string_view text) {
  return json::parse({text.data(), text.size()}).as_array();
}

json::value human(std::string_view text) {
  return json::object{{"type", "human"}, {"content", text}};
}

json::value asks(std::initializer_list<std::string_view> ids) {
  json::array calls;
  for (auto id : ids)
    calls.push_back({{"name", "f"}, {"args", json::object{}}, {"id", id}, {"type", "tool_call"}});
  return json::object{{"type", "ai"}, {"content", ""}, {"tool_calls", calls}};
}

json::value result_of(std::string_view id, std::string_view text) {
  return json::object{{"type", "tool"},
                      {"content", text},
                      {"tool_call_id", id},
                      {"name", "f"},
                      {"status", "success"}};
}

// "human hi", "ai", "c1 success 3", …
std::string shape(const json::array& messages) {
  std::string all;
  for (const auto& m : messages) {
    const auto& o = m.as_object();
    const auto type = string_or(o, "type");
    all += type == "tool"
             ? std::string(string_or(o, "tool_call_id")) + ' ' + std::string(string_or(o, "status"))
             : std::string(type);
    all += ' ' + std::string(string_or(o, "content").substr(0, 12)) + '\n';
  }
  return all;
}

} // namespace

TEST_CASE("a conversation that is whole stays as it is", "[agents]") {
  const json::array whole{human("hi"),
                          asks({"c1", "c2"}),
                          result_of("c1", "1"),
                          result_of("c2", "2"),
                          json::object{{"type", "ai"}, {"content", "done"}},
                          human("again"),
                          asks({"c1"}),
                          result_of("c1", "3")};
  CHECK(ready_messages(whole) == whole);
  CHECK(ready_messages({}).empty());
}

TEST_CASE("results come right after their calls, in the calls' order", "[agents]") {
  CHECK(shape(ready_messages(
          {asks({"c1", "c2", "c3"}), result_of("c3", "3"), human("and"), result_of("c1", "1"),
           json::object{{"type", "ai"}, {"content", "note"}}, result_of("c2", "2"), human("end")}))
        == "ai \nc1 success 1\nc2 success 2\nc3 success 3\nhuman and\nai note\nhuman end\n");
}

TEST_CASE("a call without a result is said to have none", "[agents]") {
  const auto ready = ready_messages({asks({"c1", "c2"}), result_of("c1", "1"), human("new"),
                                     asks({"c3"}), asks({"c4"}), result_of("c3", "late")});
  CHECK(shape(ready)
        == "ai \nc1 success 1\nc2 error There is no \nhuman new\n"
           "ai \nc3 error There is no \nai \nc4 error There is no \n");
  CHECK(dump(ready.at(2))
        == R"({"content":"There is no result: the call was not executed, or it was cut off and )"
           R"(its outcome is unknown.","additional_kwargs":{},"response_metadata":{},)"
           R"("type":"tool","name":"f","id":null,"tool_call_id":"c2","artifact":null,)"
           R"("status":"error"})");
}

TEST_CASE("results that answer no call, or again, are left out", "[agents]") {
  CHECK(shape(ready_messages({result_of("c1", "early"), human("hi"), asks({"c1"}),
                              result_of("c1", "first"), result_of("c1", "second"),
                              result_of("other", "x"), human("end")}))
        == "human hi\nai \nc1 success first\nhuman end\n");
}

TEST_CASE("made up results count when there is no other", "[agents]") {
  const auto fake = result_of("c1", "Successfully handled tool call.");
  CHECK(shape(ready_messages({asks({"c1"}), fake, result_of("c1", "real")}))
        == "ai \nc1 success real\n");
  CHECK(shape(ready_messages({asks({"c1"}), result_of("c1", "real"), fake}))
        == "ai \nc1 success real\n");
  CHECK(shape(ready_messages({asks({"c1"}), fake, fake})) == "ai \nc1 success Successfully\n");
}

TEST_CASE("a malformed call is told what was wrong with it", "[agents]") {
  const auto error = std::string(1000, 'e');
  json::object m{{"type", "ai"},
                 {"content", ""},
                 {"tool_calls", json::array{}},
                 {"invalid_tool_calls",
                  json::array{{{"name", "add"}, {"args", "{"}, {"id", "c1"}, {"error", error}}}}};
  const auto ready = ready_messages({m});
  REQUIRE(ready.size() == 2);
  const auto& told = ready.at(1).as_object();
  CHECK(told.at("name") == "add");
  CHECK(told.at("status") == "error");
  CHECK(string_or(told, "content").starts_with("The call was not executed, it was malformed"));
  CHECK(string_or(told, "content").ends_with("eee"));
  CHECK(string_or(told, "content").size() < 500);
  CHECK(shape(ready_messages({m, result_of("c1", "told")})) == "ai \nc1 success told\n");
}

TEST_CASE("calls that only the content has are answered, too", "[agents]") {
  CHECK(shape(ready_messages(js(R"([{"type":"ai","content":[)"
                                R"({"type":"tool_use","id":"t1","name":"f","input":{}}]}])")))
        == "ai \nt1 error There is no \n");
}

TEST_CASE("a result without a name gets that of its call", "[agents]") {
  auto nameless = result_of("c1", "1");
  nameless.as_object()["name"] = nullptr;
  CHECK(ready_messages({asks({"c1"}), nameless}).at(1).at("name") == "f");
}

TEST_CASE("messages without anything to say are left out", "[agents]") {
  CHECK(shape(ready_messages(js(R"([{"type":"ai","content":""},{"type":"ai","content":[]},5,)"
                                R"({"content":"no type"},{"type":"system","content":"s"},)"
                                R"({"type":"ai","content":"a"}])")))
        == "system s\nai a\n");
}

TEST_CASE("long conversations take no longer for each message", "[agents]") {
  json::array all;
  SECTION("of many turns") {
    for (int i = 0; i < 2'500; ++i) {
      const auto id = "c" + std::to_string(i);
      all.push_back(human("hi"));
      all.push_back(asks({id, "lost"}));
      all.push_back(result_of(id, "1"));
      all.push_back(result_of(id, "again"));
    }
    const auto ready = ready_messages(all);
    REQUIRE(ready.size() == 10'000);
    CHECK(ready.at(9'999).at("status") == "error");
  }
  SECTION("of one turn") {
    auto asking = asks({});
    for (int i = 0; i < 10'000; ++i)
      asking.at("tool_calls")
        .as_array()
        .push_back({{"name", "f"}, {"args", json::object{}}, {"id", "c" + std::to_string(i)}});
    all.push_back(asking);
    for (int i = 9'999; i >= 0; --i)
      all.push_back(result_of("c" + std::to_string(i), "1"));
    const auto ready = ready_messages(all);
    REQUIRE(ready.size() == 10'001);
    CHECK(ready.at(1).at("tool_call_id") == "c0");
    CHECK(ready.at(10'000).at("tool_call_id") == "c9999");
  }
}

TEST_CASE("thinking is forgotten of earlier turns first, then of all", "[agents]") {
  const std::string said = R"({"type": "ai", "content": "a", "response_metadata":
                        {"model_provider": "anthropic", "model_name": "m"}})";
  auto all = js(R"([{"type": "human", "content": "h"}, )" + said + R"(, 5, {"type": "human",
                    "content": "h", "response_metadata": 5}, )"
                + said + "]");
  auto providers = [&] {
    std::string seen;
    for (const auto* at : {&all.at(1), &all.at(4)})
      seen += at->at("response_metadata").as_object().contains("model_provider") ? "1" : "0";
    return seen;
  };
  CHECK(forget_refused_thinking(all) == "of earlier turns");
  CHECK(providers() == "01");
  CHECK(forget_refused_thinking(all) == "all");
  CHECK(providers() == "00");
  CHECK(forget_refused_thinking(all).empty());
  CHECK(all.at(4).at("response_metadata").at("model_name") == "m");
}

TEST_CASE("what an answer was made without stays forgotten", "[agents]") {
  auto said = [](std::string_view noted) {
    json::object m{{"type", "ai"}, {"response_metadata", {{"model_provider", "anthropic"}}}};
    if (!noted.empty())
      note_forgotten(m, noted);
    return m;
  };
  // Of "h" a person's message, of the others an answer's: what it notes, and afterwards whether its
  // thinking is there.
  struct {
    std::vector<std::string_view> messages;
    std::string_view left;
  } cases[] = {
    {{"h", "", "h", ""}, "11"},
    {{"h", "", "h", "", "of earlier turns", "", "h", ""}, "01111"},
    {{"h", "", "h", "", "all", "", "h", ""}, "00111"},
    {{"h", "", "h", "", "all", "", "of earlier turns"}, "00111"},
    {{"", "of earlier turns"}, "11"},
  };
  for (const auto& one : cases) {
    json::array all;
    for (const auto& what : one.messages)
      all.push_back(what == "h" ? human("h") : json::value(said(what)));
    forget_noted_thinking(all);
    std::string left;
    for (const auto& m : all)
      if (m.at("type") == "ai")
        left += m.at("response_metadata").as_object().contains("model_provider") ? "1" : "0";
    CHECK(left == one.left);
  }
}

TEST_CASE("what a model could not take is left out of earlier messages alone", "[agents]") {
  const auto all = js(R"([
    {"type": "human", "content": ["see ", {"type": "image", "url": "https://e.example/a.png"}]},
    {"type": "ai", "content": [{"type": "image", "url": "https://e.example/b.png"}]},
    {"type": "human", "content": [{"type": "image", "url": "https://e.example/c.png"}]}])");
  const auto rest = without_earlier_media(all);
  REQUIRE(rest.size() == 3);
  CHECK(rest[0].at("content") == json::value(js(R"([
    {"type": "text", "text": "see "},
    {"type": "text", "text": "[left out: the model does not take this image]"}])")));
  CHECK(rest[1] == all[1]);
  CHECK(rest[2] == all[2]);
}
