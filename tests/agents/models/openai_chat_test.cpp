#include "agents/models/openai_chat.hpp"
#include "behalf/messages.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

using namespace behalf;

namespace {

struct read_answer {
  answer whole{"m1", "openai", 1 << 20};
  result<void> ended = {};
};

// The stream, fed in pieces of `piece` bytes.
read_answer read(std::string_view stream, std::size_t piece) {
  read_answer r;
  auto reader = openai_chat_wire().reader(model_options{});
  event_stream events;
  for (std::size_t at = 0; at < stream.size(); at += piece)
    for (const auto& event : events.feed(stream.substr(at, piece)))
      if (r.ended = reader->take(event, r.whole); !r.ended)
        return r;
  r.ended = reader->end(r.whole);
  return r;
}

// The message a stream becomes, the same however it is cut.
json::object message_of(std::string_view stream) {
  auto whole = read(stream, stream.size());
  REQUIRE(whole.ended);
  auto message = std::move(whole.whole).message().value();
  auto bytes = read(stream, 1);
  REQUIRE(bytes.ended);
  CHECK(json::value(std::move(bytes.whole).message().value()) == json::value(message));
  return message;
}

error error_of(std::string_view stream) {
  auto bytes = read(stream, 1);
  REQUIRE_FALSE(bytes.ended);
  auto whole = read(stream, stream.size());
  REQUIRE_FALSE(whole.ended);
  CHECK(whole.ended.error().message == bytes.ended.error().message);
  CHECK(whole.ended.error().code == errc::upstream);
  return whole.ended.error();
}

std::string line(std::string_view json) {
  return "data: " + std::string(json) + "\n\n";
}

// An event of one choice.
std::string delta(std::string_view what) {
  return line(R"({"id":"c-1","object":"chat.completion.chunk","model":"gpt-x","choices":[)"
              R"({"index":0,"delta":)"
              + std::string(what) + R"(,"finish_reason":null}],"usage":null})");
}

std::string finish(std::string_view reason) {
  return line(R"({"id":"c-1","model":"gpt-x","system_fingerprint":"fp","choices":[{"index":0,)"
              R"("delta":{},"finish_reason":")"
              + std::string(reason) + R"("}]})");
}

std::string call(std::string_view entries) {
  return delta(R"({"tool_calls":[)" + std::string(entries) + "]}");
}

const std::string done = line("[DONE]");

json::value calls_of(std::string_view stream) {
  auto message = message_of(stream);
  CHECK(message.at("invalid_tool_calls") == json::value(json::array{}));
  return message.at("tool_calls");
}

json::value made_call(std::string_view id, std::string_view name, json::object args) {
  return json::object{{"name", name}, {"args", std::move(args)}, {"id", id}, {"type", "tool_call"}};
}

} // namespace

TEST_CASE("a plain answer of chat is a string, with why it ended and its tokens", "[chat]") {
  const auto message = message_of(
    delta(R"({"role":"assistant","content":""})") + delta(R"({"content":"Grü"})")
    + delta(R"({"content":"ße"})") + finish("stop")
    + line(R"({"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,)"
           R"("prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},)"
           R"("completion_tokens_details":{"reasoning_tokens":3}}})")
    + done);
  CHECK(message.at("content") == "Grüße");
  const auto& said = message.at("response_metadata").get_object();
  CHECK(said.at("finish_reason") == "stop");
  CHECK(said.at("model_name") == "gpt-x");
  CHECK(said.at("id") == "c-1");
  CHECK(said.at("system_fingerprint") == "fp");
  CHECK(message.at("usage_metadata")
        == json::value({{"input_tokens", 10},
                        {"output_tokens", 5},
                        {"total_tokens", 15},
                        {"input_token_details", {{"cache_read", 4}, {"cache_creation", 2}}},
                        {"output_token_details", {{"reasoning", 3}}}}));
}

TEST_CASE("comments, carriage returns, empty choices and unknown fields change nothing", "[chat]") {
  const auto message = message_of(
    ": OPENROUTER PROCESSING\r\n\r\n"
    "data:{\"choices\":[],\"prompt_filter_results\":[{}]}\r\n\r\n"
    "data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"obfuscation\":\"x\"}]}\r\n\r\n"
    ": keep-alive\r\n\r\n"
    "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"another answer\"}}]}\r\n\r\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":null,\"finish_reason\":\"stop\"}],\"error\":null}"
    "\r\n\r\ndata: [DONE]\r\n\r\n");
  CHECK(message.at("content") == "a");
}

