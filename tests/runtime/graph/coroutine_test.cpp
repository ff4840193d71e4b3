// The coroutine front: what authors write, driven by hand. Compiles the safe uses; the address
// sanitizer checks that nothing in them is destroyed twice.
#include "behalf/context.hpp"
#include "behalf/coroutine.hpp"
#include "behalf/plugin.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/task_facts.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/graph_pieces.hpp"

#include <deque>

using namespace behalf;

namespace {

json::value js(std::string_view text) {
  return json::parse({text.data(), text.size()});
}

// Drives a node over scripted replies and records what it asked.
struct script {
  std::deque<effect_reply> replies;
  std::vector<effect> asked;
  std::vector<json::value> written;

  node_result run(coroutine<node_result> body) {
    auto machine = coroutine_node(std::move(body));
    state_view none;
    auto facts = std::make_shared<task_facts>();
    context ctx{facts};
    auto now = machine->start({none, ctx});
    while (auto* wanted = std::get_if<std::vector<asked_effect>>(&now)) {
      REQUIRE(wanted->size() == 1);
      asked.push_back(std::move(wanted->front().what));
      REQUIRE_FALSE(replies.empty());
      auto reply = std::move(replies.front());
      replies.pop_front();
      now = machine->resume(wanted->front().id, std::move(reply));
    }
    return std::get<node_result>(std::move(now));
  }
};

service_reply body(json::value v) {
  service_reply r;
  r.body = std::move(v);
  return r;
}

service_reply head(uint64_t stream_id) {
  service_reply r;
  r.stream_id = stream_id;
  return r;
}

const json::object& values(const node_result& r) {
  return std::get<flow::update>(r.value).values;
}

coroutine<result<std::string>> subject_of(context ctx, std::string id) {
  auto reply = co_await ctx.service("mail").get("/api/messages/" + id);
  if (!reply)
    co_return reply.error();
  co_return std::string(reply->body.at("subject").as_string());
}

coroutine<node_result> mail_node(context ctx) {
  auto mail = ctx.service("mail");
  json::object arguments{{"limit", 2}};
  auto tools = co_await mail.list_tools();
  auto listed = co_await mail.call_tool("list_unread", arguments);
  auto direct = co_await ctx.service("mail").call_tool("ping");
  if (!tools || !listed || !direct)
    co_return fail(errc::upstream, "the mail service failed");
  auto first = co_await subject_of(ctx, "1"); // one inside another
  if (!first)
    co_return first.error();
  json::object done{{"ids", json::array{1}}};
  auto marked = co_await mail.post("/api/done", done);
  ctx.write("progress");
  co_return flow::update{{"first", *first}, {"status", marked->status}};
}

coroutine<node_result> stream_node(context ctx) {
  auto opened = co_await ctx.service("mail").open("/api/stream");
  if (!opened)
    co_return opened.error();
  std::string all;
  for (bool last = false; !last;) {
    auto part = co_await opened->next();
    if (!part)
      co_return part.error();
    all += part->bytes;
    last = part->last;
  }
  co_await opened->close();
  co_return flow::update{{"all", all}};
}

coroutine<node_result> store_node(context ctx) {
  std::vector<std::string> ns{"memories", "alice"};
  json::object value{{"text", "hi"}};
  auto put = co_await ctx.store().put(ns, "k", value);
  auto got = co_await ctx.store().get(ns, "k");
  auto gone = co_await ctx.store().get(ns, "other");
  auto found = co_await ctx.store().search("memories");
  auto removed = co_await ctx.store().del(ns, "k");
  if (!put || !got || gone || !found || !removed)
    co_return fail(errc::internal, "the store failed");
  co_return flow::update{{"text", got->value.at("text")}, {"found", found->size()}};
}

coroutine<node_result> throws_late(context ctx) {
  auto reply = co_await ctx.service("x").get("/");
  throw std::invalid_argument("bad value");
}

struct custom_error : std::runtime_error {
  using runtime_error::runtime_error;
};
struct opaque_error {};

coroutine<node_result> throws_own(context) {
  throw custom_error("Boo!");
  co_return {};
}

coroutine<node_result> throws_opaque(context) {
  throw opaque_error{};
  co_return {};
}

coroutine<node_result> asks_twice(context ctx) {
  auto one = co_await ctx.interrupt("one");
  json::object question{{"n", 2}};
  auto two = co_await ctx.interrupt(question);
  co_return flow::update{{"answers", json::array{one, two}}};
}

// clang warns of these; g++ says nothing.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"
coroutine<result<int>> ends_open(context ctx, bool answers) {
  co_await ctx.service("s").get("/");
  if (answers)
    co_return 1;
}

coroutine<node_result> awaits_open(context ctx) {
  auto n = co_await ends_open(ctx, false);
  co_return flow::update{{"n", *n}};
}

coroutine<node_result> node_ends_open(context ctx) {
  co_await ctx.service("s").get("/");
  if (ctx.attempt() < 0)
    co_return {};
}
#pragma GCC diagnostic pop

coroutine<node_result> awaits_twice(context ctx) {
  auto subject = subject_of(ctx, "1");
  co_await subject;
  co_await subject;
  co_return {};
}

coroutine<node_result> awaits_moved(context ctx) {
  auto subject = subject_of(ctx, "1");
  auto elsewhere = std::move(subject);
  co_await subject; // NOLINT(bugprone-use-after-move): that is the test
  co_return {};
}

coroutine<node_result> gathers_moved(context ctx) {
  auto subject = subject_of(ctx, "1");
  auto other = subject_of(ctx, "2");
  // NOLINTNEXTLINE(bugprone-use-after-move): that is the test
  co_await when_all(std::move(other), std::move(subject), std::move(subject));
  co_return {};
}

coroutine<node_result> calls_twice(context ctx) {
  auto call = ctx.store().get({"a"}, "k");
  co_await call;
  co_await call;
  co_return {};
}

coroutine<void> ping(context ctx, bool well) {
  co_await ctx.service("s").get("/ping");
  if (!well)
    throw std::invalid_argument("not well");
}

coroutine<node_result> pings(context ctx, bool well) {
  co_await ping(ctx, true);
  co_await when_all(ping(ctx, true), ping(ctx, well));
  co_return flow::update{{"pinged", 3}};
}

// Tells when it is destroyed.
struct tracer {
  int* ended;
  explicit tracer(int* e) : ended(e) {}
  tracer(const tracer&) = delete;
  ~tracer() { ++*ended; }
};

coroutine<node_result> holds(context ctx, int* ended) {
  tracer mine{ended};
  auto reply = co_await subject_of(ctx, "9");
  co_return {};
}

} // namespace

