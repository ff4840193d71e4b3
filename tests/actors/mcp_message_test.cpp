#include "actors/endpoints/mcp_message.hpp"
#include "actors/endpoints/mcp_outcome.hpp"
#include "actors/endpoints/mcp_tools.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace behalf::endpoints;

namespace {

using message_kind = mcp_message::kind;

const header_list newer{{"mcp-protocol-version", "2026-07-28"}, {"mcp-method", "tools/list"}};

json::object request(json::object more = {}) {
  json::object whole{{"jsonrpc", "2.0"}, {"id", 1}, {"method", "tools/list"}};
  for (const auto& [key, value] : more)
    whole[key] = value;
  return whole;
}

json::object of_newer(json::object params = {}) {
  params["_meta"] = {{"io.modelcontextprotocol/protocolVersion", "2026-07-28"},
                     {"io.modelcontextprotocol/clientCapabilities", json::object{}}};
  return request({{"params", params}});
}

mcp_message read(const json::value& body, const header_list& headers = {}) {
  auto found = read_mcp_message(headers, body);
  REQUIRE(std::holds_alternative<mcp_message>(found));
  return std::get<mcp_message>(found);
}

// Its code; 0 for a message that is taken.
int64_t code_of(const json::value& body, const header_list& headers = {}) {
  auto found = read_mcp_message(headers, body);
  const auto* refused = std::get_if<mcp_refusal>(&found);
  if (!refused)
    return 0;
  CHECK(refused->status == 400);
  return int_or(refused->body.at("error").as_object(), "code");
}

std::string as_text(const json::value& answer) {
  return std::string(answer.at("result").at("content").at(0).at("text").as_string());
}

json::value answer_of(mcp_outcome& run) {
  return parse_json(run.answer_to(read(request()))).value();
}

std::optional<json::object> tell(mcp_outcome& run, std::string name, std::string data) {
  stream_event event{std::move(name), std::move(data)};
  return run.take(event);
}

} // namespace

TEST_CASE("a message is a request, a notification or a response", "[mcp]") {
  CHECK(read(request()).is == message_kind::request);
  CHECK(read(request({{"id", "text"}})).id == json::value("text"));
  CHECK(read({{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}}).is
        == message_kind::notification);
  CHECK(read({{"jsonrpc", "2.0"}, {"id", 1}, {"result", json::object{}}}).is
        == message_kind::response);
}

TEST_CASE("what is no message has its code", "[mcp]") {
  CHECK(code_of(json::array{request()}) == -32600);
  CHECK(code_of("ping") == -32600);
  CHECK(code_of(json::object{{"id", 1}, {"method", "ping"}}) == -32600);
  CHECK(code_of(request({{"jsonrpc", "1.0"}})) == -32600);
  CHECK(code_of(json::object{{"jsonrpc", "2.0"}, {"id", 1}}) == -32600);
  CHECK(code_of(request({{"method", 5}})) == -32600);
  for (const json::value& id : {json::value(nullptr), json::value(1.5), json::value(true),
                                json::value(json::object{}), json::value(std::string(2000, 'i'))})
    CHECK(code_of(request({{"id", id}})) == -32600);
  CHECK(code_of(request({{"params", json::array{}}})) == -32602);
}

TEST_CASE("a version that is not served is named, with those that are", "[mcp]") {
  auto found = read_mcp_message({{"mcp-protocol-version", "1999-01-01"}}, request());
  const auto& refused = std::get<mcp_refusal>(found);
  CHECK(refused.body.at("error").at("code") == -32022);
  CHECK(refused.body.at("id") == 1);
  CHECK(refused.body.at("error").at("data").at("supported").as_array().size() == 5);
  CHECK(code_of(request(), {{"mcp-protocol-version", "2025-06-18"}}) == 0);
}

TEST_CASE("initialize agrees on a version of its own wire", "[mcp]") {
  CHECK(agreed_mcp_version({{"protocolVersion", "2025-03-26"}}) == "2025-03-26");
  for (const json::value& odd : {json::value("2026-07-28"), json::value("x"), json::value(7)})
    CHECK(agreed_mcp_version({{"protocolVersion", odd}}) == "2025-11-25");
  CHECK(agreed_mcp_version({}) == "2025-11-25");
}