TEST_CASE("a call's arguments come in pieces, whole, as an object, or not at all", "[chat]") {
  CHECK(calls_of(call(R"({"index":0,"id":"c1","type":"function","function":{"name":"add",)"
                      R"("arguments":""}})")
                 + call(R"({"index":0,"function":{"arguments":"{\"a\":"}})")
                 + call(R"({"index":0,"function":{"arguments":"1}"}})") + finish("tool_calls"))
        == list(made_call("c1", "add", {{"a", 1}})));
  CHECK(calls_of(call(R"({"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\":1}"}})")
                 + finish("stop"))
        == list(made_call("c1", "add", {{"a", 1}})));
  CHECK(calls_of(call(R"({"index":0,"id":"c1","function":{"name":"add","arguments":{"a":1}}})")
                 + finish("stop"))
        == list(made_call("c1", "add", {{"a", 1}})));
  for (const auto* none : {R"("")", "null", "{}"})
    CHECK(calls_of(call(R"({"index":0,"id":"c1","function":{"name":"now","arguments":)"
                        + std::string(none) + "}}")
                   + finish("tool_calls"))
          == list(made_call("c1", "now", {})));
}

TEST_CASE("a different id at a used index begins another call", "[chat]") {
  const auto two = list(made_call("a", "f", {{"x", 1}}), made_call("b", "f", {{"x", 2}}));
  CHECK(calls_of(call(R"({"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}})")
                 + call(R"({"index":0,"id":"b","function":{"name":"f","arguments":"{\"x\":2}"}})")
                 + finish("tool_calls"))
        == two);
  // In pieces: one without an id belongs to the last call of its index.
  CHECK(calls_of(call(R"({"index":0,"id":"a","function":{"name":"f","arguments":""}})")
                 + call(R"({"index":0,"id":null,"function":{"arguments":"{\"x\""}})")
                 + call(R"({"index":0,"function":{"name":null,"arguments":":1}"}})")
                 + call(R"({"index":0,"id":"b","function":{"name":"f"}})")
                 + call(R"({"index":0,"id":"","function":{"name":"","arguments":"{\"x\":2}"}})")
                 + finish("tool_calls"))
        == two);
  // Two at once, woven into each other.
  CHECK(calls_of(call(R"({"index":0,"id":"a","function":{"name":"f"}},)"
                      R"({"index":1,"id":"b","function":{"name":"f"}})")
                 + call(R"({"index":1,"function":{"arguments":"{\"x\":"}})")
                 + call(R"({"index":0,"function":{"arguments":"{\"x\":1}"}})")
                 + call(R"({"index":1,"function":{"arguments":"2}"}})") + finish("tool_calls"))
        == two);
  // No index at all.
  CHECK(calls_of(call(R"({"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},)"
                      R"({"id":"b","function":{"name":"f","arguments":"{\"x\":2}"}})")
                 + finish("tool_calls"))
        == two);
}

TEST_CASE("an id and a name that every piece repeats are those of one call", "[chat]") {
  CHECK(calls_of(call(R"({"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}})")
                 + call(R"({"index":0,"id":"a","function":{"name":"f","arguments":":1}"}})")
                 + finish("tool_calls"))
        == list(made_call("a", "f", {{"x", 1}})));
}

TEST_CASE("calls without ids get some of their own, no two the same", "[chat]") {
  auto reader =
    read(call(R"({"index":0,"id":null,"function":{"name":"f","arguments":"{}"}})")
           + call(R"({"index":1,"function":{"name":"g","arguments":"{}"}})")
           + call(R"({"index":2,"id":"x","function":{"name":"h"}})")
           + call(R"({"index":3,"id":"x","function":{"name":"i"}})") + finish("tool_calls"),
         64);
  REQUIRE(reader.ended);
  auto message = std::move(reader.whole).message().value();
  std::vector<std::string> ids, names;
  for (const auto& one : message.at("tool_calls").get_array()) {
    ids.emplace_back(string_or(one.get_object(), "id"));
    names.emplace_back(string_or(one.get_object(), "name"));
  }
  CHECK(names == std::vector<std::string>{"f", "g", "h", "i"});
  CHECK(ids[0].starts_with("call_"));
  CHECK(ids[2] == "x");
  std::sort(ids.begin(), ids.end());
  CHECK(std::unique(ids.begin(), ids.end()) == ids.end());
}

