#include "agents/models/gemini.hpp"
#include "runtime/base/json.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace behalf;

namespace {

json::value parsed(std::string_view text) {
  return parse_json(text).value();
}

// One event as the API writes it: CRLF and no name.
std::string event(std::string_view data) {
  return "data: " + std::string(data) + "\r\n\r\n";
}

// An event with these parts, and what else the candidate and the event have.
std::string parts(std::string_view all, std::string_view candidate = {},
                  std::string_view more = {}) {
  return event(R"({"candidates":[{"content":{"parts":[)" + std::string(all) + R"(],"role":"model"})"
               + std::string(candidate) + R"(,"index":0}])" + std::string(more) + "}");
}

const std::string stop = parts(R"({"text":""})", R"(,"finishReason":"STOP")");

std::string stop_for(std::string_view reason) {
  return parts(R"({"text":"a"})", R"(,"finishReason":")" + std::string(reason) + "\"");
}

// Thoughts, text with a signature, two calls at once, and a signature on a part without text.
const std::string with_calls =
  parts(R"({"text":"Both at","thought":true})", {},
        R"(,"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":3,)"
        R"("totalTokenCount":10},"modelVersion":"gemini-3-pro","responseId":"r1")")
  + parts(R"({"text":" once – ja","thought":true})") + parts(R"({"text":"Ich schaue "})")
  + parts(R"({"text":"nach: 日本"})") + parts(R"({"text":"!","thoughtSignature":"c2ln"})")
  + parts(R"({"text":"Gleich."})")
  + parts(R"({"functionCall":{"id":"fc-1","name":"search","args":{"query":"name"}},)"
          R"("thoughtSignature":"QUJD"},{"functionCall":{"name":"now"}})")
  + parts(R"({"text":"","thoughtSignature":"ZW5k"})", R"(,"finishReason":"STOP")",
          R"(,"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":3,)"
          R"("candidatesTokenCount":16,"thoughtsTokenCount":9,"toolUsePromptTokenCount":7,)"
          R"("totalTokenCount":42},"modelVersion":"gemini-3-pro","responseId":"r1")");

constexpr auto content_with_calls = R"([
  {"type": "reasoning", "reasoning": "Both at once – ja"},
  {"type": "text", "text": "Ich schaue nach: 日本"},
  {"type": "text", "text": "!", "extras": {"signature": "c2ln"}},
  {"type": "text", "text": "Gleich."},
  {"name": "search", "args": {"query": "name"}, "id": "fc-1", "type": "tool_call",
   "extras": {"signature": "QUJD", "id": "fc-1"}},
  {"name": "now", "args": {}, "id": "?", "type": "tool_call"},
  {"type": "text", "text": "", "extras": {"signature": "ZW5k"}}])";

struct reading {
  answer got{"lc_run--1", "google_genai", 1u << 20};
  result<void> read;
};

// The answer of these bytes, arriving in two pieces.
reading read(std::string_view bytes, std::size_t cut = 0) {
  reading all;
  event_stream events;
  auto reader = gemini_wire().reader(model_options{});
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

model_options gemini(std::string id = "gemini-3-pro") {
  model_options model;
  model.name = "main";
  model.type = model_type::gemini;
  model.model = std::move(id);
  return model;
}

chat_request asking(std::string_view messages) {
  return chat_request{parsed(messages).as_array()};
}

json::value body_of(const chat_request& what, const model_options& model = gemini()) {
  return gemini_wire().request(model, what).value().body.value();
}

json::value turns_of(json::array messages, const model_options& model = gemini()) {
  return body_of(chat_request{std::move(messages)}, model).at("contents");
}

tool_definition tool(std::string name) {
  return {std::move(name), "Does it.", parsed(R"({"type": "object"})").as_object()};
}

std::string kind_of_failure(int status, std::string_view body) {
  return gemini_wire().failure(status, {}, body).why.kind;
}

} // namespace

