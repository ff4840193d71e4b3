#include "connectors/mcp_listener.hpp"
#include "tests/connectors/scripted_mcp.hpp"
#include "tests/support/catch.hpp"

#include <array>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

const header_list events{{"Content-Type", "text/event-stream; charset=utf-8"}};

mcp_listener listener(std::size_t most = 10u << 20) {
  auto service = scripted_service(service_type::mcp);
  service.max_reply_bytes = most;
  return {std::make_shared<const service_options>(std::move(service)), {"s1", "2025-03-26"}};
}

json::object asks(json::value id, std::string_view method) {
  return {{"jsonrpc", "2.0"}, {"id", std::move(id)}, {"method", method}};
}

std::string said(const json::value& id, const char* rest) {
  return R"({"jsonrpc":"2.0","id":)" + dump(id) + rest + "}";
}
constexpr auto* declined = R"(,"error":{"code":-32601,"message":"Method not found"})";

using texts = std::vector<std::string>;

texts methods_of(const scripted_upstream& upstream) {
  texts all;
  for (const auto& call : upstream.calls)
    all.push_back(call.method);
  return all;
}

} // namespace

TEST_CASE("what a server asks of its own accord is answered at once", "[connectors][mcp]") {
  const std::size_t piece = GENERATE(1u, 60u, 100'000u);
  const json::object note{{"jsonrpc", "2.0"}, {"method", "notifications/tools/list_changed"}};
  const json::array batch{asks(1, "ping"), note, asks(2, "logging/x"), 3, json::array{}};
  const auto body = ": hello\n\n" + sse_message(asks("p", "ping"), "e1") + sse_message(note)
                    + sse_message(asks(5, "roots/list")) + "data: not json\n\n"
                    + "event: other\ndata: {}\n\n" + sse_message(rpc_result(7, {}))
                    + sse_message(asks(6, "sampling/createMessage"))
                    + sse_message(asks(7, "elicitation/create")) + sse_message(batch, "e2");
  std::deque<scripted_reply> script{{200, events, body}};
  script.resize(7, {202});
  script.push_back({405});
  scripted_upstream upstream{std::move(script), piece};
  auto machine = listener();
  const auto end = upstream.run(machine);
  REQUIRE(end);
  CHECK(end->status == 405);
  CHECK(end->body.is_null());
  REQUIRE(methods_of(upstream)
          == texts{"GET", "POST", "POST", "POST", "POST", "POST", "POST", "GET"});
  texts answers;
  for (std::size_t n = 1; n < 7; ++n)
    answers.push_back(upstream.calls[n].body);
  CHECK(answers
        == texts{said("p", R"(,"result":{})"), said(5, R"(,"result":{"roots":[]})"),
                 said(6, declined), said(7, declined), said(1, R"(,"result":{})"),
                 said(2, declined)});
  for (const auto& call : upstream.calls) {
    CHECK(call.service == "up");
    CHECK(call.url == "https://up.example/mcp");
    CHECK(call.handle.empty()); // the driver's
    CHECK(*find_header(call.headers, "mcp-session-id") == "s1");
    CHECK(*find_header(call.headers, "mcp-protocol-version") == "2025-03-26");
  }
  const auto& first = upstream.calls.front();
  CHECK(first.stream);
  CHECK(first.timeout == 5min);
  CHECK(*find_header(first.headers, "accept") == "text/event-stream");
  CHECK(find_header(first.headers, "last-event-id") == nullptr);
  CHECK(*find_header(upstream.calls.back().headers, "last-event-id") == "e2");
  CHECK(upstream.pauses == std::vector<std::chrono::milliseconds>{1s});
  CHECK(upstream.open() == 0);
}

TEST_CASE("a stream that is not offered is not asked for again", "[connectors][mcp]") {
  const auto reply = GENERATE(
    scripted_reply{405}, scripted_reply{404}, scripted_reply{401}, scripted_reply{302},
    scripted_reply{200, {{"Content-Type", "application/json"}}, "{}"}, scripted_reply{200});
  scripted_upstream upstream{std::deque<scripted_reply>{reply}};
  auto machine = listener();
  CHECK(upstream.run(machine)->status == static_cast<int>(reply.status));
  CHECK(upstream.calls.size() == 1);
  CHECK(upstream.pauses.empty());
  CHECK(upstream.open() == 0);
}

TEST_CASE("a server that fails is asked less and less often, then not at all",
          "[connectors][mcp]") {
  scripted_reply broken{};
  broken.failure = fail(errc::upstream, "the connection broke");
  const auto reply =
    GENERATE_COPY(scripted_reply{409}, scripted_reply{429}, scripted_reply{503}, broken);
  scripted_upstream upstream{[&](auto&) { return reply; }};
  auto machine = listener();
  CHECK(upstream.run(machine));
  CHECK(upstream.pauses == std::vector<std::chrono::milliseconds>{1s, 2s, 4s, 8s, 16s});
  CHECK(upstream.calls.size() == 6);
  CHECK(upstream.open() == 0);
}

TEST_CASE("a stream that breaks is opened again, within bounds", "[connectors][mcp]") {
  scripted_reply short_lived{200, events, "retry: 86400000\nid: x\ndata: \n\n"};
  if (GENERATE(false, true))
    short_lived.break_off = fail(errc::timeout, "nothing came");
  scripted_upstream upstream{[&](auto&) { return short_lived; }, 7};
  auto machine = listener();
  CHECK(upstream.run(machine)->status == 200);
  CHECK(upstream.calls.size() == 100);
  CHECK(*find_header(upstream.calls[1].headers, "last-event-id") == "x");
  CHECK(upstream.pauses == std::vector<std::chrono::milliseconds>(99, 30s)); // not a day
}

TEST_CASE("a server that says or asks too much is cut off for a while", "[connectors][mcp]") {
  const json::object note{{"jsonrpc", "2.0"}, {"method", "notifications/message"}};
  std::string questions, notes, answer(40'000, 'x');
  for (int n = 0; n < 1'000; ++n)
    questions += sse_message(asks(n, "ping"));
  for (int n = 0; n < 2'000; ++n)
    notes += sse_message(note);
  const std::array bodies{questions, notes, "data: " + answer};
  const auto& body = bodies.at(GENERATE(0U, 1U, 2U));
  int streams = 0;
  scripted_upstream upstream{
    [&](const outbound_call& call) {
      if (call.method == "POST")
        return scripted_reply{202};
      return ++streams == 1 ? scripted_reply{200, events, body} : scripted_reply{404};
    },
    1000};
  auto machine = listener(30'000);
  CHECK(upstream.run(machine)->status == 404);
  CHECK(upstream.closed == 2); // the stream, and the refusal's body
  CHECK(upstream.pauses == std::vector<std::chrono::milliseconds>{1s});
  const auto posts = std::count_if(upstream.calls.begin(), upstream.calls.end(),
                                   [](const outbound_call& c) { return c.method == "POST"; });
  CHECK(posts == (body == questions ? 64 : 0));
}

TEST_CASE("an answer that is not taken holds nothing up", "[connectors][mcp]") {
  scripted_reply refused{500}, lost{};
  lost.failure = fail(errc::timeout, "nothing came");
  scripted_upstream upstream{
    {{200, events, sse_message(asks(1, "ping")) + sse_message(asks(2, "ping"))},
     refused,
     lost,
     {404}}};
  auto machine = listener();
  CHECK(upstream.run(machine)->status == 404);
  CHECK(methods_of(upstream) == texts{"GET", "POST", "POST", "GET"});
}