TEST_CASE("without ids another name after arguments begins another call", "[chat]") {
  auto read_all = read(call(R"({"index":0,"function":{"name":"f","arguments":"{\"x\":1}"}})")
                         + call(R"({"index":0,"function":{"name":"g","arguments":"{\"x\":2}"}})")
                         + finish("tool_calls"),
                       1);
  REQUIRE(read_all.ended);
  CHECK(std::move(read_all.whole).message().value().at("tool_calls").get_array().size() == 2);
}

TEST_CASE("an id that comes late is no other call", "[chat]") {
  auto late =
    read(call(R"({"index":0,"id":null,"function":{"name":"f","arguments":"{\"x\""}})")
           + call(R"({"index":0,"id":"a","function":{"arguments":":1}"}})") + finish("tool_calls"),
         1);
  REQUIRE(late.ended);
  auto message = std::move(late.whole).message().value();
  REQUIRE(message.at("tool_calls").get_array().size() == 1);
  CHECK(message.at("tool_calls").get_array()[0].at("args") == json::value({{"x", 1}}));
}

TEST_CASE("arguments that are no JSON object make an invalid call", "[chat]") {
  const auto message =
    message_of(call(R"({"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}})")
               + finish("tool_calls"));
  CHECK(message.at("tool_calls").get_array().empty());
  CHECK(message.at("invalid_tool_calls").get_array()[0].at("args") == "{\"x\":");
}

TEST_CASE("a call whose answer was cut before its arguments is no call without any", "[chat]") {
  const auto begun = call(R"({"index":0,"id":"a","function":{"name":"f","arguments":""}})");
  for (const auto* why : {"length", "content_filter"}) {
    const auto message = message_of(begun + finish(why));
    CHECK(message.at("tool_calls").get_array().empty());
    CHECK(message.at("invalid_tool_calls").get_array()[0].at("id") == "a");
  }
}

TEST_CASE("the older function_call is a call as well", "[chat]") {
  auto old = read(delta(R"({"function_call":{"name":"f","arguments":"{\"x\""}})")
                    + delta(R"({"function_call":{"arguments":":1}"}})") + finish("function_call"),
                  1);
  REQUIRE(old.ended);
  CHECK(old.whole.why() == stop_reason::tool_calls);
  auto message = std::move(old.whole).message().value();
  CHECK(message.at("tool_calls").get_array()[0].at("args") == json::value({{"x", 1}}));
}

TEST_CASE("reasoning has two names and becomes a block before the text", "[chat]") {
  for (const std::string key : {"reasoning", "reasoning_content"}) {
    const auto message = message_of(
      delta(R"({"role":"assistant","content":null,")" + key + R"(":"Let me "})")
      + delta("{\"" + key + R"(":"think"})") + delta(R"({"content":"4"})") + finish("stop"));
    CHECK(message.at("content")
          == list(json::object{{"type", "reasoning"}, {"reasoning", "Let me think"}},
                  json::object{{"type", "text"}, {"text", "4"}}));
  }
  const auto both = message_of(delta(R"({"reasoning":"once","reasoning_content":"once"})")
                               + delta(R"({"content":"4"})") + finish("stop"));
  CHECK(both.at("content").get_array()[0].at("reasoning") == "once");
}