TEST_CASE("an answer of Gemini's reads the same however its bytes are cut", "[agents]") {
  const auto content = parsed(content_with_calls);
  const auto usage = parsed(R"({
    "input_tokens": 17, "output_tokens": 25, "total_tokens": 42,
    "input_token_details": {"cache_read": 3}, "output_token_details": {"reasoning": 9}})");
  const auto metadata = parsed(R"({
    "model_provider": "google_genai", "finish_reason": "STOP", "model_name": "gemini-3-pro",
    "id": "r1", "output_version": "v1"})");
  for (std::size_t cut = 0; cut < with_calls.size(); ++cut) {
    auto all = read(with_calls, cut);
    auto message = json::value(std::move(all.got).message().value());
    const auto made_id =
      std::exchange(message.at("content").at(5).at("id"), json::value("?")).as_string();
    REQUIRE((all.read && made_id.starts_with("call_") && message.at("content") == content
             && message.at("tool_calls").at(1).at("id") == made_id
             && message.at("usage_metadata") == usage
             && message.at("response_metadata") == metadata));
  }
}

TEST_CASE("an answer of Gemini's that ends early is no answer", "[agents]") {
  answer got{"lc_run--1", "google_genai", 1u << 20};
  event_stream events;
  auto reader = gemini_wire().reader(model_options{});
  auto rest = std::string_view(with_calls);
  while (rest.size() > 2) { // the empty line ends the last event with its first byte
    auto ended = reader->end(got);
    REQUIRE_FALSE(ended);
    REQUIRE(ended.error().code == errc::upstream);
    REQUIRE(ended.error().kind == "model_stream_cut");
    for (const auto& one : events.feed(rest.substr(0, 1)))
      REQUIRE(reader->take(one, got));
    rest.remove_prefix(1);
  }
  for (const auto& one : events.feed(rest))
    REQUIRE(reader->take(one, got));
  CHECK(reader->end(got));
  CHECK(got.why() == stop_reason::tool_calls);
}

TEST_CASE("Gemini's answer goes back as it came, and all results in one turn", "[agents]") {
  auto message = message_of(with_calls);
  const auto made_id = dump(message.at("tool_calls").at(1).at("id"));
  json::array messages{parsed(R"({"type": "human", "content": "Hi"})"), message,
                       parsed(R"({"type": "tool", "content": "no clock", "status": "error",
                                  "tool_call_id": )"
                              + made_id + "}"),
                       parsed(R"({"type": "tool", "content": "Bob", "status": "success",
                                  "tool_call_id": "fc-1"})"),
                       parsed(R"({"type": "human", "content": "And?"})")};
  CHECK(turns_of(std::move(messages)) == parsed(R"([
    {"role": "user", "parts": [{"text": "Hi"}]},
    {"role": "model", "parts": [
      {"text": "Both at once – ja", "thought": true},
      {"text": "Ich schaue nach: 日本"},
      {"text": "!", "thoughtSignature": "c2ln"},
      {"text": "Gleich."},
      {"functionCall": {"id": "fc-1", "name": "search", "args": {"query": "name"}},
       "thoughtSignature": "QUJD"},
      {"functionCall": {"name": "now", "args": {}}},
      {"text": "", "thoughtSignature": "ZW5k"}]},
    {"role": "user", "parts": [
      {"functionResponse": {"id": "fc-1", "name": "search", "response": {"output": "Bob"}}},
      {"functionResponse": {"name": "now", "response": {"error": "no clock"}}}]},
    {"role": "user", "parts": [{"text": "And?"}]}])"));
}

