#include "agents/models/anthropic.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace behalf;

namespace {

json::value parsed(std::string_view text) {
  return parse_json(text).value();
}

// One event as the API writes it.
std::string event(std::string_view type, std::string_view more = {}) {
  return "event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) + "\""
         + std::string(more) + "}\n\n";
}

std::string block_start(int index, std::string_view block) {
  return event("content_block_start",
               ",\"index\":" + std::to_string(index) + ",\"content_block\":" + std::string(block));
}

std::string delta(int index, std::string_view what) {
  return event("content_block_delta",
               ",\"index\":" + std::to_string(index) + ",\"delta\":" + std::string(what));
}

std::string block_stop(int index) {
  return event("content_block_stop", ",\"index\":" + std::to_string(index));
}

const std::string begin = event(
  "message_start", R"(,"message":{"id":"msg_1","type":"message","role":"assistant","content":[],)"
                   R"("model":"claude-x","stop_reason":null,"usage":{"input_tokens":10,)"
                   R"("cache_read_input_tokens":3,"cache_creation_input_tokens":4,)"
                   R"("output_tokens":1}})");

std::string end_with(std::string_view delta, std::string_view usage = R"({"output_tokens":25})") {
  return event("message_delta",
               ",\"delta\":" + std::string(delta) + ",\"usage\":" + std::string(usage))
         + event("message_stop");
}

// Thinking, text, and two calls at once, one of them without arguments.
const std::string with_calls =
  begin + "event: ping\ndata: {\"type\": \"ping\"}\n\n"
  + block_start(0, R"({"type":"thinking","thinking":"","signature":""})")
  + delta(0, R"({"type":"thinking_delta","thinking":"Both at"})")
  + delta(0, R"({"type":"thinking_delta","thinking":" once – ja"})")
  + delta(0, R"({"type":"signature_delta","signature":"c2ln"})") + block_stop(0)
  + block_start(1, R"({"type":"redacted_thinking","data":"cmVk"})") + block_stop(1)
  + block_start(2, R"({"type":"text","text":""})")
  + delta(2, R"({"type":"text_delta","text":"Ich schaue nach: "})") + event("ping")
  + delta(2, R"({"type":"text_delta","text":"日本"})")
  + delta(2, R"({"type":"delta_of_tomorrow","text":"?"})") + block_stop(2)
  + event("event_of_tomorrow", R"(,"index":2)")
  + block_start(3, R"({"type":"tool_use","id":"toolu_1","name":"search","input":{}})")
  + delta(3, R"({"type":"input_json_delta","partial_json":""})")
  + delta(3, R"({"type":"input_json_delta","partial_json":"{\"query\": \"na"})")
  + delta(3, R"({"type":"input_json_delta","partial_json":"me\"}"})") + block_stop(3)
  + block_start(
    4, R"({"type":"tool_use","id":"toolu_2","name":"now","input":{},"caller":{"type":"direct"}})")
  + delta(4, R"({"type":"input_json_delta","partial_json":""})") + block_stop(4)
  + end_with(R"({"stop_reason":"tool_use","stop_sequence":null})",
             R"({"input_tokens":null,"output_tokens":25,)"
             R"("output_tokens_details":{"thinking_tokens":9}})");

constexpr auto message_with_calls = R"({
  "content": [
    {"type": "reasoning", "reasoning": "Both at once – ja", "extras": {"signature": "c2ln"}},
    {"type": "non_standard", "value": {"type": "redacted_thinking", "data": "cmVk"}},
    {"type": "text", "text": "Ich schaue nach: 日本"},
    {"name": "search", "args": {"query": "name"}, "id": "toolu_1", "type": "tool_call"},
    {"name": "now", "args": {}, "id": "toolu_2", "type": "tool_call",
     "extras": {"caller": {"type": "direct"}}}],
  "additional_kwargs": {},
  "response_metadata": {"model_provider": "anthropic", "stop_reason": "tool_use", "id": "msg_1",
                        "model_name": "claude-x", "output_version": "v1"},
  "type": "ai", "name": null, "id": "lc_run--1",
  "tool_calls": [
    {"name": "search", "args": {"query": "name"}, "id": "toolu_1", "type": "tool_call"},
    {"name": "now", "args": {}, "id": "toolu_2", "type": "tool_call"}],
  "invalid_tool_calls": [],
  "usage_metadata": {"input_tokens": 17, "output_tokens": 25, "total_tokens": 42,
                     "input_token_details": {"cache_read": 3, "cache_creation": 4},
                     "output_token_details": {"reasoning": 9}}
})";

