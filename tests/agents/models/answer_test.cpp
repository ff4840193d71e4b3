#include "agents/models/answer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/word_scrubber.hpp"

using namespace behalf;

namespace {

constexpr std::size_t plenty = 1 << 20;

json::value js(std::string_view text) {
  return json::parse({text.data(), text.size()});
}

answer made() {
  return {"m1", "openai", plenty};
}

std::string next(answer& a) {
  auto chunk = a.take_chunk();
  return chunk ? dump(*chunk) : "nothing";
}

json::value content(answer& a) {
  auto chunk = a.take_chunk();
  return chunk ? chunk->at("content") : json::value(nullptr);
}

json::object whole(answer a) {
  return std::move(a).message().value();
}

} // namespace

TEST_CASE("plain text is shown as it comes, in LangChain's form", "[agents]") {
  auto a = made();
  CHECK(next(a) == "nothing");
  a.text(0, "Hel");
  CHECK(next(a)
        == R"({"content":"Hel","additional_kwargs":{},)"
           R"("response_metadata":{"model_provider":"openai"},"type":"AIMessageChunk","name":null,)"
           R"("id":"m1","tool_calls":[],"invalid_tool_calls":[],"usage_metadata":null,)"
           R"("tool_call_chunks":[],"chunk_position":null})");
  CHECK(next(a) == "nothing");
  a.text(0, "l");
  a.text(0, "o");
  auto second = a.take_chunk().value();
  CHECK(second.at("content") == "lo");
  CHECK(second.at("response_metadata") == js("{}"));
  a.stop(stop_reason::end, "finish_reason", "stop");
  CHECK(dump(whole(std::move(a)))
        == R"({"content":"Hello","additional_kwargs":{},)"
           R"("response_metadata":{"model_provider":"openai","finish_reason":"stop"},"type":"ai",)"
           R"("name":null,"id":"m1","tool_calls":[],"invalid_tool_calls":[],)"
           R"("usage_metadata":null})");
}

TEST_CASE("a character cut in two waits for its end", "[agents]") {
  auto a = made();
  a.text(0, "a\xe2\x82");
  CHECK(content(a) == "a");
  CHECK(next(a) == "nothing");
  a.text(0, "\xac!");
  CHECK(content(a) == "€!");
  a.arguments(0, "of no call");
  a.call(0, "c", "f");
  a.arguments(0, "{\"x\":\"\xf0\x9f");
  CHECK(a.take_chunk()->at("tool_call_chunks").at(0).at("args") == "{\"x\":\"");
  a.arguments(0, "\x98\x80\"}");
  CHECK(whole(std::move(a)).at("tool_calls").at(0).at("args") == js(R"({"x": "😀"})"));
}

TEST_CASE("an answer with text that is no UTF-8 becomes no message", "[agents]") {
  const auto bad = GENERATE(as<std::string>{}, "a\xff", "\xe2\x82", "\xed\xa0\x80\x41\x42\x43");
  auto a = made();
  SECTION("in text") {
    a.text(0, bad);
  }
  SECTION("in a name") {
    a.call(0, "c", bad);
  }
  SECTION("in an id") {
    a.call(0, bad, "f");
  }
  SECTION("in arguments") {
    a.call(0, "c", "f");
    a.arguments(0, bad);
  }
  SECTION("in extras") {
    a.append_extra(0, "signature", bad);
  }
  SECTION("in a block") {
    a.block(0, {{"type", "image"}, {"url", bad}});
  }
  SECTION("in the reason it stopped for") {
    a.stop(stop_reason::other, "finish_reason", bad);
  }
  for (const auto& chunk : a.last_chunks())
    CHECK(parse_json(dump(chunk)));
  auto m = std::move(a).message();
  REQUIRE(!m);
  CHECK(m.error().code == errc::upstream);
  CHECK(m.error().kind == "model_answer_invalid");
}

TEST_CASE("calls are shown in pieces, each with its own number", "[agents]") {
  auto a = made();
  a.text(0, "Wait.");
  a.call(0, "c1", "add");
  CHECK(dump(a.take_chunk()->at("tool_call_chunks"))
        == R"([{"name":"add","args":"","id":"c1","index":1,"type":"tool_call_chunk"}])");
  a.arguments(0, R"({"a":)");
  a.call(1, "c2", "now");
  a.arguments(0, "1}");
  CHECK(dump(a.take_chunk()->at("tool_call_chunks"))
        == R"([{"name":null,"args":"{\"a\":1}","id":null,"index":1,"type":"tool_call_chunk"},)"
           R"({"name":"now","args":"","id":"c2","index":2,"type":"tool_call_chunk"}])");
  CHECK(a.has_call(1));
  CHECK_FALSE(a.has_call(2));
  auto m = whole(std::move(a));
  CHECK(m.at("content") == "Wait.");
  CHECK(dump(m.at("tool_calls"))
        == R"([{"name":"add","args":{"a":1},"id":"c1","type":"tool_call"},)"
           R"({"name":"now","args":{},"id":"c2","type":"tool_call"}])");
}