TEST_CASE("a request that says its version itself says it everywhere alike", "[mcp]") {
  CHECK(read(of_newer(), newer).self_contained);
  CHECK(code_of(request(), newer) == -32602);
  CHECK(code_of(of_newer(), {newer[0]}) == -32020);
  CHECK(code_of(of_newer(), {newer[0], {"mcp-method", "tools/call"}}) == -32020);
  auto other = of_newer();
  other["params"].at("_meta").as_object()["io.modelcontextprotocol/protocolVersion"] = "2025-11-25";
  CHECK(code_of(other, newer) == -32020);

  auto call = of_newer({{"name", "é"}});
  call["method"] = "tools/call";
  header_list headers{newer[0], {"mcp-method", "tools/call"}};
  CHECK(code_of(call, headers) == -32020);
  headers.emplace_back("mcp-name", "=?base64?w6k=?=");
  CHECK(code_of(call, headers) == 0);
  headers.back().second = "=?base64?%%%?=";
  CHECK(code_of(call, headers) == -32020);
}

TEST_CASE("an error of the newer wire has a status of its own", "[mcp]") {
  CHECK(mcp_status(read(of_newer(), newer), -32601) == 404);
  CHECK(mcp_status(read(of_newer(), newer), -32602) == 400);
  CHECK(mcp_status(read(request()), -32601) == 200);
}

TEST_CASE("an Accept field is read type by type", "[mcp]") {
  const auto accept = [](std::string value) {
    const auto found = read_mcp_accept({{"accept", std::move(value)}});
    return std::pair{found.json, found.events};
  };
  CHECK(accept("application/json, text/event-stream") == std::pair{true, true});
  CHECK(accept("Text/Event-Stream;q=0.5") == std::pair{false, true});
  CHECK(accept("*/*") == std::pair{false, false});
  CHECK(accept(std::string(60'000, ',')) == std::pair{false, false});
}

TEST_CASE("an assistant that no model can name is named with its id", "[mcp]") {
  const std::string id = "fe096781-5601-53d2-b2f6-0d3403f7e9ca";
  CHECK(is_tool_name("my_agent-2"));
  for (const auto* odd : {"", "my agent", "é", "a.b", "x_fe096781560153d2b2f60d3403f7e9ca"})
    CHECK_FALSE(is_tool_name(odd));
  CHECK_FALSE(is_tool_name(std::string(65, 'a')));
  for (const auto& odd :
       {std::string{"my agent"}, std::string{}, std::string(500, 'n'), std::string{"é é"}}) {
    const auto made = tool_name_with_id(odd, id);
    CHECK(made.size() <= 64);
    CHECK(assistant_of_tool(made) == id);
  }
  CHECK(assistant_of_tool(id) == id);
  CHECK_FALSE(assistant_of_tool("my_agent"));
}

TEST_CASE("a tool takes a conversation as text, and the rest as the graph has it", "[mcp]") {
  const json::object schema{
    {"properties",
     {{"messages", {{"type", "array"}, {"langgraph_type", "messages"}, {"title", "Messages"}}},
      {"n", {{"type", "integer"}}}}}};
  const auto tool = tool_of("a", {{"name", "A b"}, {"description", "does it"}}, schema);
  CHECK(tool.at("title") == "A b");
  CHECK(tool.at("description") == "does it");
  const auto& input = tool.at("inputSchema");
  CHECK(input.at("type") == "object");
  CHECK(input.at("properties").at("messages").at("type") == "string");
  CHECK(input.at("properties").at("n").at("type") == "integer");
  CHECK(tool_of("a", {}, nullptr).at("inputSchema").at("type") == "object");
}

TEST_CASE("a run's last values are the result, as text and as they are", "[mcp]") {
  mcp_outcome run;
  tell(run, "result", R"({"n":1})");
  tell(run, "result", R"({"said":"a \"b\""})");
  const auto answer = answer_of(run);
  CHECK(answer.at("id") == 1);
  CHECK(as_text(answer) == R"({"said":"a \"b\""})");
  CHECK(answer.at("result").at("structuredContent").at("said") == "a \"b\"");
  CHECK_FALSE(answer.at("result").as_object().contains("isError"));

  auto self_contained = read(of_newer(), newer);
  const auto newer_answer = parse_json(run.answer_to(self_contained)).value();
  CHECK(newer_answer.at("result").at("resultType") == "complete");
  CHECK(as_text(newer_answer) == as_text(answer));
}

TEST_CASE("a text that looks like the end of the answer is a text", "[mcp]") {
  auto odd = request({{"id", R"("result":{)"}});
  mcp_outcome run;
  tell(run, "result", R"({"said":"\"result\":{}"})");
  const auto answer = parse_json(run.answer_to(read(odd))).value();
  CHECK(answer.at("id") == json::value(R"("result":{)"));
  CHECK(answer.at("result").at("structuredContent").at("said") == R"("result":{})");
}