struct reading {
  answer got{"lc_run--1", "anthropic", 1u << 20};
  result<void> read;
};

// The answer of these bytes, arriving in two pieces.
reading read(std::string_view bytes, std::size_t cut = 0,
             const model_options& model = model_options{}) {
  reading all;
  event_stream events;
  auto reader = anthropic_wire().reader(model);
  for (auto piece : {bytes.substr(0, cut), bytes.substr(cut)})
    for (const auto& one : events.feed(piece))
      if (all.read)
        all.read = reader->take(one, all.got);
  if (all.read)
    all.read = reader->end(all.got);
  return all;
}

json::value message_of(std::string_view bytes) {
  auto all = read(bytes);
  REQUIRE(all.read);
  return std::move(all.got).message().value();
}

model_options claude() {
  model_options model;
  model.name = "main";
  model.type = model_type::anthropic;
  model.model = "claude-x";
  return model;
}

chat_request asking(std::string_view messages) {
  return chat_request{parsed(messages).as_array()};
}

json::value body_of(const chat_request& what, const model_options& model = claude()) {
  return anthropic_wire().request(model, what).value().body.value();
}

json::value turns_of(std::string_view messages) {
  return body_of(asking(messages)).at("messages");
}

tool_definition tool(std::string name) {
  return {std::move(name), "Does it.", parsed(R"({"type": "object"})").as_object()};
}

} // namespace

TEST_CASE("an answer of Anthropic's reads the same however its bytes are cut", "[agents]") {
  const auto expected = parsed(message_with_calls);
  for (std::size_t cut = 0; cut < with_calls.size(); ++cut) {
    auto all = read(with_calls, cut);
    REQUIRE((all.read && std::move(all.got).message().value() == expected));
  }
}

TEST_CASE("an answer of Anthropic's that ends early is no answer", "[agents]") {
  answer got{"lc_run--1", "anthropic", 1u << 20};
  event_stream events;
  auto reader = anthropic_wire().reader(model_options{});
  auto rest = std::string_view(with_calls);
  for (; rest.size() > 1; rest.remove_prefix(1)) {
    for (const auto& one : events.feed(rest.substr(0, 1)))
      REQUIRE(reader->take(one, got));
    auto ended = reader->end(got);
    REQUIRE_FALSE(ended);
    REQUIRE(ended.error().kind == "model_stream_cut");
  }
  for (const auto& one : events.feed(rest))
    REQUIRE(reader->take(one, got));
  CHECK(reader->end(got));
}

TEST_CASE("Anthropic's answer goes back as it came", "[agents]") {
  auto messages =
    json::array{parsed(R"({"type": "human", "content": "Hi"})"), message_of(with_calls),
                parsed(R"({"type": "tool", "content": "Bob", "status": "success",
                                         "tool_call_id": "toolu_1"})"),
                parsed(R"({"type": "tool", "content": [
                                          {"type": "text", "text": "no clock"},
                                          {"type": "text", "text": ""}],
                                         "status": "error", "tool_call_id": "toolu_2"})"),
                parsed(R"({"type": "human", "content": "And?"})")};
  auto body = body_of(chat_request{std::move(messages)});
  CHECK(body == parsed(R"({
    "model": "claude-x", "max_tokens": 16384, "stream": true,
    "messages": [
      {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
      {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "Both at once – ja", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
        {"type": "text", "text": "Ich schaue nach: 日本"},
        {"type": "tool_use", "id": "toolu_1", "name": "search", "input": {"query": "name"}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {},
         "caller": {"type": "direct"}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Bob"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": true,
         "content": [{"type": "text", "text": "no clock"}]},
        {"type": "text", "text": "And?", "cache_control": {"type": "ephemeral"}}]}]
  })"));
}

