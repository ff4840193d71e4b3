#include "tests/connectors/scripted_mcp.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

using names = std::vector<std::string>;

std::string first_text(const service_reply& reply) {
  return std::string{reply.body.at("content").at(0).at("text").as_string()};
}

} // namespace

TEST_CASE("the first call of a user initializes, later ones do not", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.as_events = GENERATE(false, true);
  const auto first = bench.run({"up", call_tool_operation{"echo", {{"text", "hi"}}}});
  REQUIRE(first);
  CHECK(first_text(*first) == "tools/call");
  CHECK(first->status == 200);
  CHECK(first->receipt == 3);
  CHECK(bench.server.methods == names{"initialize", "notifications/initialized", "tools/call"});
  CHECK(bench.left_open == 0);

  REQUIRE(bench.calls.size() == 3);
  for (const auto& call : bench.calls) {
    CHECK(call.service == "up");
    CHECK(call.method == "POST");
    CHECK(call.url == "https://up.example/mcp");
    CHECK(call.handle.id == "handle-of-alice");
    CHECK(*find_header(call.headers, "accept") == "application/json, text/event-stream");
    CHECK(*find_header(call.headers, "content-type") == "application/json");
  }
  CHECK(find_header(bench.calls[0].headers, "mcp-protocol-version") == nullptr);
  CHECK(find_header(bench.calls[0].headers, "mcp-session-id") == nullptr);
  for (int n : {1, 2}) {
    CHECK(*find_header(bench.calls[n].headers, "mcp-protocol-version") == "2025-11-25");
    CHECK(*find_header(bench.calls[n].headers, "mcp-session-id") == "session-1");
  }
  const auto hello = parse_json(bench.calls[0].body).value();
  CHECK(hello.at("jsonrpc") == "2.0");
  CHECK(hello.at("params")
        == json::value{{"protocolVersion", "2025-11-25"},
                       {"capabilities", json::object{}},
                       {"clientInfo", {{"name", "behalf"}, {"version", BEHALF_VERSION}}}});
  CHECK(bench.calls[1].body == R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  const auto called = parse_json(bench.calls[2].body).value();
  CHECK(called.at("params")
        == json::value{{"name", "echo"},
                       {"arguments", {{"text", "hi"}}},
                       {"_meta", {{"progressToken", called.at("id")}}}});

  CHECK(bench.sessions == names{"session-1"});
  bench.server.methods.clear();
  const auto second = bench.call("echo");
  REQUIRE(second);
  CHECK(bench.server.methods == names{"tools/call"});
  CHECK(bench.sessions == names{"session-1"}); // every call says which it uses
}

TEST_CASE("a request that is cancelled is so at its server, unless it initializes",
          "[connectors][mcp]") {
  mcp_bench bench;
  REQUIRE(bench.call("echo"));
  const auto open = [&](const caller& by) {
    return bench.services.open(service_call{"up", call_tool_operation{"echo"}}, by).value();
  };
  const auto fresh = open(scripted_caller("bob"));
  const auto first = fresh->start();
  REQUIRE(std::holds_alternative<outbound_call>(first));
  CHECK_FALSE(fresh->cancellation());

  const auto machine = open(scripted_caller());
  REQUIRE(std::holds_alternative<connector::in_session>(machine->start()));
  CHECK_FALSE(machine->cancellation());
  const auto next = machine->proceed();
  const auto request = parse_json(std::get<outbound_call>(next).body).value();
  REQUIRE(request.at("method") == "tools/call");
  const auto told = machine->cancellation();
  REQUIRE(told);
  CHECK(told->method == "POST");
  CHECK_FALSE(told->stream);
  CHECK(told->timeout <= std::chrono::seconds{5});
  CHECK(told->handle.id == "handle-of-alice");
  CHECK(*find_header(told->headers, "mcp-session-id") == "session-1");
  auto message = parse_json(told->body).value().as_object();
  CHECK(message.at("method") == "notifications/cancelled");
  CHECK(message.at("params").at("requestId") == request.at("id"));
  CHECK(message.at("params").at("reason").is_string());
  CHECK_FALSE(message.contains("id"));
}

TEST_CASE("no two requests of a session share an id", "[connectors][mcp]") {
  mcp_bench bench;
  std::set<int64_t> ids;
  for (int n = 0; n < 5; ++n) {
    REQUIRE(bench.call("echo"));
    for (const auto& call : bench.calls)
      if (const auto message = parse_json(call.body).value(); message.as_object().contains("id"))
        CHECK(ids.insert(message.at("id").as_int64()).second);
  }
  CHECK(ids.size() == 6);
}

TEST_CASE("a user never gets another user's session", "[connectors][mcp]") {
  mcp_bench bench;
  const caller callers[]{
    {{"acme", "https://a", "u"}, {"h1"}},  {{"acme", "https://b", "u"}, {"h2"}},
    {{"other", "https://a", "u"}, {"h3"}}, {{"acme", "https://a", "v"}, {"h4"}},
    {{"acmehttps://a", "", "u"}, {"h5"}},  {{"acme", "https://au", ""}, {"h6"}}};
  for (int round = 0; round < 3; ++round)
    for (const auto& by : callers) {
      REQUIRE(bench.call("echo", by)); // the server answers 403 to a foreign session
      for (const auto& call : bench.calls)
        CHECK(call.handle.id == by.handle.id);
    }
  CHECK(bench.server.opener.size() == 6);
  CHECK(bench.services.sessions().size() == 6);
}

TEST_CASE("sessions of two services of one user are two", "[connectors][mcp]") {
  mcp_sessions sessions;
  const auto who = scripted_caller().who;
  sessions.keep(who, "a", {"1", "v"}, "r");
  sessions.keep(who, "b", {"2", "v"}, "r");
  CHECK(sessions.find(who, "a", "r")->id == "1");
  CHECK(sessions.find(who, "b", "r")->id == "2");
  sessions.forget(who, "a", "another");
  CHECK(sessions.find(who, "a", "r"));
  sessions.forget(who, "a", "1");
  CHECK_FALSE(sessions.find(who, "a", "r"));
  CHECK(sessions.find(who, "b", "r"));
}

TEST_CASE("a session is taken out once no run uses it", "[connectors][mcp]") {
  mcp_sessions sessions;
  const auto who = scripted_caller().who;
  CHECK(sessions.keep(who, "s", {"1", "v"}, "first").id == "1");
  CHECK(sessions.keep(who, "s", {"2", "v"}, "second").id == "1"); // there is one already
  CHECK(sessions.find(who, "s", "third")->id == "1");
  for (const auto* run : {"first", "second", "third"}) {
    CHECK_FALSE(sessions.take_unused(who, "s", "1"));
    sessions.leave(who, "s", "another", run);
    CHECK_FALSE(sessions.take_unused(who, "s", "1"));
    sessions.leave(who, "s", "1", run);
  }
  CHECK(sessions.take_unused(who, "s", "another")); // nobody would be given it
  CHECK(sessions.size() == 1);
  CHECK(sessions.take_unused(who, "s", "1"));
  CHECK_FALSE(sessions.find(who, "s", "first"));
  CHECK(sessions.size() == 0);
}

TEST_CASE("a lost session is replaced once, and the call repeated", "[connectors][mcp]") {
  mcp_bench bench;
  REQUIRE(bench.call("echo"));
  bench.server.live.clear(); // the server restarted
  bench.server.methods.clear();
  bench.server.lost_status = GENERATE(404u, 400u);
  const auto reply = bench.call("echo");
  REQUIRE(reply);
  CHECK(bench.server.methods
        == names{"tools/call", "initialize", "notifications/initialized", "tools/call"});
  CHECK(bench.sessions == names{"session-1", "session-2"});
  CHECK(find_header(bench.calls[1].headers, "mcp-session-id") == nullptr);
  CHECK(*find_header(bench.calls[3].headers, "mcp-session-id") == "session-2");
  CHECK(bench.services.sessions().find(scripted_caller().who, "up", "r")->id == "session-2");
}

TEST_CASE("a server that loses every session is given up", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.on_tools = [](auto&, auto&) { return scripted_reply{404}; };
  const auto reply = bench.call("echo");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::upstream);
  CHECK(reply.error().message == "service 'up' answered with status 404 (tools/call)");
  CHECK(std::count(bench.server.methods.begin(), bench.server.methods.end(), "initialize") == 2);
}