TEST_CASE("a coroutine asks one thing at a time and goes on with the answer", "[graph]") {
  script s;
  s.replies = {body(js(R"({"tools": []})")), body(js(R"({"content": []})")), body(js("{}")),
               body(js(R"({"subject": "lunch"})")), body(nullptr)};
  auto ended = s.run(mail_node(some_context()));
  CHECK(values(ended) == js(R"({"first": "lunch", "status": 200})"));
  REQUIRE(s.asked.size() == 5);
  auto call = [&](std::size_t i) { return std::get<service_call>(s.asked[i]); };
  CHECK(std::holds_alternative<list_tools_operation>(call(0).operation));
  auto tool = std::get<call_tool_operation>(call(1).operation);
  CHECK((tool.name == "list_unread" && tool.arguments == js(R"({"limit": 2})")));
  CHECK(std::get<http_operation>(call(3).operation).path == "/api/messages/1");
  auto post = std::get<http_operation>(call(4).operation);
  CHECK((post.method == "POST" && *post.body == js(R"({"ids": [1]})")));
  CHECK(call(4).service == "mail");
}

TEST_CASE("an error reaches the coroutine, through the tasks it awaits", "[graph]") {
  script s;
  s.replies = {body(nullptr), body(nullptr), body(nullptr), fail(errc::denied, "no grant")};
  auto ended = s.run(mail_node(some_context()));
  REQUIRE(ended.failure());
  CHECK(ended.failure()->message == "no grant");
}

TEST_CASE("a streamed body is pulled part by part", "[graph]") {
  script s;
  s.replies = {head(7), outbound_chunk{"ab", false}, outbound_chunk{"c", true}, std::monostate{}};
  CHECK(values(s.run(stream_node(some_context()))) == js(R"({"all": "abc"})"));
  CHECK(std::get<http_operation>(std::get<service_call>(s.asked[0]).operation).stream);
  CHECK(std::get<read_chunk>(s.asked[1]).stream_id == 7);
  CHECK(std::get<close_stream>(s.asked[3]).stream_id == 7);
}