TEST_CASE("thinking that Anthropic left out goes back with its signature alone", "[agents]") {
  auto message = message_of(begin + block_start(0, R"({"type":"thinking","thinking":""})")
                            + delta(0, R"({"type":"signature_delta","signature":"AB"})")
                            + delta(0, R"({"type":"signature_delta","signature":"CD"})")
                            + block_stop(0) + block_start(1, R"({"type":"text","text":"Yes"})")
                            + block_stop(1) + end_with(R"({"stop_reason":"end_turn"})"));
  CHECK(message.at("content")
        == parsed(R"([{"type": "reasoning", "reasoning": "", "extras": {"signature": "ABCD"}},
                      {"type": "text", "text": "Yes"}])"));
  CHECK(turns_of(dump(json::array{message})).at(0).at("content")
        == parsed(R"([{"type": "thinking", "thinking": "", "signature": "ABCD"},
                      {"type": "text", "text": "Yes"}])"));
}

TEST_CASE("plain text of Anthropic's is a string", "[agents]") {
  auto message = message_of(begin + block_start(0, R"({"type":"text","text":""})")
                            + delta(0, R"({"type":"text_delta","text":"Hello"})") + block_stop(0)
                            + end_with(R"({"stop_reason":"stop_sequence","stop_sequence":"."})"));
  CHECK(message.at("content") == "Hello");
  CHECK(message.at("response_metadata").at("stop_reason") == "stop_sequence");
  CHECK(message.at("response_metadata").at("stop_sequence") == ".");
}

TEST_CASE("Anthropic's citations become annotations and go back as they came", "[agents]") {
  const auto cited = begin + block_start(0, R"({"type":"text","text":"","citations":[]})")
                     + delta(0, R"({"type":"text_delta","text":"It rains."})")
                     + delta(0, R"({"type":"citations_delta","citation":{)"
                                R"("type":"web_search_result_location","url":"https://w/1",)"
                                R"("title":"Weather","cited_text":"rain","encrypted_index":"Eo"}})")
                     + delta(0, R"({"type":"citations_delta","citation":{)"
                                R"("type":"page_location","cited_text":"wet","document_index":0,)"
                                R"("document_title":"Almanac","start_page_number":1,)"
                                R"("end_page_number":2,"file_id":null}})")
                     + block_stop(0) + end_with(R"({"stop_reason":"end_turn"})");
  auto message = message_of(cited);
  CHECK(message.at("content").at(0).at("annotations") == parsed(R"([
    {"type": "citation", "url": "https://w/1", "title": "Weather", "cited_text": "rain",
     "extras": {"type": "web_search_result_location", "encrypted_index": "Eo"}},
    {"type": "citation", "title": "Almanac", "cited_text": "wet",
     "extras": {"type": "page_location", "document_index": 0, "document_title": "Almanac",
                "start_page_number": 1, "end_page_number": 2, "file_id": null}}])"));
  CHECK(turns_of(dump(json::array{message})).at(0).at("content") == parsed(R"([
    {"type": "text", "text": "It rains.", "citations": [
      {"type": "web_search_result_location", "url": "https://w/1", "title": "Weather",
       "cited_text": "rain", "encrypted_index": "Eo"},
      {"type": "page_location", "cited_text": "wet", "document_index": 0,
       "document_title": "Almanac", "start_page_number": 1, "end_page_number": 2,
       "file_id": null}]}])"));
}

TEST_CASE("what Anthropic's own tools did goes back whole", "[agents]") {
  const auto searched =
    begin
    + block_start(0, R"({"type":"server_tool_use","id":"srvtoolu_1","name":"web_search",)"
                     R"("input":{}})")
    + delta(0, R"({"type":"input_json_delta","partial_json":"{\"query\":"})")
    + delta(0, R"({"type":"input_json_delta","partial_json":"\"rain\"}"})") + block_stop(0)
    + block_start(1, R"({"type":"web_search_tool_result","tool_use_id":"srvtoolu_1",)"
                     R"("content":[{"type":"web_search_result","encrypted_content":"Er"}]})")
    + block_stop(1) + end_with(R"({"stop_reason":"pause_turn"})");
  auto all = read(searched);
  REQUIRE(all.read);
  CHECK(all.got.why() == stop_reason::pause);
  auto message = json::value(std::move(all.got).message().value());
  CHECK(message.at("tool_calls").as_array().empty());
  CHECK(turns_of(dump(json::array{message})) == parsed(R"([{"role": "assistant", "content": [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
     "input": {"query": "rain"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1",
     "content": [{"type": "web_search_result", "encrypted_content": "Er"}]}]}])"));
}

