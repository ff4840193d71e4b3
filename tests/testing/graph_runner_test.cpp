#include "behalf/chat_model.hpp"
#include "behalf/testing.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

result<std::shared_ptr<const graph>> one_node(node_coroutine_fn body, const char* channel = "out") {
  graph_builder b{"one"};
  b.channel(channel, flow::last_value());
  b.node("work", std::move(body));
  b.edge(flow::start, "work").edge("work", flow::end);
  return b.build();
}

coroutine<node_result> read_mail(state_view, context ctx) {
  auto mail = ctx.service("mail");
  auto listed = co_await mail.call_tool("list_unread");
  if (!listed)
    co_return listed.error();
  flow::update out;
  out.set("out", listed->body.at("structuredContent").at("count"));
  co_return out;
}

coroutine<node_result> ask_twice(state_view, context ctx) {
  auto first = co_await ctx.interrupt("first?");
  auto second = co_await ctx.interrupt("second?");
  flow::update out;
  out.set("out", json::array{first, second});
  co_return out;
}

coroutine<node_result> remember(state_view, context ctx) {
  auto store = ctx.store();
  auto ns = labels{ctx.identity()};
  auto known = co_await store.get(ns, "visits");
  auto visits = known ? known->value.at("n").as_int64() : 0;
  json::object next;
  next["n"] = visits + 1;
  auto kept = co_await store.put(ns, "visits", next);
  if (!kept)
    co_return kept.error();
  flow::update out;
  out.set("out", visits + 1);
  co_return out;
}

coroutine<node_result> answer(state_view, context ctx) {
  chat_request question{list(human("hi"))};
  question.system = "You are brief.";
  auto said = co_await ask_model(ctx, "main", std::move(question));
  if (!said)
    co_return said.error();
  flow::update out;
  out.set("out", std::move(*said));
  co_return out;
}

} // namespace

TEST_CASE("a tool answers what was scripted, the last answer again and again", "[testing]") {
  testing::graph_runner t{one_node(read_mail)};
  t.service("mail").answers("list_unread", {{"count", 1}}).answers("list_unread", {{"count", 2}});
  CHECK(t.run({}).state.at("out") == 1);
  CHECK(t.run({}).state.at("out") == 2);
  auto third = t.run({});
  CHECK_FALSE(third.error);
  CHECK(third.state.at("out") == 2);
  REQUIRE(third.data("updates").size() == 1);
  REQUIRE(t.calls().size() == 3);
  CHECK(t.calls()[0].service == "mail");
  CHECK(t.calls()[0].what == "list_unread");
}

TEST_CASE("a call that nobody scripted fails, and says what there is", "[testing]") {
  testing::graph_runner t{one_node(read_mail)};
  auto nothing = t.run({});
  REQUIRE(nothing.error);
  CHECK(nothing.error->message
        == "not scripted: list_unread; the test scripts no answers of 'mail'");
  t.service("mail").answers("POST /send", nullptr).answers("search", "none");
  auto others = t.run({});
  REQUIRE(others.error);
  CHECK(others.error->message == "not scripted: list_unread; 'mail' answers: POST /send, search");
}

TEST_CASE("a call fails as scripted", "[testing]") {
  testing::graph_runner t{one_node(read_mail)};
  error needs{errc::denied, "log in at mail", {}, "needs_auth"};
  t.service("mail").fails("list_unread", needs);
  auto out = t.run({});
  REQUIRE(out.error);
  CHECK(out.error->type == "needs_auth");
  CHECK(out.error->message == "log in at mail");
}

TEST_CASE("an HTTP request is answered by method and path, and its body is kept", "[testing]") {
  testing::graph_runner t{one_node([](state_view, context ctx) -> coroutine<node_result> {
    auto api = ctx.service("api");
    json::object body;
    body["id"] = 7;
    auto reply = co_await api.post("/done", body);
    if (!reply)
      co_return reply.error();
    flow::update out;
    out.set("out", reply->status);
    co_return out;
  })};
  t.service("api").answers("POST /done", nullptr, 204);
  CHECK(t.run({}).state.at("out") == 204);
  CHECK(t.calls().at(0).arguments.at("id") == 7);
}