TEST_CASE("reasoning_details are kept to be sent back, put together", "[chat]") {
  const auto message = message_of(
    delta(R"({"reasoning":"Let ","reasoning_details":[{"type":"reasoning.text","text":"Let ",)"
          R"("format":"f","index":0,"signature":null}]})")
    + delta(R"({"reasoning":"me","reasoning_details":[{"type":"reasoning.text","text":"me",)"
            R"("index":0,"signature":"sig"}]})")
    + delta(R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"blob","index":1}]})")
    + delta(R"({"content":"4"})") + finish("stop"));
  const auto& first = message.at("content").get_array()[0];
  CHECK(first.at("reasoning") == "Let me");
  CHECK(first.at("extras").at("reasoning_details")
        == list(json::object{{"type", "reasoning.text"},
                             {"text", "Let me"},
                             {"format", "f"},
                             {"index", 0},
                             {"signature", "sig"}},
                json::object{{"type", "reasoning.encrypted"}, {"data", "blob"}, {"index", 1}}));
  // Without `reasoning`, what the details say is what is shown.
  const auto alone =
    message_of(delta(R"({"reasoning_details":[{"type":"reasoning.summary","summary":"Brief"}]})")
               + delta(R"({"content":"4"})") + finish("stop"));
  CHECK(alone.at("content").get_array()[0].at("reasoning") == "Brief");
}

TEST_CASE("content may be a list of blocks, with thinking among them", "[chat]") {
  const auto message = message_of(
    delta(R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]}]})")
    + delta(R"({"content":[{"type":"text","text":"4"}]})") + finish("stop"));
  CHECK(message.at("content")
        == list(json::object{{"type", "reasoning"}, {"reasoning", "Hm"}},
                json::object{{"type", "text"}, {"text", "4"}}));
}

TEST_CASE("citations and images of an answer are blocks", "[chat]") {
  const auto message = message_of(
    delta(R"({"content":"See."})")
    + delta(R"({"annotations":[{"type":"url_citation","url_citation":{"url":"https://a.example",)"
            R"("title":"A","start_index":0,"end_index":4}}]})")
    + delta(R"({"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]})")
    + finish("stop"));
  const auto& content = message.at("content").get_array();
  CHECK(content[0].at("annotations").get_array()[0].at("url") == "https://a.example");
  CHECK(content[1]
        == json::value({{"type", "image"}, {"base64", "AAAA"}, {"mime_type", "image/png"}}));
}

TEST_CASE("why a model stopped is told in one set of words", "[chat]") {
  const auto text = delta(R"({"content":"a"})");
  const auto why = [](const std::string& stream) {
    auto r = read(stream, 7);
    REQUIRE(r.ended);
    return r.whole.why();
  };
  CHECK(why(text + finish("stop")) == stop_reason::end);
  CHECK(why(text + finish("length")) == stop_reason::length);
  CHECK(why(text + finish("content_filter")) == stop_reason::content_filter);
  CHECK(why(text + finish("tomorrow's word")) == stop_reason::other);
  CHECK(why(text + done) == stop_reason::end);
  CHECK(why(delta(R"({"content":null,"refusal":"No."})") + finish("stop")) == stop_reason::refusal);
  // What a request forced ends with "stop", too.
  CHECK(why(call(R"({"index":0,"id":"a","function":{"name":"f"}})") + finish("stop"))
        == stop_reason::tool_calls);
  CHECK(why(call(R"({"index":0,"id":"a","function":{"name":"f"}})") + done)
        == stop_reason::tool_calls);
}