TEST_CASE("blocks of Anthropic's may share an index one after another", "[agents]") {
  auto message = message_of(
    begin + block_start(0, R"({"type":"tool_use","id":"a","name":"f","input":{"n":1}})")
    + block_stop(0) + block_start(0, R"({"type":"tool_use","id":"a","name":"g","input":{}})")
    + delta(0, R"({"type":"input_json_delta","partial_json":"{\"n\":2}"})") // and never stopped
    + block_start(0, R"({"type":"text","text":"ok"})")
    + delta(0, R"({"type":"input_json_delta","partial_json":"{}"})")
    + end_with(R"({"stop_reason":"tool_use"})"));
  const auto& calls = message.at("tool_calls").as_array();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].at("args") == parsed(R"({"n": 1})"));
  CHECK(calls[1].at("args") == parsed(R"({"n": 2})"));
  CHECK(calls[0].at("id") != calls[1].at("id"));
}

TEST_CASE("arguments of Anthropic's that are no JSON are an invalid call", "[agents]") {
  auto message =
    message_of(begin + block_start(0, R"({"type":"tool_use","id":"a","name":"f","input":{}})")
               + delta(0, R"({"type":"input_json_delta","partial_json":"{\"n\":"})") + block_stop(0)
               + end_with(R"({"stop_reason":"max_tokens"})"));
  CHECK(message.at("tool_calls").as_array().empty());
  CHECK(message.at("invalid_tool_calls").at(0).at("args") == "{\"n\":");
}

TEST_CASE("why Anthropic's model stopped", "[agents]") {
  const std::vector<std::pair<std::string, stop_reason>> known{
    {"end_turn", stop_reason::end},
    {"stop_sequence", stop_reason::end},
    {"tool_use", stop_reason::tool_calls},
    {"max_tokens", stop_reason::length},
    {"model_context_window_exceeded", stop_reason::length},
    {"pause_turn", stop_reason::pause},
    {"refusal", stop_reason::refusal},
    {"reason_of_tomorrow", stop_reason::other}};
  for (const auto& [said, meant] : known) {
    auto all = read(begin + end_with(R"({"stop_reason":")" + said + "\"}"));
    CHECK(all.read);
    CHECK(all.got.why() == meant);
  }
}

TEST_CASE("Anthropic's reason for a refusal is shown and not sent back", "[agents]") {
  auto message =
    message_of(begin + block_start(0, R"({"type":"text","text":"Well"})") + block_stop(0)
               + end_with(R"({"stop_reason":"refusal","stop_details":{"type":"refusal",)"
                          R"("category":"cyber","explanation":"Not this."}})"));
  CHECK(message.at("content").at(1) == parsed(R"({"type": "refusal", "refusal": "Not this."})"));
  CHECK(message.at("response_metadata").at("stop_details").at("category") == "cyber");
  CHECK(turns_of(dump(json::array{message})).at(0).at("content")
        == parsed(R"([{"type": "text", "text": "Well"}])"));
}

TEST_CASE("Anthropic's failures inside a stream have a kind", "[agents]") {
  const std::vector<std::pair<std::string, std::string>> known{
    {"overloaded_error", "model_overloaded"},
    {"rate_limit_error", "model_rate_limited"},
    {"api_error", "model_unavailable"},
    {"error_of_tomorrow", "model_unavailable"}};
  for (const auto& [type, kind] : known) {
    auto all =
      read(begin + event("error", R"(,"error":{"type":")" + type + R"(","message":"Try later"})"));
    REQUIRE_FALSE(all.read);
    CHECK(all.read.error().code == errc::upstream);
    CHECK(all.read.error().kind == kind);
    CHECK(all.read.error().message.find("Try later") != std::string::npos);
  }
}

