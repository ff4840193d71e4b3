// The endpoint of the Model Context Protocol: whose tools are shown, whose runs calls are, and what
// ends them. Against a whole server.
#include "runtime/base/id.hpp"
#include "tests/support/api_client.hpp"
#include "tests/support/running_fixture.hpp"

#include <set>
#include <thread>

using namespace behalf;
using namespace behalf::testing;
using namespace std::chrono_literals;

namespace {

coroutine<node_result> ask_name(state_view, context ctx) {
  auto name = co_await ctx.interrupt("your name?");
  co_return flow::update{{"name", name}};
}

coroutine<node_result> wait_long(state_view, context ctx) {
  ctx.write({{"progress", 1}, {"total", 2}});
  co_await ctx.sleep(1h);
  co_return flow::update{{"name", "late"}};
}

result<std::shared_ptr<const graph>> graph_of(const char* name,
                                              coroutine<node_result> (*node)(state_view, context)) {
  graph_builder b{name};
  b.channel("name", flow::last_value());
  b.node("ask", node);
  b.edge(flow::start, "ask").edge("ask", flow::end);
  return b.build();
}

struct mcp_fixture {
  explicit mcp_fixture(std::function<void(system_setup&)> change = {})
    : server{10s, 4, [change](system_setup& s) {
               s.graphs.push_back({"asking", "", graph_of("asking", ask_name).value()});
               s.graphs.push_back({"waiting", "Waits.", graph_of("waiting", wait_long).value()});
               if (change)
                 change(s);
             }} {
    for (auto* one : {&alice, &bob})
      one->send_always("Accept: application/json, text/event-stream");
    REQUIRE((alice.log_in("alice") && bob.log_in("bob")));
  }

  running_fixture server;
  api_client alice{server.system->port()}, bob{server.system->port()};

  static json::object message(std::string_view method, json::object params = {},
                              json::value id = 1) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  }
  static json::value ask(api_client& who, const json::object& sent, unsigned status = 200) {
    const auto reply = who.post("/mcp", sent);
    CAPTURE(reply.body);
    REQUIRE(reply.status == status);
    return parse_json(reply.body).value();
  }
  static json::value call(api_client& who, std::string_view tool, json::object arguments = {}) {
    return ask(who, message("tools/call", {{"name", tool}, {"arguments", arguments}}));
  }
  static std::set<std::string> tools(api_client& who) {
    std::set<std::string> names;
    json::object params;
    while (true) {
      const auto page = ask(who, message("tools/list", params)).at("result");
      for (const auto& one : page.at("tools").as_array())
        CHECK(names.emplace(one.at("name").as_string()).second);
      const auto* next = member(page, "nextCursor");
      if (!next)
        return names;
      params["cursor"] = *next;
    }
  }
  std::string make(std::string_view name, api_client& who) {
    const auto reply = who.post("/assistants", {{"graph_id", "hello"}, {"name", name}});
    REQUIRE(reply.status == 200);
    return std::string(parse_json(reply.body).value().at("assistant_id").as_string());
  }
};

struct default_mcp : mcp_fixture {};

std::string hex_of(std::string id) {
  std::erase(id, '-');
  return id;
}

} // namespace

TEST_CASE_METHOD(default_mcp, "the caller's assistants are tools, others' are not", "[mcp]") {
  const auto own = make("mine", alice), other = make("theirs", bob);
  const auto names = tools(alice);
  CHECK(names.contains("hello"));
  CHECK(names.contains("mine"));
  CHECK_FALSE(names.contains("theirs"));
  CHECK(call(alice, "mine", {{"name", "Ada"}}).at("result").as_object().contains("content"));
  for (const auto& name : {std::string{"theirs"}, other, "theirs_" + hex_of(other)})
    CHECK(call(alice, name).at("error").at("code") == -32602);
}