TEST_CASE("the store answers items, pages and nothing", "[graph]") {
  stored_item item{{"memories", "alice"}, "k", js(R"({"text": "hi"})").as_object()};
  script s;
  s.replies = {store_reply{}, store_reply{{item}}, store_reply{}, store_reply{{item, item}},
               store_reply{}};
  CHECK(values(s.run(store_node(some_context()))) == js(R"({"text": "hi", "found": 2})"));
  auto put = std::get<store_put>(std::get<store_operation>(s.asked[0]));
  CHECK((put.key == "k" && put.ns.size() == 2));
}

TEST_CASE("a wrong kind of answer is an error and no crash", "[graph]") {
  script s;
  s.replies = {outbound_chunk{}};
  auto ended = s.run(stream_node(some_context()));
  REQUIRE(ended.failure());
  CHECK(ended.failure()->code == errc::internal);
}

TEST_CASE("an exception becomes the error SDKs know", "[graph]") {
  script s;
  s.replies = {body(nullptr)};
  auto value = s.run(throws_late(some_context()));
  REQUIRE(value.failure());
  CHECK((value.failure()->kind == "ValueError" && value.failure()->message == "bad value"));
  auto own = s.run(throws_own(some_context()));
  CHECK((own.failure()->kind == "custom_error" && own.failure()->message == "Boo!"));
  auto opaque = s.run(throws_opaque(some_context()));
  CHECK(opaque.failure()->kind == "opaque_error");
  CHECK(opaque.failure()->message == "An internal error occurred");
}

TEST_CASE("a coroutine that ends without co_return is an error of its node", "[graph]") {
  for (auto* open : {awaits_open, node_ends_open}) {
    script s;
    s.replies = {body(nullptr)};
    auto ended = s.run(open(some_context()));
    REQUIRE(ended.failure());
    CHECK(ended.failure()->message == "a coroutine ended without co_return");
  }
}

TEST_CASE("a result that is used without a look at its error ends the node with it", "[graph]") {
  auto by_arrow = [](context ctx) -> coroutine<node_result> {
    auto reply = co_await ctx.service("s").get("/");
    co_return flow::update{{"status", reply->status}};
  };
  auto by_star = [](context ctx) -> coroutine<node_result> {
    auto reply = co_await ctx.service("s").get("/");
    service_reply copied = *reply;
    co_return flow::update{{"status", copied.status}};
  };
  for (auto use : {+by_arrow, +by_star}) {
    script s;
    s.replies = {fail(errc::upstream, "down")};
    auto ended = s.run(use(some_context()));
    REQUIRE(ended.failure());
    CHECK((ended.failure()->code == errc::upstream && ended.failure()->message == "down"));
  }
}

TEST_CASE("what is awaited twice, or after a move, is an error of its node", "[graph]") {
  auto failure_of = [](coroutine<node_result> what, std::deque<effect_reply> replies) {
    script s;
    s.replies = std::move(replies);
    auto ended = s.run(std::move(what));
    REQUIRE(ended.failure());
    return ended.failure()->message;
  };
  auto reply = [] { return body(js(R"({"subject": "lunch"})")); };
  CHECK(failure_of(awaits_twice(some_context()), {reply()})
        == "a coroutine was awaited twice; call it again instead");
  CHECK(failure_of(awaits_moved(some_context()), {})
        == "a coroutine was awaited that had been moved elsewhere");
  CHECK(failure_of(gathers_moved(some_context()), {})
        == "a coroutine was awaited that had been moved elsewhere");
  CHECK(failure_of(calls_twice(some_context()), {store_reply{}})
        == "a call was awaited twice; make it again instead");
}

TEST_CASE("a coroutine may end with nothing", "[graph]") {
  auto run = [](bool well) {
    auto machine = coroutine_node(pings(some_context(), well));
    state_view none;
    auto ctx = some_context();
    auto now = machine->start({none, ctx});
    std::deque<asked_effect> open;
    for (;;) {
      if (auto* ended = std::get_if<node_result>(&now))
        return std::move(*ended);
      for (auto& one : std::get<std::vector<asked_effect>>(now))
        open.push_back(std::move(one));
      REQUIRE_FALSE(open.empty());
      auto id = open.front().id;
      open.pop_front();
      now = machine->resume(id, body(nullptr));
    }
  };
  CHECK(values(run(true)) == js(R"({"pinged": 3})"));
  REQUIRE(run(false).failure());
  CHECK(run(false).failure()->message == "not well");
}

