// What a node asks and is answered, as JSON and back.
#include "runtime/graph/node_json.hpp"
#include "tests/support/catch.hpp"

#include <limits>

using namespace behalf;

namespace {

const std::string binary{"\xff\0\x80 bytes", 9};

json::value through_text(const json::object& o) {
  return parse_json(dump(o)).value();
}

// Written, read and written again: the same.
void goes_round(const turn& did) {
  auto text = to_json(did);
  INFO(dump(text));
  CHECK(parse_json(dump(text)));
  CHECK(to_json(turn_from(through_text(text))) == text);
  CHECK(turn_from(through_text(text)).index() == did.index());
}

turn asking(effect what) {
  return std::vector{asked_effect{7, std::move(what)}};
}

// A turn that asks for what this text says.
std::string asking(std::string_view effect) {
  return R"({"type": "asks", "asks": [{"id": 1, "what": )" + std::string(effect) + "}]}";
}

void goes_round(const effect_reply& reply) {
  auto text = to_json(reply);
  INFO(dump(text));
  CHECK(to_json(reply_from(through_text(text))) == text);
  CHECK(reply_from(through_text(text)).has_value() == reply.has_value());
}

template <class T>
T asked(const turn& t) {
  return std::get<T>(std::get<std::vector<asked_effect>>(t).at(0).what);
}

std::string fault_of(std::string_view text) {
  auto did = turn_from(parse_json(text).value());
  const auto* ended = std::get_if<node_result>(&did);
  REQUIRE(ended);
  REQUIRE(ended->failure());
  CHECK(ended->failure()->code == errc::invalid_argument);
  return ended->failure()->message;
}

} // namespace

TEST_CASE("every effect goes to JSON and back", "[graph]") {
  http_operation http{
    "POST", "/x?y=1", {{"A", "1"}, {"B", binary}}, json::object{{"k", {1, nullptr}}}};
  http.stream = true;
  goes_round(asking(service_call{"mail", http}));
  goes_round(asking(service_call{"mail", http_operation{"GET", "/", {}, json::value(nullptr)}}));
  goes_round(asking(service_call{"mcp", list_tools_operation{}}));
  goes_round(asking(service_call{"mcp", call_tool_operation{"find", {{"q", "x"}}}}));
  goes_round(asking(store_operation{store_get{{"a", "b"}, "k"}}));
  goes_round(asking(store_operation{store_put{{"a"}, binary, {{"v", 0.1}}, 1.5}}));
  goes_round(asking(store_operation{store_delete{{}, "k"}}));
  goes_round(asking(store_operation{store_put{{"a"}, "k", {}, {}, json::array{"p", "q"}}}));
  goes_round(asking(store_operation{store_search{{"a"}, {{"f", true}}, 7, 9, "words"}}));
  goes_round(asking(store_operation{store_list{{"*"}, {"b"}, 2, 7, 9}}));
  goes_round(asking(read_chunk{std::numeric_limits<uint64_t>::max()}));
  goes_round(asking(close_stream{3}));
  goes_round(asking(sleep_for{std::chrono::milliseconds{1500}}));
  goes_round(asking(run_subgraph{nullptr, {{"q", "x"}}, "1"}));
  goes_round(asking(withdraw{}));
  goes_round(turn{std::vector<asked_effect>{}});
  goes_round(turn{std::vector{asked_effect{1, read_chunk{5}}, asked_effect{2, close_stream{5}}}});
  outbound_call call;
  call.service = "idp";
  call.url = "https://idp.example/me";
  call.headers = {{"Accept", "*/*"}};
  call.body = binary;
  call.handle.id = "$caller";
  call.timeout = std::chrono::milliseconds{250};
  goes_round(asking(call));
}

TEST_CASE("what is read is what was written", "[graph]") {
  auto put = store_put{{"a", "b"}, binary, {{"v", 1}}, 2.5};
  auto read = turn_from(through_text(to_json(asking(store_operation{put}))));
  auto got = std::get<store_put>(asked<store_operation>(read));
  CHECK(
    (got.ns == put.ns && got.key == binary && got.value == put.value && got.ttl_minutes == 2.5));
  CHECK(to_json(asking(store_operation{put})).at("asks").at(0).at("what").at("key")
        == json::value(json::object{{"base64", "/wCAIGJ5dGVz"}}));
  outbound_reply reply;
  reply.status = 201;
  reply.headers = {{"X", "y"}};
  reply.body = binary;
  reply.stream_id = 4;
  reply.receipt = 5;
  auto back = std::get<outbound_reply>(*reply_from(through_text(to_json(effect_reply{reply}))));
  CHECK((back.status == 201 && back.headers == reply.headers && back.body == binary));
  CHECK((back.stream_id == 4 && back.receipt == 5));
}

