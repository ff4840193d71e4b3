#include "connectors/mcp_exchange.hpp"
#include "tests/connectors/scripted_mcp.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const header_list events{{"Content-Type", "text/event-stream; charset=utf-8"}};
const header_list plain{{"Content-Type", "application/json"}};

// Drives one exchange as a connector is driven.
class alone final : public connector {
public:
  explicit alone(std::size_t most = 1u << 20)
    : exchange_(options(most), {"h"}, {"s1", "2025-11-25"}, 7, "tools/call", {{"name", "t"}}) {}
  step start() override { return follow(exchange_.start()); }
  step resume(result<outbound_reply> r) override { return follow(exchange_.resume(std::move(r))); }
  step resume_chunk(result<outbound_chunk> c) override {
    return follow(exchange_.resume_chunk(std::move(c)));
  }
  step proceed() override { return follow(exchange_.proceed()); }

private:
  static std::shared_ptr<const service_options> options(std::size_t most) {
    auto service = scripted_service(service_type::mcp);
    service.max_reply_bytes = most;
    return std::make_shared<const service_options>(std::move(service));
  }
  step follow(mcp_exchange::step next) {
    if (auto* end = std::get_if<mcp_exchange::finished>(&next)) {
      if (!end->answer)
        return done{end->answer.error()};
      service_reply reply;
      reply.body = std::move(end->answer->value);
      reply.receipt = end->answer->receipt;
      return done{std::move(reply)};
    }
    if (auto* call = std::get_if<outbound_call>(&next))
      return std::move(*call);
    if (auto* pull = std::get_if<pull_chunk>(&next))
      return *pull;
    if (auto* close = std::get_if<close_stream>(&next))
      return *close;
    if (auto* said = std::get_if<emit>(&next))
      return std::move(*said);
    return std::get<pause>(next);
  }

  mcp_exchange exchange_;
};

result<service_reply> played(scripted_upstream& upstream, std::size_t most = 1u << 20) {
  alone machine{most};
  return upstream.run(machine);
}

result<service_reply> played(scripted_reply reply, std::size_t most = 1u << 20) {
  scripted_upstream upstream{std::deque<scripted_reply>{std::move(reply)}};
  auto answer = played(upstream, most);
  CHECK(upstream.open() == 0);
  return answer;
}

const json::value fine = {{"content", json::array{}}, {"isError", true}};

json::object progress() {
  return {{"jsonrpc", "2.0"},
          {"method", "notifications/progress"},
          {"params", {{"progressToken", 7}, {"progress", 1}}}};
}

json::object asks(json::value id, std::string_view method) {
  return {{"jsonrpc", "2.0"}, {"id", std::move(id)}, {"method", method}};
}

} // namespace

TEST_CASE("a response is found in JSON and in events, however they are cut", "[connectors][mcp]") {
  const auto answer = dump(rpc_result(7, fine));
  const auto stream = "id: p\ndata: \n\n" + sse_message(progress()) + ": comment\n\n"
                      + sse_message(rpc_result(6, {{"not", "ours"}}))
                      + sse_message(rpc_result("7", {{"not", "ours"}}))
                      + "event: other\ndata: not json\n\n" + sse_message(rpc_result(7, fine), "e2");
  for (const auto& [headers, body] : {std::pair{plain, answer}, std::pair{events, stream}})
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
      scripted_upstream upstream{std::deque<scripted_reply>{{200, headers, body}}, piece};
      const auto reply = played(upstream);
      INFO("pieces of " << piece << " of " << body);
      REQUIRE(reply);
      CHECK(reply->body == fine); // a tool's failure is a result
      CHECK(reply->receipt == 1);
      CHECK(upstream.calls.size() == 1);
      CHECK(upstream.open() == 0);
    }
}

TEST_CASE("a stream that goes on after the response is closed", "[connectors][mcp]") {
  auto body = sse_message(rpc_result(7, fine));
  const auto piece = body.size();
  body += sse_message(progress());
  scripted_upstream upstream{std::deque<scripted_reply>{{200, events, body}}, piece};
  REQUIRE(played(upstream));
  CHECK(upstream.closed == 1);
}