TEST_CASE("a refusal is a block of its own", "[chat]") {
  const auto message = message_of(delta(R"({"content":null,"refusal":"I "})")
                                  + delta(R"({"refusal":"won't"})") + finish("stop"));
  CHECK(message.at("content") == list(json::object{{"type", "refusal"}, {"refusal", "I won't"}}));
}

TEST_CASE("a stream that is cut is an error wherever it is cut", "[chat]") {
  const auto stream = delta(R"({"content":"a"})")
                      + call(R"({"index":0,"id":"a","function":{"name":"f","arguments":"{}"}})");
  const auto whole = stream + finish("tool_calls");
  for (std::size_t at = 0; at < whole.size() - 1; ++at) {
    const auto r = read(std::string_view(whole).substr(0, at), 64);
    REQUIRE_FALSE(r.ended);
    REQUIRE(r.ended.error().kind == "model_stream_cut");
  }
  CHECK(read(whole, 64).ended); // before the usage and [DONE], but whole
  CHECK(error_of(done).kind == "model_stream_cut");
}

TEST_CASE("an error inside a stream is the answer's end", "[chat]") {
  const auto begun = delta(R"({"content":"a"})");
  const auto plain = error_of(
    begun + line(R"({"error":{"message":"oh no","type":"server_error","code":null}})") + done);
  CHECK(plain.kind == "model_unavailable");
  CHECK(plain.message == "the model's provider failed while it answered: oh no");
  CHECK(error_of(line(R"({"id":"g","error":{"code":429,"message":"slow"},"choices":[{"index":0,)"
                      R"("delta":{"content":""},"finish_reason":"error"}]})"))
          .kind
        == "model_rate_limited");
  CHECK(error_of(line(R"({"choices":[{"index":0,"error":{"code":402,"message":"pay"}}]})")).kind
        == "model_quota_spent");
  CHECK(error_of("event: error\n" + line(R"({"message":"gone"})")).message.find("gone")
        != std::string::npos);
  CHECK(
    error_of(line(R"({"object":"error","message":"too long","code":"context_length_exceeded"})"))
      .kind
    == "model_context_too_long");
  CHECK(error_of(begun + finish("insufficient_system_resource")).kind == "model_overloaded");
  CHECK(error_of(begun + finish("error")).kind == "model_unavailable");
  CHECK(error_of(begun + finish("abort")).kind == "model_stream_cut");
  for (const auto* none : {"null", "false", "\"\"", "{}"})
    CHECK(read(line(R"({"error":)" + std::string(none) + R"(,"choices":[{"index":0,"delta":{},)"
                    + R"("finish_reason":"stop"}]})"),
               99)
            .ended);
}

TEST_CASE("what is no JSON object is an error", "[chat]") {
  for (const auto* text : {"nonsense", "[]", "7", "{\"choices\":", "\xFF"})
    CHECK(error_of(line(text)).kind == "model_unavailable");
  // Members of another type than they should have are as good as absent.
  for (const auto* text : {R"({"choices":{}})", R"({"choices":[7]})", R"({"choices":null})",
                           R"({"choices":[{"index":0,"delta":[]}]})",
                           R"({"choices":[{"index":0,"delta":{"content":7,"tool_calls":[7,{}],)"
                           R"("reasoning":{},"reasoning_details":7,"images":[7]}}]})",
                           R"({"choices":[],"usage":7})"})
    CHECK(read(line(text) + finish("stop"), 99).ended);
}

TEST_CASE("tokens are counted once, whatever the server repeats", "[chat]") {
  const auto message = message_of(
    line(R"({"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,)"
         R"("completion_tokens":1}})")
    + line(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{)"
           R"("prompt_tokens":5,"completion_tokens":2,"prompt_cache_hit_tokens":3}})")
    + done);
  const auto& usage = message.at("usage_metadata").get_object();
  CHECK(usage.at("input_tokens") == 5);
  CHECK(usage.at("output_tokens") == 2);
  CHECK(usage.at("input_token_details").at("cache_read") == 3);
}

TEST_CASE("reasoning_details without end are refused", "[chat]") {
  model_options model;
  model.max_answer_bytes = 200;
  auto reader = openai_chat_wire().reader(model);
  answer whole{"m", "openai", 1000};
  event_stream events;
  const auto one =
    delta(R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"0123456789"}]})");
  result<void> taken;
  for (int i = 0; i < 20 && taken; ++i)
    taken = reader->take(events.feed(one).at(0), whole);
  REQUIRE_FALSE(taken);
  CHECK(taken.error().message.find("max_answer_bytes") != std::string::npos);
  CHECK(taken.error().kind == "model_answer_too_long");
}

namespace {

model_options model_on(std::string_view server) {
  model_options m;
  m.name = "main";
  m.model = "gpt-x";
  m.differs = differences_of(server).value();
  return m;
}

json::object body_of(const model_options& model, const chat_request& what) {
  const auto call = openai_chat_wire().request(model, what).value();
  CHECK(call.method == "POST");
  CHECK(call.stream);
  return call.body->as_object();
}

json::value messages_of(const model_options& model, const chat_request& what) {
  return body_of(model, what).at("messages");
}

std::string refusal_of(const model_options& model, const chat_request& what) {
  const auto call = openai_chat_wire().request(model, what);
  REQUIRE_FALSE(call);
  CHECK(call.error().code == errc::invalid_argument);
  return call.error().message;
}

// A tool's message of blocks, as tools of MCP servers have them.
json::value result_of(std::string_view id, json::array blocks) {
  return json::object{{"type", "tool"}, {"tool_call_id", id}, {"content", std::move(blocks)}};
}

tool_definition tool_named(std::string name) {
  return {std::move(name), "Adds", {{"type", "object"}}};
}

json::value json_of(std::string_view text) {
  return parse_json(text).value();
}

} // namespace