TEST_CASE("every reply goes to JSON and back", "[graph]") {
  goes_round(effect_reply{std::monostate{}});
  service_reply answer;
  answer.status = 503;
  answer.headers = {{"Retry-After", "1"}, {"X", binary}};
  answer.body = json::object{{"base64", "no bytes, the service's own word"}};
  answer.stream_id = 8;
  answer.receipt = 9;
  goes_round(effect_reply{answer});
  store_reply items;
  items.items.push_back({{"a"}, "k", {{"v", 1}}, from_micros(1'700'000'000'123'456), now()});
  goes_round(effect_reply{items});
  auto item =
    std::get<store_reply>(*reply_from(through_text(to_json(effect_reply{items})))).items.at(0);
  CHECK(
    (item.created_at == items.items[0].created_at && item.updated_at == items.items[0].updated_at));
  goes_round(effect_reply{outbound_chunk{binary, true}});
  goes_round(effect_reply{outbound_reply{}});
}

TEST_CASE("every error code goes to JSON and back", "[graph]") {
  for (int code = 1; code <= 15; ++code) {
    error why{static_cast<errc>(code), "why", {{"Retry-After", "5"}}, "needs_auth"};
    auto back = reply_from(through_text(to_json(effect_reply{why}))).error();
    CHECK((back.code == why.code && back.message == "why" && back.headers == why.headers));
    CHECK(back.kind == "needs_auth");
  }
  goes_round(turn{node_result{fail(errc::internal, binary)}});
}

TEST_CASE("every way a node ends goes to JSON and back", "[graph]") {
  goes_round(turn{node_result{}});
  goes_round(turn{node_result{flow::update{{"messages", "hi"}, {"n", 1}}}});
  flow::route both{"next"};
  both.add(flow::send{"w", json::object{{"n", 1}}});
  goes_round(turn{node_result{flow::command{flow::update{{"n", 1}}, both}}});
  CHECK(to_json(turn{node_result{flow::command{both}}}).at("goto")
        == json::parse(R"(["next", {"node": "w", "input": {"n": 1}}])"));
  flow::interrupt question{json::object{{"question", "ok?"}}};
  goes_round(turn{node_result{question}});
  question.place = "/0.1:2";
  goes_round(turn{node_result{question}});
}

TEST_CASE("members with a default need not be sent", "[graph]") {
  auto get = turn_from(json::parse(asking(
    R"({"type": "service_call", "service": "mail",
        "operation": {"type": "http", "method": "GET", "path": "/"}})")));
  auto call = asked<service_call>(get);
  const auto& http = std::get<http_operation>(call.operation);
  CHECK((http.path == "/" && http.headers.empty() && !http.body && !http.stream));
  auto done = turn_from(json::parse(R"({"type": "command", "goto": ["a"]})"));
  CHECK(std::get<flow::command>(std::get<node_result>(done).value).go_to.targets().size() == 1);
}

TEST_CASE("a message that cannot be read fails its node and says why", "[graph]") {
  for (auto text : {"null", "[]", "{}", R"({"type": 1})", R"({"type": "nobody"})"})
    CHECK(fault_of(text).starts_with("there is no message of the type"));
  for (auto text : {"null", "{}", R"({"type": "update", "values": {}})"})
    CHECK(fault_of(asking(text)).starts_with("there is no message of the type"));
  for (auto text : {R"({"type": "asks"})", R"({"type": "asks", "asks": [{"what": {}}]})",
                    R"({"type": "asks", "asks": [{"id": -1}]})",
                    R"({"type": "command", "goto": [{"node": "a"}]})",
                    R"({"type": "error", "code": "unheard_of", "message": "m"})"})
    CHECK(fault_of(text).ends_with("is missing or of another type"));
  CHECK(fault_of(asking(R"({"type": "store_get", "key": "k"})"))
        == "the member 'namespace' of 'store_get' is missing or of another type");
  for (auto text :
       {R"({"type": "read_chunk", "stream_id": -1})", R"({"type": "read_chunk", "stream_id": 1.5})",
        R"({"type": "store_get", "namespace": [1], "key": "k"})",
        R"({"type": "store_get", "namespace": "a", "key": "k"})",
        R"({"type": "store_get", "namespace": [], "key": {"base64": "*"}})",
        R"({"type": "service_call", "service": "m", "operation": {"type": "store_get"}})",
        R"({"type": "service_call", "service": "m", "operation": "http"})"})
    CHECK(fault_of(asking(text)).ends_with("is missing or of another type"));
  for (auto text :
       {"5", R"({"type": "items"})", R"({"type": "service_reply", "status": 4294967296})",
        R"({"type": "error"})", R"({"type": "store_get", "namespace": [], "key": "k"})"}) {
    auto reply = reply_from(json::parse(text));
    REQUIRE_FALSE(reply);
    CHECK(reply.error().code == errc::invalid_argument);
  }
}