TEST_CASE("what another provider made goes to Gemini without what only that one reads",
          "[agents]") {
  const auto turns = [](std::string_view model) {
    return turns_of(parsed(R"([{"type": "ai", "response_metadata": {"model_provider": "anthropic"},
      "content": [{"type": "reasoning", "reasoning": "Hm", "extras": {"signature": "abc"}},
                  {"type": "text", "text": "Yes", "extras": {"signature": "abc"}},
                  {"type": "non_standard", "value": {"type": "redacted_thinking"}},
                  {"type": "tool_call", "id": "c1", "name": "f", "args": {"a": 1},
                   "extras": {"signature": "abc", "id": "c1"}},
                  {"type": "tool_call", "id": "c2", "name": "g", "args": {}}],
      "tool_calls": [{"id": "c1", "name": "f", "args": {"a": 1}},
                     {"id": "c2", "name": "g", "args": {}}]}])")
                      .as_array(),
                    gemini(std::string(model)));
  };
  CHECK(turns("gemini-2.5-flash") == parsed(R"([{"role": "model", "parts": [
    {"text": "Yes"}, {"functionCall": {"name": "f", "args": {"a": 1}}},
    {"functionCall": {"name": "g", "args": {}}}]}])"));
  // Newer models want a signature on the first call of a step.
  CHECK(turns("gemini-3-flash") == parsed(R"([{"role": "model", "parts": [
    {"text": "Yes"},
    {"functionCall": {"name": "f", "args": {"a": 1}},
     "thoughtSignature": "skip_thought_signature_validator"},
    {"functionCall": {"name": "g", "args": {}}}]}])"));
}

TEST_CASE("plain text of Gemini's is a string", "[agents]") {
  auto message = message_of(parts(R"({"text":"Hel"})") + parts(R"({"text":"lo"})") + stop);
  CHECK(message.at("content") == "Hello");
  CHECK(message.at("tool_calls").as_array().empty());
}

TEST_CASE("images that Gemini makes are blocks and go back", "[agents]") {
  auto message = message_of(
    parts(R"({"text":"Here:"})")
    + parts(R"({"inlineData":{"mimeType":"image/png","data":"iVBO"},"thoughtSignature":"c2ln"})")
    + stop);
  CHECK(message.at("content") == parsed(R"([{"type": "text", "text": "Here:"},
    {"type": "image", "mime_type": "image/png", "base64": "iVBO",
     "extras": {"signature": "c2ln"}}])"));
  CHECK(turns_of(json::array{message}).at(0).at("parts") == parsed(R"([{"text": "Here:"},
    {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thoughtSignature": "c2ln"}])"));
}

TEST_CASE("code that Gemini runs and parts of tomorrow go back whole", "[agents]") {
  auto message = message_of(
    parts(R"({"executableCode":{"language":"PYTHON","code":"1+1"},"thoughtSignature":"c2ln"},)"
          R"({"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"2"}})")
    + parts(R"({"inlineData":{"mimeType":"image/png","data":"iVBO"},"thought":true})")
    + parts(R"({"partOfTomorrow":{"x":[1]}},{})") + stop);
  const auto whole = parsed(R"([
    {"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": "c2ln"},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
    {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thought": true},
    {"partOfTomorrow": {"x": [1]}}])");
  CHECK(message.at("content").at(0).at("type") == "non_standard");
  CHECK(turns_of(json::array{message}).at(0).at("parts") == whole);
}

TEST_CASE("where Gemini's text is from becomes annotations, each once", "[agents]") {
  const std::string grounding =
    R"(,"groundingMetadata":{"webSearchQueries":["rain"],"groundingChunks":[)"
    R"({"web":{"uri":"https://w/1","title":"Weather"}},7,{"web":{}}],"groundingSupports":[)"
    R"({"segment":{"startIndex":0,"endIndex":9,"text":"It rains."},)"
    R"("groundingChunkIndices":[0,1,2,3,-1,"0"]},3,{"segment":{}}]},)"
    R"("citationMetadata":{"citationSources":[{"startIndex":1,"uri":"https://c/2"},null]})";
  auto message =
    message_of(parts(R"({"text":"It rains."})", grounding) + parts("", grounding) + stop);
  CHECK(message.at("content") == parsed(R"([{"type": "text", "text": "It rains.", "annotations": [
    {"type": "citation", "url": "https://w/1", "title": "Weather", "cited_text": "It rains."},
    {"type": "citation", "url": "https://c/2"}]}])"));
  CHECK(message.at("response_metadata").at("grounding_metadata").at("webSearchQueries").at(0)
        == "rain");
}