TEST_CASE("an interrupt without an answer ends the turn with its question", "[graph]") {
  script s;
  auto first = s.run(asks_twice(some_context()));
  CHECK(std::get<flow::interrupt>(first.value).value == "one");
  auto second = s.run(asks_twice(some_context({1})));
  CHECK(std::get<flow::interrupt>(second.value).value == js(R"({"n": 2})"));
  auto both = s.run(asks_twice(some_context({1, 2})));
  CHECK(values(both) == js(R"({"answers": [1, 2]})"));
}

TEST_CASE("dropping a waiting coroutine ends everything in it", "[graph]") {
  int ended = 0;
  {
    auto machine = coroutine_node(holds(some_context(), &ended));
    state_view none;
    auto ctx = some_context();
    auto now = machine->start({none, ctx});
    REQUIRE(std::holds_alternative<std::vector<asked_effect>>(now));
    CHECK(ended == 0);
  }
  CHECK(ended == 1);
}

TEST_CASE("a coroutine never started is dropped quietly", "[graph]") {
  int ended = 0;
  { auto unused = holds(some_context(), &ended); }
  CHECK(ended == 0);
}

TEST_CASE("a lambda coroutine keeps its captures while it runs", "[graph]") {
  graph_builder b{"g"};
  b.channel("x", flow::last_value());
  std::string captured(100, 'c');
  b.node("n", [captured](state_view, context ctx) -> coroutine<node_result> {
    auto reply = co_await ctx.service("s").get("/");
    co_return flow::update{{"x", captured}};
  });
  b.edge(flow::start, "n");
  auto flow = b.build().value();
  auto machine = flow->find("n")->make();
  state_view none;
  auto ctx = some_context();
  auto now = machine->start({none, ctx});
  REQUIRE(std::holds_alternative<std::vector<asked_effect>>(now));
  auto id = std::get<std::vector<asked_effect>>(now).at(0).id;
  now = machine->resume(id, body(nullptr));
  CHECK(values(std::get<node_result>(now)).at("x") == json::value(captured));
  CHECK(std::get<node_result>(machine->resume(id, body(nullptr))).failure());
}

TEST_CASE("a coroutine may take what a node is given by reference", "[graph]") {
  graph_builder b{"g"};
  b.channel("x", flow::last_value());
  b.node("n", [](const state_view& state, context& ctx) -> coroutine<node_result> {
    co_await ctx.service("s").get("/");
    co_return flow::update{{"x", state.text("said")}, {"by", ctx.identity()}};
  });
  b.edge(flow::start, "n");
  auto flow = b.build().value();
  auto machine = flow->find("n")->make();
  auto now = [&] { // what it starts from is gone when it goes on
    state_view said{js(R"({"said": "a text that is too long to be kept inside of its string"})")};
    auto ctx = some_context();
    return machine->start({said, ctx});
  }();
  now = machine->resume(std::get<std::vector<asked_effect>>(now).at(0).id, body(nullptr));
  CHECK(values(std::get<node_result>(now)).at("x")
        == "a text that is too long to be kept inside of its string");
}

TEST_CASE("an authenticate handler calls out and answers who it is", "[graph]") {
  authenticate_fn handler = [](auth_context ctx) -> coroutine<result<auth_answer>> {
    if (ctx.request().bearer().empty())
      co_return fail(errc::unauthenticated, "log in first", "WWW-Authenticate", "Bearer");
    auto reply = co_await ctx.fetch("idp", "https://idp.example/me");
    if (!reply)
      co_return reply.error();
    auth_answer who;
    who.identity = reply->body;
    who.secret_fields.emplace("mail_token", wiped_string{"s3cret"});
    co_return who;
  };
  auto request = std::make_shared<auth_request>();
  auto anonymous = handler(auth_context{request}); // a copy: it takes it by value
  anonymous.start();
  REQUIRE(anonymous.done());
  CHECK(anonymous.take().error().headers.size() == 1);

  request = std::make_shared<auth_request>();
  request->authorization = wiped_string{"Bearer abc"};
  CHECK(request->bearer() == "abc");
  auto known = handler(auth_context{request});
  known.start();
  REQUIRE_FALSE(known.done());
  auto asked = known.slot().take_asked();
  REQUIRE(asked.size() == 1);
  CHECK(std::get<outbound_call>(asked[0].what).service == "idp");
  outbound_reply reply;
  reply.body = "alice";
  known.resume(asked[0].id, reply);
  REQUIRE(known.done());
  auto who = known.take();
  REQUIRE(who);
  CHECK(who->identity == "alice");
  CHECK(who->secret_fields.at("mail_token").view() == "s3cret");
}