TEST_CASE("a name that comes in pieces is one name", "[agents]") {
  auto a = made();
  a.call(7, "c", "");
  CHECK(a.take_chunk()->at("tool_call_chunks").at(0).at("name").is_null());
  a.call_name(7, "ad");
  a.call_name(7, "d");
  a.call_name(8, "of no call");
  CHECK(a.take_chunk()->at("tool_call_chunks").at(0).at("name") == "add");
  CHECK(whole(std::move(a)).at("tool_calls").at(0).at("name") == "add");
}

TEST_CASE("every call has an id of its own", "[agents]") {
  auto a = made();
  a.call(0, "c", "f");
  a.call(1, "c", "f");
  a.call(2, "", "f");
  CHECK(a.given_id(1) == "c");
  CHECK(a.given_id(2).empty());
  CHECK(a.given_id(3).empty());
  const auto shown = a.take_chunk()->at("tool_call_chunks");
  const auto calls = whole(std::move(a)).at("tool_calls");
  CHECK(calls.at(0).at("id") == "c");
  CHECK(calls.at(1).at("id") != "c");
  CHECK(calls.at(1).at("id") != calls.at(2).at("id"));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(calls.at(i).at("id") == shown.at(i).at("id"));
    CHECK(shown.at(i).at("index") == static_cast<int64_t>(i));
  }
  CHECK(calls.at(2).at("id").as_string().starts_with("call_"));
}

TEST_CASE("a key that begins another call names that from then on", "[agents]") {
  auto a = made();
  a.call(0, "c1", "f");
  a.arguments(0, R"({"n":1})");
  a.call(0, "c2", "f");
  a.arguments(0, R"({"n":2})");
  const auto calls = whole(std::move(a)).at("tool_calls");
  CHECK(calls.at(0).at("args") == js(R"({"n": 1})"));
  CHECK(calls.at(1).at("args") == js(R"({"n": 2})"));
}

TEST_CASE("a call that cannot be made is an invalid one", "[agents]") {
  auto a = made();
  const auto text = GENERATE(as<std::string>{}, R"({"a":1)", "[]", "null", "x", R"({}{})");
  a.call(0, "c1", "add");
  a.arguments(0, text);
  a.call(1, "c2", "");
  a.arguments(1, "{}");
  auto m = whole(std::move(a));
  CHECK(m.at("content") == "");
  CHECK(m.at("tool_calls") == js("[]"));
  CHECK(dump(m.at("invalid_tool_calls").at(0))
        == R"({"name":"add","args":)" + dump(json::value(text))
             + R"(,"id":"c1","error":"the arguments are no JSON object",)"
               R"("type":"invalid_tool_call"})");
  CHECK(m.at("invalid_tool_calls").at(1).at("error") == "the call names no tool");
}