TEST_CASE("why Gemini stopped", "[agents]") {
  const std::vector<std::pair<std::string, stop_reason>> known{
    {"STOP", stop_reason::end},
    {"MAX_TOKENS", stop_reason::length},
    {"CONTINUATION", stop_reason::length},
    {"SAFETY", stop_reason::content_filter},
    {"ESCALATION", stop_reason::content_filter},
    {"RECITATION", stop_reason::content_filter},
    {"PROHIBITED_CONTENT", stop_reason::content_filter},
    {"IMAGE_SAFETY", stop_reason::content_filter},
    {"UNEXPECTED_TOOL_CALL", stop_reason::other},
    {"REASON_OF_TOMORROW", stop_reason::other}};
  for (const auto& [said, meant] : known) {
    auto all = read(stop_for(said));
    CHECK(all.read);
    CHECK(all.got.why() == meant);
  }
  // A call may come behind the reason.
  auto late = read(stop + parts(R"({"functionCall":{"name":"f","args":{}}})"));
  CHECK(late.read);
  CHECK(late.got.why() == stop_reason::tool_calls);
}

TEST_CASE("an event that points to one source ever again costs little", "[agents]") {
  std::string indices;
  for (int i = 0; i < 1000; ++i)
    indices += "0,";
  auto message = message_of(
    parts(R"({"text":"Rain"})")
    + event(
      R"({"candidates":[{"groundingMetadata":{"groundingChunks":[{"web":{"uri":"https://w/0"}},)"
      R"({"web":{"uri":"https://w/1"}}],"groundingSupports":[{"groundingChunkIndices":[)"
      + indices + R"(1]}]}}]})")
    + stop);
  const auto& notes = message.at("content").at(0).at("annotations").as_array();
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].at("url") == "https://w/0");
}

TEST_CASE("counts of tokens that no sum could hold are cut", "[agents]") {
  auto all = read(event(R"({"usageMetadata":{"promptTokenCount":9223372036854775807,)"
                        R"("toolUsePromptTokenCount":9223372036854775807,)"
                        R"("candidatesTokenCount":-5}})")
                  + stop);
  CHECK(all.read);
  CHECK(all.got.tokens().input == 2'000'000'000'000);
  CHECK(all.got.tokens().output == 0);
}

TEST_CASE("what Gemini does not answer is an error", "[agents]") {
  auto blocked = read(event(R"({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},)"
                            R"("usageMetadata":{"promptTokenCount":4}})"));
  REQUIRE_FALSE(blocked.read);
  CHECK(blocked.read.error().kind == "model_content_filtered");
  auto malformed =
    read(event(R"({"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]})"));
  REQUIRE_FALSE(malformed.read);
  CHECK(malformed.read.error().kind == "model_unavailable");
}

TEST_CASE("Gemini's failures inside a stream have a kind", "[agents]") {
  const std::vector<std::pair<std::string, std::string>> known{
    {R"("code":503,"status":"UNAVAILABLE")", "model_overloaded"},
    {R"("code":429,"status":"RESOURCE_EXHAUSTED")", "model_rate_limited"},
    {R"("status":"RESOURCE_EXHAUSTED")", "model_rate_limited"},
    {R"("code":400,"status":"INVALID_ARGUMENT")", "model_bad_request"},
    {R"("code":"x","status":7)", "model_unavailable"}};
  for (const auto& [said, kind] : known) {
    auto all =
      read(parts(R"({"text":"a"})") + event(R"({"error":{"message":"Try later",)" + said + "}}"));
    REQUIRE_FALSE(all.read);
    CHECK(all.read.error().code == errc::upstream);
    CHECK(all.read.error().kind == kind);
    CHECK(all.read.error().message.find("Try later") != std::string::npos);
  }
}