TEST_CASE("a fresh session's 400 is an error, not a lost session", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.on_tools = [](auto&, auto&) {
    return scripted_reply{400, {}, dump(rpc_error(nullptr, -32600, "Invalid Request"))};
  };
  const auto reply = bench.call("echo");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().message
        == "service 'up' answered with status 400, error -32600: Invalid Request (tools/call)");
  CHECK(bench.server.methods == names{"initialize", "notifications/initialized", "tools/call"});
}

TEST_CASE("a server without sessions is initialized once too", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.stateless = true;
  REQUIRE(bench.call("echo"));
  REQUIRE(bench.call("echo"));
  CHECK(bench.server.methods
        == names{"initialize", "notifications/initialized", "tools/call", "tools/call"});
  CHECK(find_header(bench.calls[0].headers, "mcp-session-id") == nullptr);
  CHECK(*find_header(bench.calls[0].headers, "mcp-protocol-version") == "2025-11-25");
}

TEST_CASE("an older version is spoken when we know it, others are refused", "[connectors][mcp]") {
  for (const char* version : {"2025-11-25", "2025-06-18", "2025-03-26"}) {
    mcp_bench bench;
    bench.server.version = version;
    REQUIRE(bench.call("echo"));
    CHECK(*find_header(bench.calls[2].headers, "mcp-protocol-version") == version);
  }
  for (const char* version : {"2024-11-05", "2026-07-28", "", "x\r\ny"}) {
    mcp_bench bench;
    bench.server.version = version;
    const auto reply = bench.call("echo");
    REQUIRE_FALSE(reply);
    CHECK(reply.error().code == errc::upstream);
    CHECK(reply.error().message.find("is not supported (2025-11-25, 2025-06-18, 2025-03-26 are)")
          != std::string::npos);
    CHECK(bench.server.methods == names{"initialize", "DELETE"});
    CHECK(bench.services.sessions().size() == 0);
  }
}