TEST_CASE("the server's ping is answered, what it may not ask is declined", "[connectors][mcp]") {
  const std::size_t piece = GENERATE(1u, 50u, 100'000u);
  const auto body = sse_message(asks("p-1", "ping")) + sse_message(progress())
                    + sse_message(asks(5, "elicitation/create"))
                    + sse_message(asks(6, "sampling/createMessage"))
                    + sse_message(asks(8, "roots/list")) + sse_message(asks(7, "tasks/list"))
                    + sse_message(rpc_result(7, fine));
  scripted_upstream upstream{{{200, events, body}, {202}, {202}, {202}, {202}, {500}}, piece};
  const auto reply = played(upstream);
  REQUIRE(reply);
  CHECK(reply->receipt == 1); // of the request, not of the answers
  const char* answers[] = {
    R"({"jsonrpc":"2.0","id":"p-1","result":{}})",
    R"({"jsonrpc":"2.0","id":5,"error":{"code":-32601,"message":"Method not found"}})",
    R"({"jsonrpc":"2.0","id":6,"error":{"code":-32601,"message":"Method not found"}})",
    R"({"jsonrpc":"2.0","id":8,"result":{"roots":[]}})",
    R"({"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found"}})"};
  REQUIRE(upstream.calls.size() == 6);
  for (int i = 0; i < 5; ++i)
    CHECK(upstream.calls[i + 1].body == answers[i]);
  for (const auto& call : upstream.calls) {
    CHECK(call.method == "POST");
    CHECK(call.handle.id == "h");
    CHECK(*find_header(call.headers, "mcp-session-id") == "s1");
    CHECK(*find_header(call.headers, "mcp-protocol-version") == "2025-11-25");
  }
}

TEST_CASE("a server that only asks is given up", "[connectors][mcp]") {
  std::string body;
  for (int n = 0; n < 100; ++n)
    body += sse_message(asks(n, "ping"));
  int calls = 0;
  scripted_upstream upstream{[&](auto&) {
    return ++calls == 1 ? scripted_reply{200, events, body} : scripted_reply{202};
  }};
  CHECK(played(upstream).error().code == errc::upstream);
  CHECK(calls == 65);
}

TEST_CASE("an error of the server comes with its code and message", "[connectors][mcp]") {
  const bool stream = GENERATE(false, true);
  const auto failure = rpc_error(7, -32602, "Unknown tool: t");
  const auto reply = played(stream ? scripted_reply{200, events, sse_message(failure)}
                                   : scripted_reply{200, plain, dump(failure)});
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::upstream);
  CHECK(reply.error().kind == "mcp_error");
  CHECK(reply.error().message == "service 'up', tools/call: error -32602: Unknown tool: t");
}