TEST_CASE("events of Anthropic's that make no sense end the answer", "[agents]") {
  auto refused = [](const std::string& more) { return !read(begin + more).read; };
  CHECK(refused("data: {\n\n"));
  CHECK(refused("data: [1]\n\n"));
  CHECK(refused(delta(0, R"({"type":"text_delta","text":"a"})")));
  CHECK(refused(block_start(0, "7")));
  CHECK(read(begin + end_with(R"({"stop_reason":null})")).read.error().kind == "model_stream_cut");
}

TEST_CASE("a server tool's input of Anthropic's is bounded", "[agents]") {
  auto model = claude();
  model.max_answer_bytes = 1000;
  auto stream = begin + block_start(0, R"({"type":"server_tool_use","id":"s","name":"n"})");
  for (int i = 0; i < 10; ++i)
    stream +=
      delta(0, R"({"type":"input_json_delta","partial_json":")" + std::string(100, 'x') + "\"}");
  CHECK_FALSE(read(stream, 0, model).read);
}

TEST_CASE("how Anthropic refuses a request", "[agents]") {
  const auto& wire = anthropic_wire();
  auto body = [](std::string_view type, std::string_view message, std::string_view more = {}) {
    return R"({"type":"error","error":{"type":")" + std::string(type) + R"(","message":")"
           + std::string(message) + "\"" + std::string(more) + R"(},"request_id":"req_1"})";
  };
  auto kind = [&](int status, const std::string& text) {
    return wire.failure(status, {}, text).why.kind;
  };
  CHECK(kind(400, body("invalid_request_error", "no")) == "model_bad_request");
  CHECK(kind(400, body("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"))
        == "model_context_too_long");
  CHECK(kind(400, body("invalid_request_error", "Your credit balance is too low to access it"))
        == "model_quota_spent");
  for (const auto* refused :
       {"messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.3.content.0: Invalid `data` in `redacted_thinking` block",
        "messages.1.content.0.thinking.signature: Field required",
        "messages.3.content.8: `thinking` or `redacted_thinking` blocks in the latest assistant "
        "message cannot be modified. These blocks must remain as they were.",
        "The thinking block is bound to a different conversation."})
    CHECK(kind(400, body("invalid_request_error", refused)) == "model_thinking_refused");
  for (const auto* other :
       {"Thinking may not be enabled when tool_choice forces tool use.",
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        "messages.1: Expected `thinking` or `redacted_thinking`, but found `tool_use`",
        "tools.0.custom.input_schema: the signature is wrong"})
    CHECK(kind(400, body("invalid_request_error", other)) == "model_bad_request");
  CHECK(kind(401, body("authentication_error", "invalid x-api-key")) == "model_refused_key");
  CHECK(kind(402, body("billing_error", "pay")) == "model_quota_spent");
  CHECK(kind(403, body("permission_error", "no")) == "model_refused_key");
  CHECK(kind(404, body("not_found_error", "model: claude-0")) == "model_unknown");
  CHECK(kind(413, body("request_too_large", "too large")) == "model_context_too_long");
  CHECK(kind(500, body("api_error", "oops")) == "model_unavailable");
  CHECK(kind(502, "<html>") == "model_unavailable");

  auto busy = wire.failure(529, {{"Retry-After", "3"}}, body("overloaded_error", "Overloaded"));
  CHECK(busy.why.kind == "model_overloaded");
  CHECK(busy.retry);
  CHECK(busy.after == std::chrono::seconds{3});
  CHECK(wire.failure(429, {}, body("rate_limit_error", "slow")).retry);
  auto spent = wire.failure(429, {},
                            body("rate_limit_error", "limit",
                                 R"(,"details":{"error_code":"enforced_spend_limit_reached"})"));
  CHECK(spent.why.kind == "model_quota_spent");
  CHECK_FALSE(spent.retry);
}