TEST_CASE("a server without tools is refused", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.capabilities = {{"prompts", json::object{}}};
  CHECK(bench.list().error().message == "service 'up' is an MCP server without tools");
}

TEST_CASE("tools of all pages are one list, less what is not allowed", "[connectors][mcp]") {
  auto service = scripted_service(service_type::mcp);
  if (GENERATE(false, true))
    service.tools = {"t0", "t3"};
  mcp_bench bench{service};
  std::vector<json::value> asked;
  bench.server.on_tools = [&](auto&, const json::object& m) {
    asked.push_back(m.at("params"));
    const auto page = asked.size() - 1;
    json::array tools{json::object{{"name", "t" + std::to_string(2 * page)}},
                      json::object{{"name", "t" + std::to_string(2 * page + 1)}}};
    json::object listed{{"tools", std::move(tools)}};
    if (page < 2)
      listed["nextCursor"] = "c" + std::to_string(page);
    return bench.server.say(rpc_result(m.at("id"), std::move(listed)));
  };
  const auto reply = bench.list();
  REQUIRE(reply);
  CHECK(asked == std::vector<json::value>{json::object{}, {{"cursor", "c0"}}, {{"cursor", "c1"}}});
  std::string found;
  for (const auto& tool : reply->body.at("tools").as_array())
    found += std::string{tool.at("name").as_string()} + ' ';
  CHECK(found == (service.tools.empty() ? "t0 t1 t2 t3 t4 t5 " : "t0 t3 "));
}

TEST_CASE("a list of tools that never ends is given up", "[connectors][mcp]") {
  const bool same = GENERATE(true, false);
  mcp_bench bench;
  int page = 0;
  bench.server.on_tools = [&](auto&, const json::object& m) {
    ++page;
    return bench.server.say(rpc_result(
      m.at("id"), {{"tools", json::array{}}, {"nextCursor", same ? "c" : std::to_string(page)}}));
  };
  const auto reply = bench.list();
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::upstream);
  CHECK(page == (same ? 2 : 256));
}