TEST_CASE("a question on chat says what it must and nothing else", "[chat]") {
  chat_request what{list(human("Hi"))};
  what.system = "Be brief.";
  CHECK(json::value(body_of(model_on("openai"), what)) == json_of(R"({
    "model": "gpt-x", "stream": true, "stream_options": {"include_usage": true},
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]})"));
  CHECK(openai_chat_wire().request(model_on("openai"), what)->path == "/chat/completions");
}

TEST_CASE("tools, the choice among them and an answer's schema are asked for", "[chat]") {
  chat_request what{list(human("Hi"))};
  what.tools = {tool_named("add"), {"bare", "", {}}};
  what.response_schema = {{"type", "object"}, {"title", "x"}};
  auto body = body_of(model_on("openai"), what);
  CHECK(body.at("tools") == json_of(R"([
    {"type": "function", "function": {"name": "add", "description": "Adds",
                                      "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "bare",
                                      "parameters": {"type": "object", "properties": {}}}}])"));
  CHECK_FALSE(body.contains("tool_choice"));
  CHECK(body.at("response_format") == json_of(R"({"type": "json_schema", "json_schema":
    {"name": "answer", "schema": {"type": "object", "title": "x"}, "strict": false}})"));
  what.response_schema = {
    {"type", "object"}, {"properties", json::object{}}, {"additionalProperties", false}};
  CHECK(body_of(model_on("openai"), what).at("response_format").at("json_schema").at("strict")
        == true);
  const auto choice = [&](std::string said) {
    what.tool_choice = std::move(said);
    return body_of(model_on("openai"), what).at("tool_choice");
  };
  CHECK(choice("none") == "none");
  CHECK(choice("any") == "required");
  CHECK(choice("add") == json_of(R"({"type": "function", "function": {"name": "add"}})"));
  what.tool_choice = "subtract";
  CHECK(refusal_of(model_on("openai"), what).find("subtract") != std::string::npos);
  what.tools.clear();
  CHECK_FALSE(body_of(model_on("openai"), what).contains("tool_choice"));
}

TEST_CASE("parameters stand over what would be sent, in the server's words", "[chat]") {
  auto model = model_on("openai");
  model.parameters = {{"temperature", 0.5}, {"max_tokens", 10}, {"parallel_tool_calls", false}};
  chat_request what{list(human("Hi"))};
  what.parameters = {{"temperature", 1}, {"stream_options", nullptr}};
  auto body = body_of(model, what);
  CHECK(body.at("temperature") == 1);
  CHECK(body.at("max_completion_tokens") == 10);
  CHECK_FALSE(body.contains("max_tokens"));
  CHECK_FALSE(body.contains("stream_options"));
  CHECK_FALSE(body.contains("parallel_tool_calls")); // refused without tools
  what.tools = {tool_named("add")};
  CHECK(body_of(model, what).at("parallel_tool_calls") == false);
  model.differs = differences_of("ollama").value();
  CHECK_FALSE(body_of(model, what).contains("parallel_tool_calls"));
  CHECK(body_of(model, what).at("max_tokens") == 10);
  what.parameters = {{"tools", list(json::object{{"type", "web_search"}})},
                     {"stream_options", {{"include_obfuscation", false}}}};
  body = body_of(model, what);
  CHECK(body.at("tools").get_array().size() == 2);
  CHECK(body.at("stream_options")
        == json_of(R"({"include_usage": true, "include_obfuscation": false})"));
  for (const auto* own : {"messages", "stream", "n"}) {
    what.parameters = {{own, 1}};
    CHECK(refusal_of(model, what).find(own) != std::string::npos);
  }
}