TEST_CASE("what schemas Anthropic can hold an answer to", "[agents]") {
  auto takes = [](std::string_view schema) {
    return anthropic_wire().takes_schema(claude(), parsed(schema).as_object(), true);
  };
  for (const auto* good :
       {R"({"type": "object", "properties": {"$ref": {"type": "string"}, "enum": {"const": {}}}})",
        R"({"properties": {"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/$defs/x"}},
            "$defs": {"x": {"anyOf": [{"$ref": "#/$defs/y"}, {"type": "null"}]},
                      "y": {"enum": ["a", 1, null]}}})",
        R"({"properties": {"a": {"type": "array", "minItems": 2}}, "additionalProperties": true})"})
    CHECK(takes(good));
  for (const auto* bad :
       {R"({"properties": {"a": {"items": {"$ref": "#"}}}})",
        R"({"properties": {"a": {"$ref": "#/$defs/x"}},
            "$defs": {"x": {"properties": {"b": {"$ref": "#/$defs/y"}}},
                      "y": {"anyOf": [{"$ref": "#/$defs/x"}]}}})",
        R"({"properties": {"a": {"properties": {"b": {"$ref": "#/properties/a"}}}}})",
        R"({"properties": {"a": {"$ref": "https://example.com/a.json"}}})",
        R"({"properties": {"a": {"$ref": "#/$defs/none"}}})",
        R"({"properties": {"a": {"$ref": 5}}})",
        R"({"properties": {"a": {"additionalProperties": {"type": "string"}}}})",
        R"({"properties": {"a": {"enum": [{"b": 1}]}}})"})
    CHECK_FALSE(takes(bad));

  auto what = asking(R"([{"type": "human", "content": "Hi"}])");
  what.response_schema =
    parsed(R"({"properties": {"a": {"minItems": 2}, "b": {"minItems": 1}}})").as_object();
  const auto op = anthropic_wire().request(claude(), what).value();
  CHECK(op.body->at("output_config").at("format").at("schema")
        == parsed(R"({"properties": {"a": {}, "b": {"minItems": 1}}})"));
}

TEST_CASE("a request to Anthropic, whole", "[agents]") {
  auto model = claude();
  model.parameters = parsed(R"({"temperature": 0.5, "top_k": 4, "betas": ["one-1", "two"],
                                "output_config": {"effort": "low"}, "stream": false})")
                       .as_object();
  auto what = asking(R"([{"type": "system", "content": "Be kind."},
                         {"type": "human", "content": "Hi"}])");
  what.system = "Be brief.";
  what.tools = {tool("a"), tool("b")};
  what.tool_choice = "b";
  what.parameters = parsed(R"({"temperature": 1, "top_k": null, "max_tokens": 99})").as_object();
  what.response_schema = parsed(R"({"type": "object", "properties": {
    "minimum": {"type": "integer", "minimum": 1},
    "list": {"type": "array", "items": {"type": "object"}},
    "word": {"enum": [{"type": "object"}]}}})")
                           .as_object();
  auto op = anthropic_wire().request(model, what).value();
  CHECK(op.method == "POST");
  CHECK(op.path == "/v1/messages");
  CHECK(op.stream);
  CHECK(op.headers
        == header_list{{"anthropic-version", "2023-06-01"}, {"anthropic-beta", "one-1,two"}});
  CHECK(op.body.value() == parsed(R"({
    "model": "claude-x", "max_tokens": 99, "temperature": 1, "stream": true,
    "system": [{"type": "text", "text": "Be brief."},
               {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "a", "description": "Does it.", "input_schema": {"type": "object"}},
              {"name": "b", "description": "Does it.", "input_schema": {"type": "object"},
               "cache_control": {"type": "ephemeral"}}],
    "tool_choice": {"type": "tool", "name": "b"},
    "messages": [{"role": "user", "content": [
      {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}],
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {
      "type": "object", "additionalProperties": false, "properties": {
        "minimum": {"type": "integer"},
        "list": {"type": "array", "items": {"type": "object", "additionalProperties": false}},
        "word": {"enum": [{"type": "object"}]}}}}}
  })"));
}

TEST_CASE("Anthropic's own tools join those that are functions", "[agents]") {
  auto model = claude();
  model.parameters = parsed(R"({"output_config": {"effort": "low"}})").as_object();
  auto what = asking(R"([{"type": "human", "content": "Hi"}])");
  what.tools = {tool("a")};
  what.parameters =
    parsed(R"({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}],
               "output_config": {"verbosity": "high"},
               "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}})")
      .as_object();
  what.tool_choice = "a";
  auto body = anthropic_wire().request(model, what).value().body.value();
  std::vector<std::string> names;
  for (const auto& one : body.at("tools").as_array())
    names.emplace_back(one.at("name").as_string());
  CHECK(names == std::vector<std::string>{"a", "code_execution"});
  CHECK(body.at("output_config") == parsed(R"({"effort": "low", "verbosity": "high"})"));
  CHECK(body.at("tool_choice") == parsed(R"({"type": "auto", "disable_parallel_tool_use": true})"));
  what.tools.clear();
  body = anthropic_wire().request(model, what).value().body.value();
  CHECK(body.at("tools").as_array().size() == 1);
}