TEST_CASE("reasoning makes content a list of blocks", "[agents]") {
  auto a = made();
  a.reasoning(0, "hm");
  auto first = a.take_chunk().value();
  CHECK(dump(first.at("content")) == R"([{"type":"reasoning","reasoning":"hm","index":0}])");
  CHECK(first.at("response_metadata").at("output_version") == "v1");
  a.append_extra(0, "signature", "ab");
  CHECK(dump(content(a))
        == R"([{"type":"reasoning","reasoning":"","index":0,"extras":{"signature":"ab"}}])");
  a.append_extra(0, "signature", "cd");
  a.text(1, "Hi");
  CHECK(dump(content(a))
        == R"([{"type":"reasoning","reasoning":"","index":0,"extras":{"signature":"cd"}},)"
           R"({"type":"text","text":"Hi","index":1}])");
  a.annotation(1, {{"type", "citation"}, {"url", "https://a"}});
  CHECK(dump(content(a))
        == R"([{"type":"text","text":"","index":1,)"
           R"("annotations":[{"type":"citation","url":"https://a"}]}])");
  a.refusal(2, "No");
  a.call(0, "c", "f");
  a.call_extra(0, "thought_signature", "s");
  auto m = whole(std::move(a));
  CHECK(dump(m.at("content"))
        == R"([{"type":"reasoning","reasoning":"hm","extras":{"signature":"abcd"}},)"
           R"({"type":"text","text":"Hi",)"
           R"("annotations":[{"type":"citation","url":"https://a"}]},)"
           R"({"type":"refusal","refusal":"No"},)"
           R"({"name":"f","args":{},"id":"c","type":"tool_call",)"
           R"("extras":{"thought_signature":"s"}}])");
  CHECK(dump(m.at("tool_calls")) == R"([{"name":"f","args":{},"id":"c","type":"tool_call"}])");
  CHECK(m.at("response_metadata").at("output_version") == "v1");
}

TEST_CASE("text that was shown plain is followed by blocks", "[agents]") {
  auto a = made();
  a.text(0, "Hi");
  CHECK(content(a) == "Hi");
  a.reasoning(1, "hm");
  a.text(0, " you");
  CHECK(dump(content(a))
        == R"([{"type":"reasoning","reasoning":"hm","index":1},)"
           R"({"type":"text","text":" you","index":0}])");
  CHECK(whole(std::move(a)).at("content").at(0).at("text") == "Hi you");
}

TEST_CASE("a part may have nothing but extras, or get its text after them", "[agents]") {
  auto a = made();
  a.extra(0, "id", "rs_1");
  CHECK(next(a) == "nothing");
  a.reasoning(0, "");
  CHECK(dump(content(a))
        == R"([{"type":"reasoning","reasoning":"","index":0,"extras":{"id":"rs_1"}}])");
  a.extra(1, "signature", "s");
  CHECK(dump(a.last_chunks().at(0).at("content"))
        == R"([{"type":"text","text":"","index":1,"extras":{"signature":"s"}}])");
  CHECK(dump(whole(std::move(a)).at("content"))
        == R"([{"type":"reasoning","reasoning":"","extras":{"id":"rs_1"}},)"
           R"({"type":"text","text":"","extras":{"signature":"s"}}])");
}

TEST_CASE("whole blocks are shown once, and extras join theirs", "[agents]") {
  auto a = made();
  a.block(0, {{"type", "image"}, {"url", "https://a"}, {"extras", {{"x", 1}}}});
  CHECK(dump(content(a)) == R"([{"type":"image","url":"https://a","extras":{"x":1},"index":0}])");
  a.extra(0, "y", 2);
  CHECK(dump(content(a)) == R"([{"type":"image","index":0,"extras":{"y":2}}])");
  CHECK(dump(whole(std::move(a)).at("content"))
        == R"([{"type":"image","url":"https://a","extras":{"x":1,"y":2}}])");
}

TEST_CASE("a key used for another type of part opens a part", "[agents]") {
  auto a = made();
  a.reasoning(0, "hm");
  a.text(0, "Hi");
  a.text(0, "!");
  CHECK(dump(whole(std::move(a)).at("content"))
        == R"([{"type":"reasoning","reasoning":"hm"},{"type":"text","text":"Hi!"}])");
}

TEST_CASE("parts without anything are left out", "[agents]") {
  auto a = made();
  a.reasoning(0, "");
  a.text(1, "");
  CHECK(next(a) == "nothing");
  a.text(2, "Hi");
  CHECK(whole(std::move(a)).at("content") == "Hi");
  CHECK(whole(made()).at("content") == "");
}

TEST_CASE("the stream ends with why, usage and the last chunk", "[agents]") {
  auto a = made();
  a.text(0, "Hi");
  a.usage({.input = 1});
  a.usage({.input = 17, .output = 5, .cache_read = 3, .reasoning = 2});
  a.stop(stop_reason::length, "finish_reason", "length");
  a.response("model_name", "gpt");
  CHECK(a.stopped());
  CHECK(a.why() == stop_reason::length);
  const auto last = a.last_chunks();
  REQUIRE(last.size() == 4);
  CHECK(last[0].at("content") == "Hi");
  CHECK(dump(last[1].at("response_metadata"))
        == R"({"finish_reason":"length","model_name":"gpt"})");
  CHECK(dump(last[2].at("usage_metadata"))
        == R"({"input_tokens":17,"output_tokens":5,"total_tokens":22,)"
           R"("input_token_details":{"cache_read":3},"output_token_details":{"reasoning":2}})");
  CHECK(last[2].at("content") == "");
  CHECK(last[3].at("chunk_position") == "last");
  CHECK(last[3].at("usage_metadata").is_null());
  auto m = whole(std::move(a));
  CHECK(m.at("usage_metadata") == last[2].at("usage_metadata"));
  CHECK(dump(m.at("response_metadata"))
        == R"({"model_provider":"openai","finish_reason":"length","model_name":"gpt"})");
}

TEST_CASE("tokens nobody can have used are not added up", "[agents]") {
  auto a = made();
  a.usage({.input = INT64_MAX, .output = INT64_MAX, .cache_read = -1});
  CHECK(a.tokens().input == a.tokens().output);
  CHECK(a.tokens().cache_read == 0);
  CHECK(whole(std::move(a)).at("usage_metadata").at("total_tokens").as_int64() > 0);
}

TEST_CASE("no more of the input is from a cache than there was", "[agents]") {
  auto a = made();
  a.usage({.input = 10, .cache_read = 1'000'000, .cache_creation = 7});
  CHECK(a.tokens() == token_usage{.input = 10, .cache_read = 10});
  a.usage({.input = 10, .cache_read = 4, .cache_creation = 7});
  CHECK(a.tokens() == token_usage{.input = 10, .cache_read = 4, .cache_creation = 6});
}

TEST_CASE("an answer that is too long takes no more and becomes no message", "[agents]") {
  answer a{"m", "openai", 1000};
  SECTION("text") {
    for (int i = 0; i < 100; ++i)
      a.text(0, std::string(50, 'x'));
  }
  SECTION("empty parts") {
    for (int i = 0; i < 1'000'000; ++i)
      a.text(i, "");
  }
  SECTION("empty calls") {
    for (int i = 0; i < 1'000'000; ++i)
      a.call(i, "", "");
  }
  SECTION("arguments") {
    a.call(0, "c", "f");
    a.arguments(0, std::string(2000, ' '));
    CHECK_FALSE(a.take_chunk()->at("tool_call_chunks").at(0).at("args").as_string().size() > 0);
  }
  SECTION("blocks") {
    a.block(0, {{"type", "image"}, {"base64", std::string(2000, 'x')}});
  }
  SECTION("citations") {
    for (int i = 0; i < 1000; ++i)
      a.annotation(0, {});
  }
  SECTION("extras") {
    for (int i = 0; i < 1000; ++i)
      a.extra(0, "k" + std::to_string(i), nullptr);
  }
  SECTION("metadata") {
    a.response("x", json::value(std::string(2000, 'x')));
  }
  CHECK(a.over());
  CHECK(a.bytes() <= 1000);
  auto m = std::move(a).message();
  REQUIRE(!m);
  CHECK(m.error().kind == "model_answer_too_long");
}

TEST_CASE("of more calls than a turn may make the next one says so, the rest is left", "[agents]") {
  auto a = made();
  for (int64_t i = 0; i < 20'000; ++i) {
    a.call(i % 200, "", "read");
    a.arguments(i % 200, R"({"id":)" + std::to_string(i) + "}");
  }
  const auto m = whole(std::move(a));
  REQUIRE(m.at("tool_calls").as_array().size() == 128);
  CHECK(m.at("tool_calls").at(127).at("args").at("id") == 127);
  const auto& rest = m.at("invalid_tool_calls").as_array();
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].at("error").as_string().starts_with("an answer has at most 128 calls"));
}

TEST_CASE("a credential that comes back a character at a time is in no chunk and no message",
          "[agents]") {
  auto a = made();
  a.scrub_with(std::make_shared<testing::word_scrubber>());
  std::string shown;
  auto show = [&] {
    if (auto chunk = a.take_chunk())
      shown += dump(*chunk);
  };
  a.call(0, "SECRET", "");
  for (const char c : std::string("a SECRET b SEC")) {
    const std::string_view one(&c, 1);
    a.text(0, one);
    show();
    a.reasoning(1, one);
    a.append_extra(1, "signature", one);
    a.call_name(0, one);
    a.arguments(0, one);
    show();
  }
  a.extra(0, "id", "SECRET");
  a.block(2, {{"type", "image"}, {"url", "SECRET"}});
  a.response("id", "SECRET");
  a.stop(stop_reason::end, "finish_reason", "SECRET");
  for (const auto& chunk : a.last_chunks())
    shown += dump(chunk);
  CHECK(shown.find("SECRET") == shown.npos);
  const auto m = whole(std::move(a));
  CHECK(dump(m).find("SECRET") == std::string::npos);
  const std::string clean = "a [redacted] b SEC";
  CHECK(m.at("content").at(0).at("name") == json::value(clean));
  CHECK(m.at("content").at(0).at("args") == json::value(clean));
  CHECK(m.at("content").at(1).at("text") == json::value(clean));
  CHECK(m.at("content").at(2).at("reasoning") == json::value(clean));
  CHECK(m.at("content").at(2).at("extras").at("signature") == json::value(clean));
}

TEST_CASE("a call is shown by its whole name, though it ends as the credential begins",
          "[agents]") {
  auto a = made();
  a.scrub_with(std::make_shared<testing::word_scrubber>());
  a.call(0, "c1", "LISTS");
  CHECK_FALSE(a.take_chunk());
  a.arguments(0, "{");
  const auto chunk = a.take_chunk();
  REQUIRE(chunk);
  const auto& begun = chunk->at("tool_call_chunks").at(0);
  CHECK(begun.at("name") == "LISTS");
  CHECK(begun.at("id") == "c1");
  CHECK(begun.at("args") == "{");
}
