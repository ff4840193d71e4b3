#include "agents/models/content.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

json::object js(std::string_view text) {
  return json::parse({text.data(), text.size()}).as_object();
}

// Of a human message with this one block.
std::string block(std::string_view text) {
  json::object m{{"type", "human"}, {"content", json::array{js(text)}}};
  auto all = content_blocks(m);
  return all.empty() ? "nothing" : dump(all.at(0));
}

std::string blocks(std::string_view message) {
  return dump(json::value(content_blocks(js(message))));
}

} // namespace

TEST_CASE("text is a block, and empty text none", "[agents]") {
  CHECK(blocks(R"({"type":"human","content":"hi"})") == R"([{"type":"text","text":"hi"}])");
  CHECK(blocks(R"({"type":"human","content":["a",{"type":"text","text":"b","id":"x"}]})")
        == R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])");
  CHECK(blocks(R"({"type":"human","content":["",{"type":"text","text":" \n\t\r"}]})") == "[]");
  CHECK(blocks(R"({"type":"human","content":""})") == "[]");
  CHECK(blocks(R"({"type":"human","content":null})") == "[]");
  CHECK(blocks(R"({"type":"human"})") == "[]");
  CHECK(blocks(R"({"type":"human","content":{"type":"text","text":"a"}})")
        == R"([{"type":"text","text":"a"}])");
}

TEST_CASE("v1 blocks stay what they are", "[agents]") {
  const auto same =
    GENERATE(as<std::string>{}, R"({"type":"text","text":"a","annotations":[{"type":"citation"}]})",
             R"({"type":"text","text":"","extras":{"signature":"s"}})",
             R"({"type":"reasoning","reasoning":"hm","extras":{"signature":"s"}})",
             R"({"type":"reasoning","reasoning":"","extras":{"signature":"s"}})",
             R"({"type":"refusal","refusal":"no"})", R"({"type":"image","url":"https://a/b.png"})",
             R"({"type":"image","mime_type":"image/png","base64":"AAAA","extras":{"x":1}})",
             R"({"type":"audio","mime_type":"audio/wav","base64":"AAAA"})",
             R"({"type":"video","file_id":"f1"})", R"({"type":"non_standard","value":{"a":1}})");
  CHECK(block(same) == same);
}