TEST_CASE("a name of a beta cannot be another header", "[agents]") {
  auto what = asking(R"([{"type": "human", "content": "Hi"}])");
  what.parameters = parsed(R"({"betas": ["a\r\nx-api-key: b"]})").as_object();
  CHECK_FALSE(anthropic_wire().request(claude(), what));
  what.parameters = parsed(R"({"betas": "a"})").as_object();
  CHECK_FALSE(anthropic_wire().request(claude(), what));
}

TEST_CASE("which tool Anthropic's model is made to call", "[agents]") {
  auto choice = [](std::string_view said, std::string_view parameters = "{}") {
    auto what = asking(R"([{"type": "human", "content": "Hi"}])");
    what.tools = {tool("a")};
    what.tool_choice = said;
    what.parameters = parsed(parameters).as_object();
    return body_of(what).at("tool_choice");
  };
  CHECK(choice("auto") == parsed(R"({"type": "auto"})"));
  CHECK(choice("none") == parsed(R"({"type": "none"})"));
  CHECK(choice("any") == parsed(R"({"type": "any"})"));
  CHECK(choice("a") == parsed(R"({"type": "tool", "name": "a"})"));
  const auto* thinking = R"({"thinking": {"type": "enabled", "budget_tokens": 2000}})";
  CHECK(choice("any", thinking) == parsed(R"({"type": "auto"})"));
  CHECK(choice("none", thinking) == parsed(R"({"type": "none"})"));
  CHECK(choice("a", R"({"thinking": {"type": "adaptive"}})") == parsed(R"({"type": "auto"})"));
  CHECK(choice("any", R"({"thinking": {"type": "disabled"}})") == parsed(R"({"type": "any"})"));

  auto none = asking(R"([{"type": "human", "content": "Hi"}])");
  none.parameters = parsed(thinking).as_object();
  auto body = body_of(none).as_object();
  CHECK_FALSE(body.contains("tool_choice"));
  CHECK(body.at("max_tokens") == 18'384); // thinking takes its share of them
  CHECK(body.at("thinking").at("budget_tokens") == 2000);
}

TEST_CASE("what another provider's model thought is not sent to Anthropic", "[agents]") {
  CHECK(turns_of(R"([{"type": "human", "content": "Hi"},
    {"type": "ai", "response_metadata": {"model_provider": "openai"},
     "content": [{"type": "reasoning", "reasoning": "Hm", "extras": {"signature": "x"}},
                 {"type": "non_standard", "value": {"type": "item"}},
                 {"type": "refusal", "refusal": "No."},
                 {"type": "text", "text": " \n"}],
     "tool_calls": [{"name": "f", "args": {}, "id": "functions.f:0", "type": "tool_call"}]},
    {"type": "tool", "content": "", "tool_call_id": "functions.f:0"}])")
        == parsed(R"([
    {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    {"role": "assistant", "content": [
      {"type": "text", "text": "No."},
      {"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "functions_f_0",
                                  "cache_control": {"type": "ephemeral"}}]}])"));
}

TEST_CASE("messages of one role become one turn for Anthropic, results first", "[agents]") {
  CHECK(turns_of(R"([{"type": "human", "content": "a"}, {"type": "human", "content": ""},
    {"type": "ai", "content": "b"}, {"type": "ai", "content": "c"},
    {"type": "human", "content": "d"}, {"type": "system", "content": "e"},
    {"type": "tool", "content": "f", "tool_call_id": "1"},
    {"type": "ai", "content": ""}, {"type": "human", "content": "g"}])")
        == parsed(R"([
    {"role": "user", "content": [{"type": "text", "text": "a"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "b"},
                                      {"type": "text", "text": "c"}]},
    {"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "1", "content": "f"},
      {"type": "text", "text": "d"}, {"type": "text", "text": "e"},
      {"type": "text", "text": "g", "cache_control": {"type": "ephemeral"}}]}])"));
}