TEST_CASE("a turn with calls and its results go back in chat's form", "[chat]") {
  chat_request what{list(human("1+1?"),
                         ai("", list(tool_call("c1", "add", {{"a", 1}}), tool_call("c2", "now"))),
                         tool_message("2", "c1"), result_of("c2", list(text_block("late"))),
                         ai("It is 2."), system_message("Be kind."))};
  CHECK(messages_of(model_on("openai"), what) == json_of(R"([
    {"role": "user", "content": "1+1?"},
    {"role": "assistant", "content": null, "tool_calls": [
      {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}},
      {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "2"},
    {"role": "tool", "tool_call_id": "c2", "content": "late"},
    {"role": "assistant", "content": "It is 2."},
    {"role": "system", "content": "Be kind."}])"));
}

TEST_CASE("an answer that was read can be asked with again", "[chat]") {
  auto said = message_of(delta(R"({"content":"Let me see."})")
                         + call(R"({"index":0,"id":"c1","function":{"name":"f","arguments":"{"}})")
                         + finish("tool_calls"));
  chat_request what{list(human("?"), said, tool_message("the arguments are no JSON", "c1"))};
  const auto sent = messages_of(model_on("openai"), what);
  CHECK(sent.get_array()[1].at("content") == "Let me see.");
  CHECK(sent.get_array()[1].at("tool_calls").get_array()[0].at("id") == "c1");
  // Arguments that were no JSON are sent as some that are: servers parse them.
  CHECK(sent.get_array()[1].at("tool_calls").get_array()[0].at("function").at("arguments") == "{}");
}

TEST_CASE("images, audio and files are chat's blocks", "[chat]") {
  chat_request what{list(
    human(list(text_block("What is this?"), image_url("https://a.example/x.png"),
               image_data("AAAA", "image/jpeg"),
               json::object{{"type", "audio"}, {"base64", "BBBB"}, {"mime_type", "audio/mpeg"}},
               json::object{{"type", "file"},
                            {"base64", "CCCC"},
                            {"mime_type", "application/pdf"},
                            {"extras", {{"filename", "a.pdf"}}}},
               json::object{{"type", "file"}, {"file_id", "f-1"}})))};
  CHECK(messages_of(model_on("openai"), what) == json_of(R"([{"role": "user", "content": [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}},
    {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}},
    {"type": "input_audio", "input_audio": {"data": "BBBB", "format": "mp3"}},
    {"type": "file", "file": {"filename": "a.pdf",
                              "file_data": "data:application/pdf;base64,CCCC"}},
    {"type": "file", "file": {"file_id": "f-1"}}]}])"));
  CHECK(refusal_of(model_on("deepseek"), what).find("text only") != std::string::npos);
  for (const auto& block :
       {file_url("https://a.example/x.pdf", "application/pdf"),
        json::value({{"type", "video"}, {"url", "https://a.example/x.mp4"}}),
        json::value({{"type", "audio"}, {"url", "https://a.example/x.mp3"}}),
        json::value({{"type", "image"}, {"file_id", "x"}}), json::value({{"type", "odd"}})})
    refusal_of(model_on("openai"), chat_request{list(human(list(block)))});
}

TEST_CASE("images of results follow all of the results, as data", "[chat]") {
  chat_request what{
    list(human("Look"), ai("", list(tool_call("c1", "see"), tool_call("c2", "see"))),
         result_of("c1", list(text_block("a cat"), image_data("AAAA", "image/png"))),
         tool_message("none", "c2"), ai("A cat."))};
  const auto sent = messages_of(model_on("openai"), what);
  const auto& all = sent.get_array();
  REQUIRE(all.size() == 6);
  CHECK(all[2].at("content") == "a cat\n[its files follow these results]");
  CHECK(all[3].at("tool_call_id") == "c2");
  CHECK(all[4].at("role") == "user");
  CHECK(all[4].at("content").get_array()[1]
        == json_of(R"({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}})"));
  CHECK(all[5].at("role") == "assistant");
  const auto blind = messages_of(model_on("deepseek"), what);
  REQUIRE(blind.get_array().size() == 5);
  CHECK(blind.get_array()[2].at("content") == "a cat\n[left out: this model takes no such file]");
  // At the end of the messages, too.
  what.messages.pop_back();
  CHECK(messages_of(model_on("openai"), what).get_array().back().at("role") == "user");
}