TEST_CASE("a failure and a question are errors that models can read", "[mcp]") {
  mcp_outcome failed;
  tell(failed, "result", R"({"n":1})");
  tell(failed, "error", R"({"error":"ValueError","message":"boom"})");
  const auto error = answer_of(failed);
  CHECK(error.at("result").at("isError") == true);
  CHECK(as_text(error) == "ValueError: boom");
  CHECK_FALSE(error.at("result").as_object().contains("structuredContent"));

  mcp_outcome hurried; // events were lost, but not what it came to
  tell(hurried, "error", R"({"error":"StreamLost","message":"missed events"})");
  tell(hurried, "result", R"({"n":2})");
  CHECK(answer_of(hurried).at("result").at("structuredContent").at("n") == 2);

  mcp_outcome waited;
  waited.take_result(R"({"__error__":{"error":"ValueError","message":"boom"}})");
  CHECK(answer_of(waited) == error);
  mcp_outcome fine; // a state with such a member
  fine.take_result(R"({"__error__":7,"n":1})");
  CHECK(answer_of(fine).at("result").at("structuredContent").at("n") == 1);

  mcp_outcome asking;
  tell(asking, "result",
       R"({"n":1,"__interrupt__":[{"value":"your name?","id":"x"},{"value":{"a":1},"id":"y"}]})");
  const auto asked = answer_of(asking);
  CHECK(asked.at("result").at("isError") == true);
  CHECK(as_text(asked).find("- your name?\n- {\"a\":1}") != std::string::npos);
  CHECK(asked.at("result").at("structuredContent").at("n") == 1);

  for (const auto* odd : {R"({"a":{"__interrupt__":[]},"b":1})", R"({"__interrupt__":7})"}) {
    mcp_outcome other; // a key of the state's own
    tell(other, "result", odd);
    CHECK_FALSE(answer_of(other).at("result").as_object().contains("isError"));
  }

  mcp_outcome saying; // the words alone are no question
  tell(saying, "result", R"({"said":"\"__interrupt__\":[]"})");
  CHECK_FALSE(answer_of(saying).at("result").as_object().contains("isError"));
}

TEST_CASE("progress counts steps, until the graph tells it itself; it only grows", "[mcp]") {
  mcp_outcome run;
  CHECK(tell(run, "updates", R"({"first":{"n":1}})")->at("progress") == 1);
  CHECK(tell(run, "updates", R"({"second":null})")->at("message") == "second");
  CHECK_FALSE(tell(run, "custom", R"("text")"));
  CHECK_FALSE(tell(run, "custom", R"({"progress":2})"));
  const auto half = tell(run, "custom", R"({"progress":50,"total":100,"message":"half"})");
  CHECK(*half == json::object{{"progress", 50}, {"total", 100}, {"message", "half"}});
  CHECK_FALSE(tell(run, "custom", R"({"progress":50})"));
  CHECK_FALSE(tell(run, "custom", R"({"progress":"99"})"));
  CHECK_FALSE(tell(run, "updates", R"({"third":null})"));
  CHECK_FALSE(tell(run, "updates", "no json"));
  CHECK_FALSE(tell(run, "updates", "[]"));
}