TEST_CASE("pages of tools may take no longer than the service's timeout", "[connectors][mcp]") {
  auto service = scripted_service(service_type::mcp);
  service.timeout = std::chrono::milliseconds{1};
  mcp_bench bench{service};
  int page = 0;
  bench.server.on_tools = [&](auto&, const json::object& m) {
    const auto answered = std::chrono::steady_clock::now() + service.timeout;
    while (std::chrono::steady_clock::now() < answered) {
    }
    json::object listed{{"tools", json::array{}}};
    if (++page < 3)
      listed["nextCursor"] = std::to_string(page);
    return bench.server.say(rpc_result(m.at("id"), std::move(listed)));
  };
  const auto reply = bench.list();
  REQUIRE_FALSE(reply);
  CHECK(reply.error().message.find("all its tools within its timeout (pages so far: 1)")
        != std::string::npos);
  CHECK(page == 1);
  page = 2; // all on one page: as long as it arrives
  CHECK(bench.list());
}

TEST_CASE("a list of tools that is longer than one reply may be is given up", "[connectors][mcp]") {
  auto service = scripted_service(service_type::mcp);
  service.max_reply_bytes = 10'000;
  mcp_bench bench{service};
  int page = 0;
  bench.server.on_tools = [&](auto&, const json::object& m) {
    const auto next = std::to_string(++page);
    const json::object tool{{"name", "t" + next}, {"description", std::string(4000, 'x')}};
    return bench.server.say(
      rpc_result(m.at("id"), {{"tools", json::array{tool}}, {"nextCursor", next}}));
  };
  REQUIRE_FALSE(bench.list());
  CHECK(page == 3);
}

TEST_CASE("a tool that is nested too deep hides no other", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.on_tools = [&](auto&, const json::object& m) {
    json::value deep = "x";
    for (int i = 0; i < 200; ++i)
      deep = json::object{{"not", std::move(deep)}};
    const json::object bad{{"name", "bad"}, {"inputSchema", std::move(deep)}},
      good{{"name", "good"}};
    return bench.server.say(rpc_result(m.at("id"), {{"tools", json::array{bad, good}}}));
  };
  const auto reply = bench.list();
  REQUIRE(reply);
  CHECK(dump(reply->body.at("tools")) == R"([{"name":"bad"},{"name":"good"}])");
}

TEST_CASE("a refused user is told so, with what the server asks for", "[connectors][mcp]") {
  const auto status = GENERATE(401u, 403u);
  auto service = scripted_service(service_type::mcp);
  service.credential.from = credential_source::secrets;
  mcp_bench bench{service};
  REQUIRE(bench.call("echo"));
  bench.server.on_tools = [&](auto&, auto&) {
    return scripted_reply{
      status,
      {{"WWW-Authenticate", "Bearer error=\"insufficient_scope\", scope=\"mail.read mail.send\", "
                            "error_description=\"more is \\\"needed\\\"\", "
                            "resource_metadata=\"https://up.example/x\""}},
      "the body is not read"};
  };
  const auto reply = bench.call("echo");
  REQUIRE_FALSE(reply);
  CHECK(reply.error().code == errc::denied);
  CHECK(reply.error().kind == "needs_auth");
  CHECK(
    reply.error().message
    == "service 'up' refused the user's credential (" + std::to_string(status)
         + "): insufficient_scope: more is \"needed\"; it asks for scope 'mail.read mail.send'");
  CHECK(bench.closed == 1);
  CHECK(bench.services.sessions().size() == 0);
}