TEST_CASE("images and files go to Anthropic as its blocks", "[agents]") {
  CHECK(turns_of(R"([{"type": "human", "content": [
    {"type": "image", "base64": "QUI=", "mime_type": "image/png"},
    {"type": "image", "url": "https://x/1.png"},
    {"type": "file", "base64": "QUI=", "mime_type": "application/pdf",
     "extras": {"filename": "a.pdf"}},
    {"type": "file", "base64": "QUI=", "mime_type": "text/csv"},
    {"type": "file", "url": "https://x/1.pdf"},
    {"type": "file", "file_id": "file_1"},
    {"type": "text", "text": "What?"}]}])")
          .at(0)
          .at("content")
        == parsed(R"([
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUI="}},
    {"type": "image", "source": {"type": "url", "url": "https://x/1.png"}},
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf",
                                    "data": "QUI="}, "title": "a.pdf"},
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "AB"}},
    {"type": "document", "source": {"type": "url", "url": "https://x/1.pdf"}},
    {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "text", "text": "What?", "cache_control": {"type": "ephemeral"}}])"));
}

TEST_CASE("what a tool gave and Anthropic's model cannot read is told to it", "[agents]") {
  CHECK(turns_of(R"([{"type": "tool", "tool_call_id": "1", "content": [
    {"type": "image", "base64": "QUI=", "mime_type": "image/png"},
    {"type": "audio", "base64": "QUI=", "mime_type": "audio/wav"},
    {"rows": 3}]}])")
          .at(0)
          .at("content")
          .at(0)
          .at("content")
        == parsed(R"([
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUI="}},
    {"type": "text", "text": "[left out: this model takes no content of type audio]"},
    {"type": "text", "text": "{\"rows\":3}"}])"));
}

TEST_CASE("what Anthropic cannot be asked is refused with a sentence", "[agents]") {
  auto why = [](std::string_view messages) {
    auto made = anthropic_wire().request(claude(), asking(messages));
    REQUIRE_FALSE(made);
    CHECK(made.error().code == errc::invalid_argument);
    return made.error().message;
  };
  CHECK(why("[]") == "there is no message to answer");
  CHECK(why(R"([{"type": "human", "content": " "}])") == "there is no message to answer");
  CHECK(why("[7]") == "a message is an object, not 7");
  CHECK(why(R"([{"type": "function", "content": "a"}])")
        == "this model takes no message of type function");
  CHECK(why(R"([{"type": "human", "content": [
               {"type": "audio", "base64": "QUI=", "mime_type": "audio/wav"}]}])")
        == "this model takes no content of type audio");
  CHECK(why(R"([{"type": "human", "content": [
               {"type": "file", "base64": "QUI=", "mime_type": "application/zip"}]}])")
        == "this model takes PDF and text files, none of type application/zip");
  CHECK(why(R"([{"type": "human", "content": [{"type": "image", "base64": "QUI="}]}])")
        == "an image or file needs its mime_type");
}

TEST_CASE("caching of the prompt can be switched off, or last an hour", "[models]") {
  auto asked = [](std::string_view how) {
    chat_request what{{parsed(R"({"type": "human", "content": "Hi"})")}};
    what.system = "Be brief.";
    what.tools = {tool("a")};
    what.parameters = parsed(how).as_object();
    return anthropic_wire().request(model_options{.model = "claude-x"}, what);
  };
  const auto off = dump(*asked(R"({"prompt_caching": false})")->body);
  CHECK(off.find("cach") == std::string::npos);
  const auto hour = dump(*asked(R"({"prompt_caching": "1h"})")->body);
  std::size_t marks = 0;
  for (auto at = hour.find(R"("ttl":"1h")"); at != hour.npos; at = hour.find(R"("ttl")", at + 1))
    ++marks;
  CHECK(marks == 3);
  CHECK(hour.find("prompt_caching") == std::string::npos);
  CHECK(asked(R"({"prompt_caching": "2h"})").error().code == errc::invalid_argument);
}