TEST_CASE("interrupts end a run, and answers go on with it", "[testing]") {
  testing::graph_runner t{one_node(ask_twice)};
  auto first = t.run({});
  REQUIRE(first.interrupts.size() == 1);
  CHECK(first.interrupts[0] == "first?");
  CHECK(first.next == std::vector<std::string>{"work"});
  auto second = t.resume("a");
  REQUIRE(second.interrupts.size() == 1);
  CHECK(second.interrupts[0] == "second?");
  auto done = t.resume("b");
  CHECK(done.interrupts.empty());
  CHECK(done.state.at("out") == json::array{"a", "b"});
}

TEST_CASE("a breakpoint stops before a node, and the run goes on", "[testing]") {
  testing::graph_runner t{one_node(read_mail)};
  t.service("mail").answers("list_unread", {{"count", 1}});
  auto stopped = t.interrupt_before({"work"}).run({{"out", "given"}});
  CHECK(stopped.next == std::vector<std::string>{"work"});
  CHECK(stopped.state.at("out") == "given");
  CHECK(t.calls().empty());
  CHECK(t.interrupt_before({}).go_on().state.at("out") == 1);
}

TEST_CASE("the store keeps what nodes put, and what the test puts", "[testing]") {
  testing::graph_runner t{one_node(remember)};
  t.as("alice").store().put({"alice"}, "visits", {{"n", 41}});
  CHECK(t.run({}).state.at("out") == 42);
  REQUIRE(t.store().find({"alice"}, "visits"));
  CHECK(t.store().find({"alice"}, "visits")->at("n") == 42);
  CHECK(t.as("bob").run({}).state.at("out") == 1);
  CHECK(t.store().size() == 2);
}

TEST_CASE("the store refuses what the server's refuses", "[testing]") {
  auto refused = [](node_coroutine_fn body) {
    testing::graph_runner t{one_node(std::move(body))};
    auto done = t.run({});
    CHECK(t.store().size() == 0);
    return done.error ? done.error->message : "";
  };
  auto putting = [](labels ns, std::string key) {
    return [ns = std::move(ns).take(), key](state_view, context ctx) -> coroutine<node_result> {
      auto kept = co_await ctx.store().put(ns, key, {{"n", 1}});
      kept.value();
      co_return {};
    };
  };
  const auto* with_period = "Namespace label 'a@b.c' must be a non-empty string without periods";
  CHECK(refused(putting({"notes", "a@b.c"}, "k")) == with_period);
  CHECK(refused(putting("", "k"))
        == "Namespace label '' must be a non-empty string without periods");
  CHECK(refused(putting({}, "k")) == "Namespace cannot be empty.");
  CHECK(refused(putting("langgraph", "k")) == "Root label for namespace cannot be 'langgraph'");
  CHECK(refused(putting("notes", "")) == "Key is required");
  CHECK(refused([](state_view, context ctx) -> coroutine<node_result> {
          auto found = co_await ctx.store().search("notes").filter({{"n", {{"$in", list(1)}}}});
          found.value();
          co_return {};
        })
        == "Unsupported operator: $in");
  testing::graph_runner t{one_node(remember)};
  CHECK_THROWS_AS(t.store().put({"a.b"}, "k", {}), error_thrown);
}

TEST_CASE("a run has its configuration and its user", "[testing]") {
  testing::graph_runner t{one_node([](state_view, context ctx) -> coroutine<node_result> {
    flow::update out;
    json::array seen;
    seen.emplace_back(ctx.identity());
    seen.emplace_back(ctx.permitted("mail:read"));
    seen.push_back(ctx.configurable().at("model"));
    seen.push_back(ctx.run_context().at("tone"));
    out.set("out", std::move(seen));
    ctx.write("working");
    co_return out;
  })};
  t.as("alice", {"mail:read"}).configurable({{"model", "m"}}).context({{"tone", "kind"}});
  auto out = t.run({});
  CHECK(out.state.at("out") == json::array{"alice", true, "m", "kind"});
  CHECK(out.data("custom") == std::vector<json::value>{"working"});
}

TEST_CASE("a node sleeps without waiting", "[testing]") {
  testing::graph_runner t{one_node([](state_view, context ctx) -> coroutine<node_result> {
    co_await ctx.sleep(std::chrono::hours(3));
    co_return flow::update{{"out", "awake"}};
  })};
  CHECK(t.run({}).state.at("out") == "awake");
  CHECK(t.slept() == std::chrono::hours(3));
}