TEST_CASE_METHOD(default_mcp, "names that are taken, or no model can say, go with an id", "[mcp]") {
  std::set<std::string> ids;
  for (auto name : {"twice", "twice", "hello", "my agent"})
    ids.insert(hex_of(make(name, alice)));
  const auto names = tools(alice);
  CHECK(names.contains("hello")); // the graph's own
  CHECK_FALSE(names.contains("twice"));
  for (const auto& name : names)
    if (name.size() > 33 && ids.erase(name.substr(name.size() - 32)) == 1)
      CHECK(call(alice, name, {{"name", "Ada"}}).as_object().contains("result"));
  CHECK(ids.empty());
  const auto refused = call(alice, "twice").at("error");
  CHECK(refused.at("code") == -32602);
  CHECK(std::string_view{refused.at("message").as_string()}.find("tools/list")
        != std::string_view::npos);
}

TEST_CASE_METHOD(default_mcp, "tools come in pages, each once", "[mcp]") {
  for (int i = 0; i < 230; ++i)
    make(i % 50 == 0 ? "same" : "tool" + std::to_string(i), alice);
  CHECK(tools(alice).size() == 230 + 5);
  for (const json::value& odd : {json::value("x"), json::value("-1"), json::value(5),
                                 json::value("99999999999999999999"), json::value("")})
    CHECK(ask(alice, message("tools/list", {{"cursor", odd}})).at("error").at("code") == -32602);
  CHECK(ask(alice, message("tools/list", {{"cursor", "1000"}})).at("result").at("tools")
        == json::array{});
}

TEST_CASE_METHOD(default_mcp, "a question is an error that the model can read", "[mcp]") {
  const auto asked = call(alice, "asking").at("result");
  CHECK(asked.at("isError") == true);
  CHECK(std::string_view{asked.at("content").at(0).at("text").as_string()}.find("your name?")
        != std::string_view::npos);
}