TEST_CASE("events of Gemini's that make no sense", "[agents]") {
  CHECK_FALSE(read(event("{")).read);
  CHECK_FALSE(read(event("[1]")).read);
  CHECK_FALSE(read(parts(R"({"functionCall":{"args":{}}})") + stop).read);
  // Others are passed over.
  auto message =
    message_of(event(R"({"candidates":7,"usageMetadata":[],"responseId":1})")
               + event(R"({"candidates":[null,{"content":{"parts":[null,{"text":9},{"text":""}]}},)"
                       R"({"index":1,"content":{"parts":[{"text":"other"}]}}]})")
               + parts(R"({"text":"mine"},{"functionCall":{"id":"a","name":"f","args":[1]}})")
               + parts(R"({"functionCall":{"id":"a","name":"g","args":null}})") + stop);
  CHECK(message.at("content").at(1).at("text") == "mine");
  CHECK(message.at("invalid_tool_calls").at(0).at("args") == "[1]");
  CHECK(message.at("tool_calls").at(0).at("args") == json::object{});
  CHECK(message.at("tool_calls").at(0).at("id") != "a");

  std::string many;
  for (int i = 0; i < 10'001; ++i)
    many += R"({"text":"a","thoughtSignature":"c2ln"},)";
  CHECK_FALSE(read(parts(many + R"({"text":"a"})") + stop).read);
}

TEST_CASE("how Gemini refuses a request", "[agents]") {
  CHECK(kind_of_failure(400, R"({"error":{"code":400,"message":"API key not valid.",
    "status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}})")
        == "model_refused_key");
  CHECK(kind_of_failure(400, R"({"error":{"status":"INVALID_ARGUMENT","message":
    "The input token count (9) exceeds the maximum number of tokens allowed (8)."}})")
        == "model_context_too_long");
  CHECK(kind_of_failure(400, R"({"error":{"status":"INVALID_ARGUMENT","message":"no"}})")
        == "model_bad_request");
  CHECK(kind_of_failure(403, R"({"error":{"status":"PERMISSION_DENIED"}})") == "model_refused_key");
  CHECK(kind_of_failure(404, R"([{"error":{"status":"NOT_FOUND"}}])") == "model_unknown");
  CHECK(kind_of_failure(500, R"({"error":{"status":"INTERNAL"}})") == "model_unavailable");
  CHECK(kind_of_failure(502, "<html>") == "model_unavailable");
  CHECK(kind_of_failure(503, R"({"error":7})") == "model_overloaded");

  auto busy = gemini_wire().failure(429, {}, R"({"error":{"status":"RESOURCE_EXHAUSTED","details":[
    7,{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProject"}]},
    {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}})");
  CHECK(busy.why.kind == "model_rate_limited");
  CHECK(busy.retry);
  CHECK(busy.after == std::chrono::milliseconds{34'500});
  auto spent = gemini_wire().failure(429, {}, R"({"error":{"status":"RESOURCE_EXHAUSTED","details":[
    {"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
    {"retryDelay":"34s"}]}})");
  CHECK(spent.why.kind == "model_quota_spent");
  CHECK_FALSE(spent.retry);
}

TEST_CASE("a request to Gemini, whole", "[agents]") {
  auto model = gemini("models/gemini 3/x");
  model.parameters = parsed(R"({"temperature": 0.5, "top_k": 4, "stop": "END", "seed": 7,
    "thinking_level": "low", "thinkingConfig": {"includeThoughts": true},
    "safety_settings": [{"category": "X", "threshold": "OFF"}],
    "tools": [{"googleSearch": {}}]})")
                       .as_object();
  auto what = asking(R"([{"type": "system", "content": "Be kind."},
                         {"type": "human", "content": "Hi"},
                         {"type": "system", "content": "It is late."}])");
  what.system = "Be brief.";
  what.tools = {tool("a"), tool("b")};
  what.tool_choice = "b";
  what.parameters = parsed(R"({"temperature": 1, "top_k": null, "max_tokens": 99})").as_object();
  what.response_schema = parsed(R"({"type": "object"})").as_object();
  auto op = gemini_wire().request(model, what).value();
  CHECK(op.method == "POST");
  CHECK(op.path == "/v1beta/models/gemini%203%2Fx:streamGenerateContent?alt=sse");
  CHECK(op.stream);
  CHECK(op.body.value() == parsed(R"({
    "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
    "contents": [{"role": "user", "parts": [{"text": "Hi"}]},
                 {"role": "user", "parts": [{"text": "It is late."}]}],
    "tools": [{"functionDeclarations": [
      {"name": "a", "description": "Does it.", "parametersJsonSchema": {"type": "object"}},
      {"name": "b", "description": "Does it.", "parametersJsonSchema": {"type": "object"}}]},
      {"googleSearch": {}}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["b"]}},
    "safetySettings": [{"category": "X", "threshold": "OFF"}],
    "generationConfig": {"temperature": 1, "maxOutputTokens": 99, "stopSequences": ["END"],
      "seed": 7, "thinkingConfig": {"includeThoughts": true, "thinkingLevel": "low"},
      "responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}})"));
}