TEST_CASE("a refusal before there is a session is one too", "[connectors][mcp]") {
  const std::size_t at = GENERATE(0u, 1u);
  std::deque<scripted_reply> script{{200, {{"Content-Type", "application/json"}}, ""},
                                    {401, {{"www-authenticate", "Bearer"}}, ""}};
  script[0].body = dump(rpc_result(
    1, {{"protocolVersion", "2025-06-18"}, {"capabilities", {{"tools", json::object{}}}}}));
  if (at == 0)
    script.pop_front();
  mcp_bench bench;
  scripted_upstream upstream{script};
  const auto reply =
    upstream.run(*bench.services.open({"up", list_tools_operation{}}, scripted_caller()).value());
  REQUIRE_FALSE(reply);
  CHECK(reply.error().kind == "needs_auth");
  CHECK(upstream.calls.size() == at + 1);
  CHECK(bench.services.sessions().size() == 0);
}

TEST_CASE("what a call fails with is passed on, and nothing is kept", "[connectors][mcp]") {
  for (std::size_t at = 0; at < 3; ++at) {
    mcp_bench bench;
    std::size_t n = 0;
    scripted_upstream upstream{[&](const outbound_call& call) {
      return n++ == at ? scripted_reply{0, {}, {}, fail(errc::timeout, "too late")}
                       : bench.server(call);
    }};
    const auto reply =
      upstream.run(*bench.services.open({"up", list_tools_operation{}}, scripted_caller()).value());
    REQUIRE_FALSE(reply);
    CHECK(reply.error().code == errc::timeout);
    CHECK(bench.services.sessions().size() == (at == 2 ? 1 : 0));
  }
}

TEST_CASE("a list of more than a hundred pages is read to its end", "[connectors][mcp]") {
  mcp_bench bench;
  int page = 0;
  bench.server.on_tools = [&](auto&, const json::object& m) {
    json::object listed{{"tools", json::array{json::object{{"name", std::to_string(++page)}}}}};
    if (page < 150)
      listed["nextCursor"] = std::to_string(page);
    return bench.server.say(rpc_result(m.at("id"), std::move(listed)));
  };
  CHECK(bench.list()->body.at("tools").as_array().size() == 150);
}

TEST_CASE("an overloaded server's wish to be left alone is kept", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.on_tools = [&](auto&, auto&) {
    return scripted_reply{429, {{"Retry-After", "17"}}, "later"};
  };
  const auto reply = bench.call("echo");
  REQUIRE_FALSE(reply);
  const auto why = reply.error();
  CHECK(why.code == errc::upstream);
  REQUIRE(find_header(why.headers, "Retry-After"));
  CHECK(*find_header(why.headers, "Retry-After") == "17");
}

TEST_CASE("an error keeps its text in every script, cut between characters", "[connectors][mcp]") {
  mcp_bench bench;
  std::string said = "x";
  for (int i = 0; i < 300; ++i)
    said += "\u9664";
  bench.server.on_tools = [&](auto&, const json::object& m) {
    return bench.server.say(rpc_error(m.at("id"), -32000, said));
  };
  const auto message = bench.call("echo").error().message;
  const auto text = message.substr(message.find("x\u9664"));
  CHECK(text == said.substr(0, 499));
}

TEST_CASE("a service without a credential is not said to have refused one", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.on_tools = [&](auto&, auto&) { return scripted_reply{401}; };
  CHECK(bench.call("echo").error().message
        == "service 'up' refused a call without a credential, as it is configured (401)");
}

TEST_CASE("a session that nobody will use is ended", "[connectors][mcp]") {
  SECTION("the server cannot be used") {
    mcp_bench bench;
    bench.server.capabilities = {};
    CHECK_FALSE(bench.list());
    CHECK(bench.calls.back().method == "DELETE");
    CHECK(*find_header(bench.calls.back().headers, "mcp-session-id") == "session-1");
    CHECK(bench.calls.back().handle.id == "handle-of-alice");
  }
  SECTION("another call of the same user was faster") {
    mcp_bench bench;
    scripted_upstream upstream{[&](const outbound_call& call) {
      if (call.body.find("notifications/initialized") != std::string::npos)
        bench.services.sessions().keep(scripted_caller().who, "up", {"theirs", "2025-11-25"},
                                       "another run");
      if (call.method == "DELETE") // it may be stopped in here
        CHECK(upstream.sessions == std::vector<std::string>{"theirs"});
      bench.server.live.insert("theirs");
      bench.server.opener["theirs"] = call.handle.id;
      return bench.server(call);
    }};
    auto machine = bench.services.open({"up", call_tool_operation{"echo"}}, scripted_caller());
    CHECK(upstream.run(**machine));
    REQUIRE(upstream.calls.size() == 4);
    CHECK(upstream.calls[2].method == "DELETE");
    CHECK(*find_header(upstream.calls[2].headers, "mcp-session-id") == "session-2");
    CHECK(*find_header(upstream.calls[3].headers, "mcp-session-id") == "theirs");
  }
}