TEST_CASE_METHOD(default_mcp, "what is no call is refused, and nothing runs", "[mcp]") {
  const auto code = [&](const json::object& params) {
    return ask(alice, message("tools/call", params)).at("error").at("code");
  };
  CHECK(code({}) == -32602);
  CHECK(code({{"name", 5}}) == -32602);
  CHECK(code({{"name", std::string(5000, 'n')}}) == -32602);
  CHECK(code({{"name", "hello"}, {"arguments", json::array{}}}) == -32602);
  CHECK(code({{"name", "hello"}, {"_meta", {{"progressToken", json::object{}}}}}) == -32602);
  CHECK(ask(alice, message("nowhere")).at("error").at("code") == -32601);
  CHECK(ask(alice, message("server/discover")).at("error").at("code") == -32601);
  for (auto [text, expected] : {std::pair{"{", -32700}, {"", -32700}, {"[]", -32600}}) {
    const auto reply = alice.post_text("/mcp", text);
    CHECK(reply.status == 400);
    CHECK(parse_json(reply.body).value().at("error").at("code") == expected);
  }
  CHECK(alice.post_text("/mcp", std::string(100'000, '[')).status == 400);
}

TEST_CASE_METHOD(default_mcp, "another form of an answer than ours is refused", "[mcp]") {
  api_client plain{server.system->port()};
  REQUIRE(plain.log_in("alice"));
  CHECK(plain.post("/mcp", message("ping")).status == 400);
  plain.send_always("Accept: text/event-stream");
  const auto events = plain.post("/mcp", message("ping"));
  CHECK(events.header("content-type").starts_with("text/event-stream"));
  CHECK(events.body.find(R"("result":{})") != std::string::npos);
}

TEST_CASE_METHOD(default_mcp, "a call is cancelled by its session, and by no other", "[mcp]") {
  const auto begun = alice.post("/mcp", message("initialize"));
  const auto session = begun.header("mcp-session-id");
  REQUIRE_FALSE(session.empty());
  api_client calling{server.system->port()};
  calling.send_always("Accept: application/json, text/event-stream");
  REQUIRE(calling.log_in("alice"));
  for (auto* one : {&calling, &alice, &bob})
    one->send_always("Mcp-Session-Id: " + std::string(session));

  std::promise<unsigned> answered;
  auto answer = answered.get_future();
  std::thread under_way{[&] {
    const auto call = message("tools/call", {{"name", "waiting"}}, "the call");
    unsigned status = 400;
    while (status == 400) // a ping below had the id
      status = calling.post("/mcp", call).status;
    answered.set_value(status);
  }};
  const json::object cancel{{"jsonrpc", "2.0"},
                            {"method", "notifications/cancelled"},
                            {"params", {{"requestId", "the call"}}}};
  // The id is taken from when the call is read.
  while (alice.post("/mcp", message("ping", {}, "the call")).status == 200)
    std::this_thread::yield();
  CHECK(bob.post("/mcp", cancel).status == 202);
  CHECK(answer.wait_for(100ms) == std::future_status::timeout);
  CHECK(alice.post("/mcp", cancel).status == 202);
  CHECK(answer.get() == 202); // without an answer
  under_way.join();

  CHECK(bob.call("DELETE", "/mcp", {}).status == 204);
  CHECK(alice.post("/mcp", message("ping")).status == 200); // bob's of the same name is over
  CHECK(alice.call("DELETE", "/mcp", {}).status == 204);
  CHECK(alice.post("/mcp", message("ping")).status == 404);
  CHECK(alice.post("/mcp", message("initialize")).status == 200);
}

TEST_CASE_METHOD(default_mcp, "a client that leaves takes its run along", "[mcp]") {
  auto head = alice.post_for_head(
    "/mcp", message("tools/call", {{"name", "waiting"}, {"_meta", {{"progressToken", "p"}}}}));
  CHECK(head.find("200") != std::string::npos);
  CHECK(head.find("text/event-stream") != std::string::npos);
  const auto ended = [&] {
    return bob.get("/metrics")
             .body.find(R"(behalf_runs_ended_total{graph="waiting",status="interrupted"} 1)")
           != std::string::npos;
  };
  CHECK_FALSE(ended());
  alice.hang_up();
  while (!ended())
    std::this_thread::yield();
}

TEST_CASE_METHOD(default_mcp, "strangers are told where to get a token", "[mcp]") {
  api_client stranger{server.system->port()};
  const auto refused = stranger.post("/mcp", message("ping"));
  CHECK(refused.status == 401);
  const std::string challenge{refused.header("www-authenticate")};
  const auto at = challenge.find("resource_metadata=\"http://test/");
  REQUIRE(at != std::string::npos);
  const auto found = stranger.get("/.well-known/oauth-protected-resource/mcp");
  CHECK(found.status == 200);
  const auto told = parse_json(found.body).value();
  CHECK(told.at("resource") == "http://test/mcp");
  CHECK(told.at("authorization_servers") == json::array{issuer_name});
  const auto whole = parse_json(stranger.get("/.well-known/oauth-protected-resource").body).value();
  CHECK(whole.at("resource") == "http://test");
  CHECK(whole.at("authorization_servers") == json::array{issuer_name});
  CHECK(stranger.post("/threads", {}).header("www-authenticate") == "Bearer");
}

// The assistant that the server makes of its graph.
const json::value mail_assistant =
  json::string{uuid5("6ba7b821-9dad-11d1-80b4-00c04fd430c8", "mail")};

TEST_CASE("who may not search has no tools, and who may not run calls none", "[mcp]") {
  mcp_fixture refusing{[](system_setup& s) {
    s.plugins.on("*", [](const on_context& ctx, json::object& value) -> on_answer {
      if (ctx.who.identity == "bob")
        return ctx.action != "search" && ctx.action != "create_run";
      if (ctx.action == "read" && value.at("assistant_id") == mail_assistant)
        return false;
      return true;
    });
  }};
  const auto names = mcp_fixture::tools(refusing.alice);
  CHECK(names.contains("hello"));
  CHECK_FALSE(names.contains("mail")); // may be found, but not read
  CHECK(refusing.bob.post("/mcp", mcp_fixture::message("tools/list")).status == 403);
  CHECK(refusing.bob.post("/mcp", mcp_fixture::message("tools/call", {{"name", "hello"}})).status
        == 403);
}

TEST_CASE("the endpoint can be turned off", "[mcp]") {
  mcp_fixture off{[](system_setup& s) { s.options.mcp = false; }};
  CHECK(off.alice.post("/mcp", mcp_fixture::message("ping")).status == 404);
  CHECK(off.alice.call("DELETE", "/mcp", {}).status == 404);
  CHECK(off.alice.get("/.well-known/oauth-protected-resource/mcp").status == 404);
}