TEST_CASE("other ways to write media become v1 blocks", "[agents]") {
  // OpenAI
  CHECK(block(R"({"type":"image_url","image_url":{"url":"https://a","detail":"low"}})")
        == R"({"type":"image","url":"https://a"})");
  CHECK(block(R"({"type":"image_url","image_url":"data:image/png;base64,AAAA"})")
        == R"({"type":"image","base64":"AAAA","mime_type":"image/png"})");
  CHECK(block(R"({"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}})")
        == R"({"type":"audio","base64":"AAAA","mime_type":"audio/mpeg"})");
  CHECK(block(R"({"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA",)"
              R"("filename":"a.pdf"}})")
        == R"({"type":"file","base64":"AAAA","mime_type":"application/pdf",)"
           R"("extras":{"filename":"a.pdf"}})");
  CHECK(block(R"({"type":"file","file":{"file_id":"f1"}})") == R"({"type":"file","file_id":"f1"})");
  // Anthropic
  CHECK(block(R"({"type":"image","source":{"type":"base64","media_type":"image/png",)"
              R"("data":"AAAA"}})")
        == R"({"type":"image","mime_type":"image/png","base64":"AAAA"})");
  CHECK(block(R"({"type":"document","source":{"type":"url","url":"https://a"},"title":"T"})")
        == R"({"type":"file","url":"https://a","extras":{"filename":"T"}})");
  CHECK(block(R"({"type":"document","source":{"type":"text","data":"words"}})")
        == R"({"type":"text","text":"words"})");
  CHECK(block(R"({"type":"image","source":{"type":"file","file_id":"f1"},"extras":{"x":1}})")
        == R"({"type":"image","file_id":"f1","extras":{"x":1}})");
  // JavaScript
  CHECK(block(R"({"type":"file","mimeType":"application/pdf","data":"AAAA",)"
              R"("metadata":{"filename":"a.pdf"}})")
        == R"({"type":"file","mime_type":"application/pdf","base64":"AAAA",)"
           R"("extras":{"filename":"a.pdf"}})");
  CHECK(block(R"({"type":"image","mimeType":"image/png","data":"AAAA","metadata":{"name":"a"}})")
        == R"({"type":"image","mime_type":"image/png","base64":"AAAA",)"
           R"("extras":{"filename":"a"}})");
  // older Python
  CHECK(block(R"({"type":"image","source_type":"base64","mime_type":"image/png","data":"AAAA"})")
        == R"({"type":"image","mime_type":"image/png","base64":"AAAA"})");
  CHECK(block(R"({"type":"image","source_type":"url","url":"https://a"})")
        == R"({"type":"image","url":"https://a"})");
  CHECK(block(R"({"type":"file","source_type":"id","id":"f1"})")
        == R"({"type":"file","file_id":"f1"})");
  CHECK(block(R"({"type":"file","source_type":"text","text":"words"})")
        == R"({"type":"text","text":"words"})");
  CHECK(block(R"({"type":"text-plain","text":"words"})") == R"({"type":"text","text":"words"})");
}

TEST_CASE("data URLs that hold no base64 stay URLs", "[agents]") {
  const auto url = GENERATE(as<std::string>{}, "data:text/plain,words", "data:", "data:;base64",
                            "https://a/?x=data:;base64,AAAA");
  CHECK(block(R"({"type":"image","url":")" + url + R"("})")
        == R"({"type":"image","url":")" + url + R"("})");
  CHECK(block(R"({"type":"image","url":"data:image/png;x=1;base64,AA,A"})")
        == R"({"type":"image","base64":"AA,A","mime_type":"image/png"})");
}

TEST_CASE("what has no known form is kept as it is", "[agents]") {
  const auto other =
    GENERATE(as<std::string>{}, R"({"type":"image"})", R"({"type":"image","url":5})",
             R"({"type":"image_url","image_url":7})", R"({"type":"document","source":"x"})",
             R"({"type":"text"})", R"({"type":"server_tool_call","id":"s"})", R"({"a":1})", "{}",
             R"({"type":"input_audio"})", R"({"type":"tool_use","id":"t","name":"f"})",
             R"({"type":"non_standard"})");
  CHECK(block(other) == R"({"type":"non_standard","value":)" + other + "}");
  CHECK(blocks(R"({"type":"human","content":[5,null]})")
        == R"([{"type":"non_standard","value":5},{"type":"non_standard","value":null}])");
}

TEST_CASE("calls follow the content that does not have them", "[agents]") {
  CHECK(blocks(R"({"type":"ai","content":"Wait.","tool_calls":[)"
               R"({"name":"add","args":{"a":1},"id":"c1","type":"tool_call"}]})")
        == R"([{"type":"text","text":"Wait."},)"
           R"({"type":"tool_call","id":"c1","name":"add","args":{"a":1}}])");
}

TEST_CASE("calls within the content stay at their place, as the message's list has them",
          "[agents]") {
  CHECK(blocks(R"({"type":"ai","content":[)"
               R"({"type":"tool_call","id":"c2","name":"now","args":{},"extras":{"s":1}},)"
               R"({"type":"text","text":"and"},)"
               R"({"type":"tool_use","id":"c1","name":"add","input":{"a":1}},)"
               R"({"type":"tool_use","id":"c3","name":"sub","input":{"b":2}}],"tool_calls":[)"
               R"({"name":"add","args":{"a":7},"id":"c1"},{"name":"now","args":{},"id":"c2"}]})")
        == R"([{"type":"tool_call","id":"c2","name":"now","args":{},"extras":{"s":1}},)"
           R"({"type":"text","text":"and"},)"
           R"({"type":"tool_call","id":"c1","name":"add","args":{"a":7}},)"
           R"({"type":"tool_call","id":"c3","name":"sub","args":{"b":2}}])");
}

TEST_CASE("invalid calls are calls without arguments", "[agents]") {
  CHECK(blocks(R"({"type":"ai","content":"","tool_calls":[],"invalid_tool_calls":[)"
               R"({"name":"add","args":"{\"a\"","id":"c1","error":"e"},)"
               R"({"name":"","args":"","id":"c2","error":"e"}]})")
        == R"([{"type":"tool_call","id":"c1","name":"add","args":{}},)"
           R"({"type":"tool_call","id":"c2","name":"unknown_tool","args":{}}])");
}

TEST_CASE("a call nobody could answer is left out", "[agents]") {
  CHECK(blocks(R"({"type":"ai","content":[{"type":"tool_call","name":"a","args":{}}],)"
               R"("tool_calls":[{"name":"b","args":{},"id":null},{"name":"c","args":{},"id":"x"},)"
               R"({"name":"d","args":{},"id":"x"},5]})")
        == R"([{"type":"tool_call","id":"x","name":"c","args":{}}])");
}

TEST_CASE("a message says which provider made it", "[agents]") {
  const auto m = js(R"({"type":"ai","response_metadata":{"model_provider":"anthropic"}})");
  CHECK(made_by(m, "anthropic"));
  CHECK_FALSE(made_by(m, "openai"));
  CHECK_FALSE(made_by(js(R"({"type":"ai"})"), ""));
  CHECK_FALSE(made_by(js(R"({"type":"human","response_metadata":{"model_provider":"x"}})"), "x"));
}