TEST_CASE("a call that is never answered runs into its time limit", "[testing]") {
  testing::graph_runner t{one_node([](state_view, context ctx) -> coroutine<node_result> {
    auto reply = co_await with_timeout(ctx.service("mail").get("/slow"), std::chrono::hours(1));
    auto other = co_await with_timeout(ctx.service("mail").get("/x"), std::chrono::hours(1));
    auto last = co_await ctx.service("mail").get("/slow");
    co_return flow::update{{"out", list(reply.error().message, other->body, last.error().message)}};
  })};
  t.service("mail").never_answers("GET /slow").answers("GET /x", "quick");
  auto done = t.run({});
  CHECK(done.state.at("out")
        == json::value(json::array{"not done within 3600000 ms", "quick", "never answered"}));
  CHECK(t.slept() == std::chrono::hours(1));
  CHECK(t.calls().size() == 3);
}

TEST_CASE("a graph that cannot be built says why", "[testing]") {
  CHECK_THROWS_WITH(testing::graph_runner{graph_builder{"empty"}.build()},
                    Catch::Contains("the graph 'empty' cannot be built"));
}

TEST_CASE("each run is one of the graph made for its configuration", "[testing]") {
  testing::graph_runner t{graph_factory{[](const context& ctx) {
    const std::string name(string_or(ctx.configurable(), "name", "default"));
    graph_builder b{"g"};
    b.channel("names", flow::append());
    b.node(name, [](const state_view&, context& c) -> node_result {
      return flow::update{{"names", list(c.node(), c.identity())}};
    });
    b.edge(flow::start, name);
    return b.build();
  }}};
  CHECK(t.run({}).state.at("names") == json::value(json::array{"default", ""}));
  t.as("alice").configurable({{"name", "other"}});
  CHECK(t.run({}).state.at("names") == json::value(json::array{"default", "", "other", "alice"}));
  t.configurable({{"name", "a|b"}});
  auto refused = t.run({});
  REQUIRE(refused.error);
  CHECK(refused.error->type == "ValueError");
}

TEST_CASE("the graph of a library runs as it was built", "[testing]") {
  const std::string library = std::string(BEHALF_TEST_PLUGINS) + "/libsample_plugin.so";
  testing::graph_runner greeter{testing::load_graph(library, "greeter")};
  greeter.service("names").answers("GET /me", "bob");
  CHECK(greeter.run({{"name", "bob"}}).state.at("text") == "hi bob");
  CHECK(testing::load_graph("/nowhere/lib.so", "x").has_error());
  CHECK(testing::load_graph(library, "x").error().message.ends_with("there are: greeter"));
}

TEST_CASE("a chat model answers in order, and keeps what it was asked", "[testing]") {
  testing::graph_runner t{one_node(answer)};
  auto& model = t.model("main");
  model.calls({{"add", {{"a", 1}}}, {"now", {}}, {"add", "{\"a\": "}}).says("Hello you two");
  auto asked = t.run({});
  REQUIRE_FALSE(asked.error);
  const auto& first = asked.state.at("out");
  CHECK(tool_calls_of(first)
        == list(tool_call("call_1", "add", {{"a", 1}}), tool_call("call_2", "now")));
  REQUIRE(first.at("invalid_tool_calls").as_array().size() == 1);
  CHECK(first.at("invalid_tool_calls").at(0).at("args") == "{\"a\": ");
  for (auto i = 0; i < 2; ++i) {
    auto said = t.run({});
    REQUIRE_FALSE(said.error);
    CHECK(text_of(said.state.at("out")) == "Hello you two");
    const auto shown = said.data("messages");
    REQUIRE(shown.size() > 3);
    CHECK(text_of(shown[0].at(0)) == "Hello ");
    CHECK(text_of(shown[1].at(0)) == "you ");
  }
  REQUIRE(model.asked().size() == 3);
  const auto& body = model.asked()[0];
  CHECK(body.at("model") == "main");
  CHECK(body.at("messages").at(0).at("content") == "You are brief.");
  CHECK(body.at("messages").at(1).at("content") == "hi");
}

TEST_CASE("a chat model fails as scripted, and at once", "[testing]") {
  testing::graph_runner t{one_node(answer)};
  auto unknown = t.run({});
  REQUIRE(unknown.error);
  CHECK(unknown.error->message == "there is no model 'main'");
  auto& model = t.model("main");
  auto silent = t.run({});
  REQUIRE(silent.error);
  CHECK(silent.error->message == "the test scripts no answers of model 'main'");
  error busy{errc::upstream, "busy", {}, "model_overloaded"};
  model.fails(busy).says("back");
  CHECK(t.run({}).error->type == "model_overloaded");
  CHECK(text_of(t.run({}).state.at("out")) == "back");
}