TEST_CASE("reasoning goes back to the server that wants it, and to no other", "[chat]") {
  const auto said = [](std::string_view by, json::array calls) {
    return json::object{{"type", "ai"},
                        {"content", list(json::object{{"type", "reasoning"}, {"reasoning", "Hm"}},
                                         json::object{{"type", "text"}, {"text", "4"}})},
                        {"tool_calls", std::move(calls)},
                        {"response_metadata", {{"model_provider", by}}}};
  };
  const auto turn = [&](std::string_view server, std::string_view by, json::array calls) {
    return messages_of(model_on(server), chat_request{list(said(by, std::move(calls)))})
      .get_array()[0]
      .as_object();
  };
  const auto calls = list(tool_call("c1", "f"));
  CHECK(turn("deepseek", "deepseek", calls).at("reasoning_content") == "Hm");
  CHECK(turn("deepseek", "openai", calls).at("reasoning_content") == "");
  CHECK_FALSE(turn("deepseek", "deepseek", {}).contains("reasoning_content"));
  CHECK_FALSE(turn("vllm", "vllm", calls).contains("reasoning"));
  auto model = model_on("vllm");
  model.differs.reasoning_key = "reasoning";
  CHECK(messages_of(model, chat_request{list(said("vllm", {}))}).get_array()[0].at("reasoning")
        == "Hm");
}

TEST_CASE("reasoning_details go back as they came, to their server alone", "[chat]") {
  auto said = message_of(delta(R"({"reasoning_details":[{"type":"reasoning.text","text":"Hm",)"
                               R"("signature":"sig","index":0}]})")
                         + delta(R"({"content":"4"})") + finish("stop"));
  said["response_metadata"].get_object()["model_provider"] = "openrouter";
  const chat_request what{list(human("2+2?"), said)};
  CHECK(messages_of(model_on("openrouter"), what).get_array()[1]
        == json_of(R"({"role": "assistant", "content": "4", "reasoning_details": [
             {"type": "reasoning.text", "text": "Hm", "signature": "sig", "index": 0}]})"));
  CHECK(messages_of(model_on("openai"), what).get_array()[1]
        == json_of(R"({"role": "assistant", "content": "4"})"));
}

TEST_CASE("reasoning_details that are all encrypted go back, too", "[chat]") {
  auto said =
    message_of(delta(R"({"reasoning_details":[{"type":"reasoning.encrypted","data":"blob"}]})")
               + delta(R"({"content":"4"})") + finish("stop"));
  said["response_metadata"].get_object()["model_provider"] = "openrouter";
  const chat_request what{list(human("2+2?"), said)};
  CHECK(messages_of(model_on("openrouter"), what).get_array()[1]
        == json_of(R"({"role": "assistant", "content": "4", "reasoning_details": [
             {"type": "reasoning.encrypted", "data": "blob"}]})"));
}

TEST_CASE("what servers differ in is data", "[chat]") {
  chat_request what{list(human("Hi"))};
  what.system = "Brief.";
  what.response_schema = {{"type", "object"}};
  const auto deepseek = body_of(model_on("deepseek"), what);
  CHECK(deepseek.at("response_format") == json_of(R"({"type": "json_object"})"));
  const auto& told = deepseek.at("messages").get_array()[1].at("content").get_string();
  CHECK(told.find("{\"type\":\"object\"}") != told.npos);
  CHECK_FALSE(body_of(model_on("mistral"), what).contains("stream_options"));
  auto model = model_on("azure");
  model.differs.path = "/chat/completions?api-version=2024-10-21";
  model.differs.system_role = "developer";
  const auto call = openai_chat_wire().request(model, what);
  CHECK(call->path == "/chat/completions?api-version=2024-10-21");
  CHECK(call->body->at("messages").get_array()[0].at("role") == "developer");
  CHECK(openai_chat_wire().provider(model) == "azure");
  CHECK_FALSE(differences_of("nobody"));
  const auto names = known_chat_servers();
  CHECK(std::is_sorted(names.begin(), names.end()));
  for (auto name : names)
    CHECK(differences_of(name));
}

TEST_CASE("what chat has no word for is refused", "[chat]") {
  for (const auto& message :
       {json::value("text"), json::value({{"type", "remove"}, {"id", "x"}}),
        json::value({{"type", "function"}, {"content", "x"}}),
        json::value({{"type", "tool"}, {"content", "x"}}), json::value(nullptr)})
    refusal_of(model_on("openai"), chat_request{list(message)});
}