TEST_CASE("what is no MCP is the upstream's error", "[connectors][mcp]") {
  const auto id_text = dump(rpc_result("7", fine));
  const std::pair<const char*, scripted_reply> rows[]{
    {"malformed JSON", {200, plain, "{\"jsonrpc\":"}},
    {"no JSON", {200, plain, ""}},
    {"JSON that is no message", {200, plain, "7"}},
    {"a list without our response", {200, plain, "[1,[2]]"}},
    {"another id", {200, plain, dump(rpc_result(8, fine))}},
    {"an id of another type", {200, plain, id_text}},
    {"a notification instead", {200, plain, dump(progress())}},
    {"no result", {200, plain, R"({"jsonrpc":"2.0","id":7})"}},
    {"a result of another type", {200, plain, R"({"jsonrpc":"2.0","id":7,"result":[]})"}},
    {"an error of another type", {200, plain, R"({"jsonrpc":"2.0","id":7,"error":"x"})"}},
    {"malformed JSON in an event", {200, events, "data: {\n\n"}},
    {"an event that is no message", {200, events, "data: true\n\n"}},
    {"an empty stream", {200, events, ""}},
    {"a stream without our response", {200, events, "event: message\ndata: {}\n\n"}},
    {"a response cut short", {200, events, "data: " + dump(rpc_result(7, fine)) + "\n"}},
    {"a web page", {200, {{"Content-Type", "text/html"}}, "<html>"}},
    {"no type", {200, {}, dump(rpc_result(7, fine))}},
    {"accepted without an answer", {202, {}, ""}},
    {"a redirect", {307, {{"Location", "https://other.example/"}}, ""}},
    {"too deep", {200, plain, std::string(5000, '[')}},
    {"an error page", {502, {{"Content-Type", "text/html"}}, "<html>bad gateway"}},
    {"a huge error page", {500, {}, std::string(200'000, 'x')}},
  };
  for (const auto& [what, reply] : rows) {
    INFO(what);
    const auto answer = played(reply);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == errc::upstream);
    CHECK(answer.error().message.starts_with("service 'up'"));
    CHECK(answer.error().message.size() < 200);
  }
}

TEST_CASE("a batch is read as servers of 2025-03-26 send it", "[connectors][mcp]") {
  const auto reply =
    played({200, plain, dump(json::array{progress(), rpc_result(6, {}), rpc_result(7, fine)})});
  REQUIRE(reply);
  CHECK(reply->body == fine);
}

TEST_CASE("what a batch asks is answered, also beside the response", "[connectors][mcp]") {
  const json::value batch = json::array{progress(), asks("a", "ping"), rpc_result(7, fine),
                                        asks("b", "roots/list"), asks("c", "tasks/list")};
  const auto alone = json::value(json::array{asks("z", "ping")});
  const auto stream = GENERATE(false, true);
  const auto body = stream ? sse_message(alone) + sse_message(batch) : dump(batch);
  std::deque<scripted_reply> script{{200, stream ? events : plain, body}};
  script.resize(6, {202});
  scripted_upstream upstream{std::move(script), 11};
  const auto reply = played(upstream);
  REQUIRE(reply);
  CHECK(reply->body == fine);
  std::vector<std::string> answered;
  for (std::size_t n = 1; n < upstream.calls.size(); ++n)
    answered.push_back(upstream.calls[n].body);
  std::vector<std::string> expected{
    R"({"jsonrpc":"2.0","id":"a","result":{}})",
    R"({"jsonrpc":"2.0","id":"b","result":{"roots":[]}})",
    R"({"jsonrpc":"2.0","id":"c","error":{"code":-32601,"message":"Method not found"}})"};
  if (stream)
    expected.insert(expected.begin(), R"({"jsonrpc":"2.0","id":"z","result":{}})");
  CHECK(answered == expected);
  CHECK(upstream.open() == 0);
}

TEST_CASE("a batch without the response is not waited for", "[connectors][mcp]") {
  scripted_upstream upstream{{{200, plain, dump(json::array{asks("a", "ping")})}, {202}}};
  CHECK(played(upstream).error().message
        == "service 'up' sent JSON without a response to its request (tools/call)");
  CHECK(upstream.calls.size() == 2);
}

TEST_CASE("a reply larger than allowed is cut off", "[connectors][mcp]") {
  auto big = fine;
  big.as_object()["text"] = std::string(100'000, 'x');
  auto endless = std::string{};
  for (int n = 0; n < 2000; ++n)
    endless += sse_message(progress());
  for (const auto& [headers, body] :
       {std::pair{plain, dump(rpc_result(7, big))},
        std::pair{events, sse_message(rpc_result(7, big))}, std::pair{events, endless},
        std::pair{events, "data: " + std::string(100'000, 'x')}}) {
    scripted_upstream upstream{std::deque<scripted_reply>{{200, headers, body}}, 1000};
    const auto reply = played(upstream, 50'000);
    REQUIRE_FALSE(reply);
    CHECK(reply.error().message == "service 'up' answered with more than 50000 bytes (tools/call)");
    CHECK(upstream.closed == 1);
    CHECK(upstream.open() == 0);
  }
}

TEST_CASE("a broken stream is taken up after its last event", "[connectors][mcp]") {
  const bool abruptly = GENERATE(false, true);
  scripted_reply first{200, events, "retry: 250\nid: e1\ndata: \n\n"};
  scripted_reply second{200, events, "id: e2\ndata: \n\nid: e3\ndata: {\"cut\":"};
  if (abruptly)
    first.break_off = second.break_off = fail(errc::upstream, "the connection broke");
  scripted_upstream upstream{{first, second, {200, events, sse_message(rpc_result(7, fine), "e4")}},
                             5};
  const auto reply = played(upstream);
  REQUIRE(reply);
  CHECK(reply->body == fine);
  CHECK(reply->receipt == 1);
  CHECK(upstream.pauses == std::vector<std::chrono::milliseconds>{250ms, 250ms});
  REQUIRE(upstream.calls.size() == 3);
  for (int n : {1, 2}) {
    const auto& get = upstream.calls[n];
    CHECK(get.method == "GET");
    CHECK(get.body.empty());
    CHECK(get.stream);
    CHECK(get.handle.id == "h");
    CHECK(*find_header(get.headers, "accept") == "text/event-stream");
    CHECK(find_header(get.headers, "content-type") == nullptr);
    CHECK(*find_header(get.headers, "mcp-session-id") == "s1");
    CHECK(*find_header(get.headers, "last-event-id") == (n == 1 ? "e1" : "e2"));
  }
}

TEST_CASE("a request is never sent twice because its stream broke", "[connectors][mcp]") {
  const auto posts = [](const scripted_upstream& upstream) {
    return std::count_if(upstream.calls.begin(), upstream.calls.end(),
                         [](const outbound_call& c) { return c.method == "POST"; });
  };
  SECTION("there is nothing to take up after") {
    scripted_upstream upstream{std::deque<scripted_reply>{{200, events, sse_message(progress())}}};
    CHECK(played(upstream).error().message
          == "service 'up' ended its stream without a response (tools/call)");
    CHECK(upstream.calls.size() == 1);
  }
  SECTION("the server does not take it up") {
    const auto status = GENERATE(404u, 405u, 500u);
    scripted_upstream upstream{{{200, events, "id: 1\ndata: \n\n"}, {status, {}, "no"}}};
    CHECK(played(upstream).error().code == errc::upstream);
    CHECK(upstream.closed == 1);
    CHECK(posts(upstream) == 1);
  }
  SECTION("the user's access ended meanwhile") {
    scripted_upstream upstream{{{200, events, "id: 1\ndata: \n\n"}, {401}}};
    CHECK(played(upstream).error().kind == "needs_auth");
  }
  SECTION("the server breaks off again and again") {
    scripted_upstream upstream{[](auto&) {
      return scripted_reply{200, events, "id: 1\ndata: \n\n"};
    }};
    CHECK(played(upstream).error().code == errc::upstream);
    CHECK(upstream.calls.size() == 6);
    CHECK(posts(upstream) == 1);
    CHECK(upstream.pauses == std::vector<std::chrono::milliseconds>(5, 1000ms));
  }
  SECTION("a wait that timed out is not broken off") {
    scripted_reply reply{200, events, "id: 1\ndata: \n\n"};
    reply.break_off = fail(errc::timeout, "nothing came");
    scripted_upstream upstream{std::deque<scripted_reply>{reply}};
    CHECK(played(upstream).error().code == errc::timeout);
    CHECK(upstream.calls.size() == 1);
  }
}

TEST_CASE("a server cannot make us wait for long", "[connectors][mcp]") {
  scripted_upstream upstream{{{200, events, "retry: 86400000\nid: 1\ndata: \n\n"},
                              {200, events, sse_message(rpc_result(7, fine))}}};
  REQUIRE(played(upstream));
  CHECK(upstream.pauses == std::vector<std::chrono::milliseconds>{30'000ms});
}

TEST_CASE("a session id that would break a header is refused", "[connectors][mcp]") {
  for (const std::string& id : {std::string{}, std::string{"a b"}, std::string{"a\r\nX: y"},
                                std::string{"caf\xC3\xA9"}, std::string(1025, 'a')}) {
    mcp_bench bench;
    bench.server.stateless = true;
    scripted_upstream upstream{[&](const outbound_call& call) {
      auto reply = bench.server(call);
      reply.headers.emplace_back("mcp-session-id", id);
      return reply;
    }};
    const auto reply =
      upstream.run(*bench.services.open({"up", list_tools_operation{}}, scripted_caller()).value());
    REQUIRE_FALSE(reply);
    CHECK(reply.error().message == "service 'up' sent a malformed session id (initialize)");
  }
}