namespace {

json::object notice(std::string_view method, json::object params) {
  return {{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}};
}

// A server that reports while its tool works.
scripted_reply reporting(const json::object& message, std::string_view text) {
  const auto token = message.at("params").at("_meta").at("progressToken");
  std::string body;
  for (int i = 1; i <= 2; ++i)
    body += sse_message(
      notice("notifications/progress", {{"progressToken", token}, {"progress", i}, {"total", 2}}));
  body += sse_message(notice("notifications/progress", {{"progressToken", "x"}, {"progress", 9}}));
  body += sse_message(notice("notifications/message", {{"level", "info"}, {"data", text}}));
  body += sse_message(notice("notifications/tools/list_changed", {}));
  body += sse_message(rpc_result(message.at("id"), text_result("done")));
  return {200, {{"Content-Type", "text/event-stream"}}, body};
}

} // namespace

TEST_CASE("what a tool reports while it works is emitted, in order", "[connectors][mcp]") {
  for (std::size_t piece : {7u, 1u << 20}) {
    mcp_bench bench;
    bench.piece = piece;
    bench.server.on_tools = [](const outbound_call&, const json::object& message) {
      return reporting(message, "half way");
    };
    auto reply = bench.call("slow");
    REQUIRE(reply);
    CHECK(first_text(*reply) == "done");
    const std::vector<json::object> expected{
      {{"service", "up"}, {"progress", {{"progress", 1}, {"total", 2}}}},
      {{"service", "up"}, {"progress", {{"progress", 2}, {"total", 2}}}},
      {{"service", "up"}, {"log", {{"level", "info"}, {"data", "half way"}}}}};
    CHECK(bench.emitted == expected);
  }
}

TEST_CASE("what a tool reports is bounded, and says whose it is", "[connectors][mcp]") {
  mcp_bench bench;
  bench.server.on_tools = [](const outbound_call&, const json::object& message) {
    const auto token = message.at("params").at("_meta").at("progressToken");
    json::object first{{"progressToken", token}, {"progress", 1},      {"total", "many"},
                       {"type", "error"},        {"service", "other"}, {"tool_call_id", "theirs"}};
    first["message"] = std::string(100'000, 'x');
    json::object log{{"level", "info"}, {"data", {{"all", std::string(100'000, 'x')}}}};
    auto body = sse_message(notice("notifications/progress", first));
    body += sse_message(notice("notifications/message", log));
    for (int i = 0; i < 1'000; ++i)
      body +=
        sse_message(notice("notifications/progress", {{"progressToken", token}, {"progress", i}}));
    body += sse_message(rpc_result(message.at("id"), text_result("done")));
    return scripted_reply{200, {{"Content-Type", "text/event-stream"}}, body};
  };
  auto by = scripted_caller();
  by.reported_as = {{"tool_call_id", "call_1"}, {"name", "slow"}};
  REQUIRE(bench.call("slow", by));
  REQUIRE(bench.emitted.size() >= 20);
  CHECK(bench.emitted.size() < 500); // ten a second more
  CHECK(bench.emitted[0]
        == json::object{{"type", "progress"},
                        {"tool_call_id", "call_1"},
                        {"name", "slow"},
                        {"progress", 1},
                        {"message", std::string(1'000, 'x')},
                        {"service", "up"}});
  CHECK(bench.emitted[1]
        == json::object{{"type", "log"},
                        {"tool_call_id", "call_1"},
                        {"name", "slow"},
                        {"log", {{"level", "info"}}},
                        {"service", "up"}});
}