TEST_CASE("Gemini is told whether it must call a tool", "[agents]") {
  auto what = asking(R"([{"type": "human", "content": "Hi"}])");
  CHECK_FALSE(body_of(what).as_object().contains("tools"));
  what.tools = {tool("a")};
  CHECK_FALSE(body_of(what).as_object().contains("toolConfig"));
  for (auto [choice, mode] : {std::pair{"none", "NONE"}, std::pair{"any", "ANY"}}) {
    what.tool_choice = choice;
    CHECK(body_of(what).at("toolConfig")
          == json::value{{"functionCallingConfig", {{"mode", mode}}}});
  }
}

TEST_CASE("what people and tools give Gemini beside text", "[agents]") {
  constexpr auto messages = R"([
    {"type": "human", "content": [
      {"type": "text", "text": "Look"},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
      {"type": "image", "url": "https://a/b.png"},
      {"type": "file", "base64": "JVBE", "mime_type": "application/pdf"},
      {"type": "text", "text": ""}]},
    {"type": "ai", "content": "", "tool_calls": [{"id": "c1", "name": "shot", "args": {}}]},
    {"type": "tool", "tool_call_id": "c1", "content": [
      {"type": "text", "text": "Taken:"},
      {"type": "image", "base64": "iVBO", "mime_type": "image/png"},
      {"type": "image", "base64": "iVBO"},
      {"type": "other", "x": 1}]}])";
  const auto image = parsed(R"({"inlineData": {"mimeType": "image/png", "data": "iVBO"}})");
  const auto turns = turns_of(parsed(messages).as_array());
  CHECK(
    turns.at(0).at("parts")
    == json::value{parsed(R"({"text": "Look"})"), image,
                   parsed(R"({"fileData": {"fileUri": "https://a/b.png"}})"),
                   parsed(R"({"inlineData": {"mimeType": "application/pdf", "data": "JVBE"}})")});
  const auto& response = turns.at(2).at("parts").at(0).at("functionResponse");
  CHECK(response.at("response") == parsed(R"({"output":
    "Taken:\n[left out: an image or file needs its mime_type]\n{\"type\":\"other\",\"x\":1}"})"));
  CHECK(response.at("parts") == json::array{image});
  // Older ones take it beside what the function gave.
  const auto old = turns_of(parsed(messages).as_array(), gemini("gemini-2.5-pro"));
  CHECK_FALSE(old.at(2).at("parts").at(0).at("functionResponse").as_object().contains("parts"));
  CHECK(old.at(2).at("parts").at(1) == image);
}

TEST_CASE("what Gemini cannot be asked", "[agents]") {
  for (auto messages : {R"([])", R"([7])", R"([{"type": "system", "content": "Only this"}])",
                        R"([{"type": "function", "content": "x"}])",
                        R"([{"type": "human", "content": [{"type": "other"}]}])",
                        R"([{"type": "human", "content": [{"type": "image", "base64": "iVBO"}]}])",
                        R"([{"type": "tool", "tool_call_id": "none", "content": "x"}])"}) {
    auto refused = gemini_wire().request(gemini(), asking(messages));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::invalid_argument);
  }
}

TEST_CASE("model turns one after another are one turn for Gemini", "[agents]") {
  CHECK(turns_of(parsed(R"([{"type": "human", "content": "Hi"}, {"type": "ai", "content": "A"},
                            {"type": "ai", "content": ""}, {"type": "ai", "content": "B"}])")
                   .as_array())
        == parsed(R"([{"role": "user", "parts": [{"text": "Hi"}]},
                      {"role": "model", "parts": [{"text": "A"}, {"text": "B"}]}])"));
}
