// Every form a person writes inside co_await: with braces, chains, temporaries. That each compiles
// is half of the test; the address sanitizer sees the other half, on both compilers.
#include "behalf/plugin.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/graph_pieces.hpp"

#include <map>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

json::value js(std::string_view text) {
  return json::parse({text.data(), text.size()});
}

// Long enough to be on the heap, where a second destruction shows.
const std::string long_text(60, 'x');

// Runs a coroutine to its end, answering everything by `{}`-like replies; gives what it asked.
std::vector<effect> asked_by(coroutine<node_result> body) {
  std::vector<effect> all;
  std::vector<asked_effect> open;
  auto machine = coroutine_node(std::move(body));
  state_view none;
  auto ctx = some_context();
  auto now = machine->start({none, ctx});
  for (;;) {
    if (auto* result = std::get_if<node_result>(&now)) {
      CHECK_FALSE(result->failure());
      return all;
    }
    for (auto& one : std::get<std::vector<asked_effect>>(now))
      if (std::holds_alternative<withdraw>(one.what))
        std::erase_if(open, [&](const asked_effect& asked) { return asked.id == one.id; });
      else
        open.push_back(std::move(one));
    REQUIRE_FALSE(open.empty());
    auto one = std::move(open.front());
    open.erase(open.begin());
    effect_reply reply = std::monostate{};
    if (std::holds_alternative<service_call>(one.what))
      reply = service_reply{};
    else if (std::holds_alternative<store_operation>(one.what))
      reply = store_reply{{stored_item{{"a"}, "k", {{"v", 1}}}}};
    else if (std::holds_alternative<read_chunk>(one.what))
      reply = outbound_chunk{"bytes", true};
    all.push_back(std::move(one.what));
    now = machine->resume(one.id, std::move(reply));
  }
}

const store_put& put_of(const effect& e) {
  return std::get<store_put>(std::get<store_operation>(e));
}
const http_operation& http_of(const effect& e) {
  return std::get<http_operation>(std::get<service_call>(e).operation);
}

coroutine<node_result> store_forms(context ctx) {
  std::string user = long_text;
  std::vector<std::string> ns{"a", user};
  co_await ctx.store().put({"a", "b"}, "k", {{"x", 1}});
  co_await ctx.store().put({"notes", user}, "k", {{"text", user}, {"nested", {{"deep", user}}}});
  co_await ctx.store().put("alone", "k", {{"list", list(1, user, true)}}).ttl(30min);
  co_await ctx.store().put(ns, "k", json::object{});
  auto got = co_await ctx.store().get({"a", user}, "k");
  auto removed = co_await ctx.store().del({"a"}, "k");
  auto found =
    co_await ctx.store().search({"a", user}).filter({{"done", false}}).limit(5).offset(2);
  auto all = co_await ctx.store().search({});
  if (!got || !removed || !found || !all)
    co_return fail(errc::internal, "the store failed");
  co_return flow::update{{"got", got->value}, {"found", found->size()}};
}

coroutine<node_result> service_forms(context ctx) {
  std::string user = long_text;
  auto mail = ctx.service("mail");
  co_await mail.get("/messages?of=" + user);
  co_await mail.post("/done", {{"ids", list("1", "2")}, {"by", user}});
  co_await mail.post("/ping", nullptr);
  co_await mail.put("/x", {});
  co_await mail.patch("/x", user);
  co_await mail.request("REPORT", "/x").header("If-Match", user).body({{"a", {{"b", user}}}});
  co_await mail.call_tool("search", {{"query", user}, {"limit", 5}});
  co_await mail.call_tool("ping");
  co_await mail.call_tool("ping", {});
  co_await ctx.service("other").call_tool("search", {{"query", user}});
  auto body = co_await mail.request("POST", "/export").body({{"all", true}}).stream();
  if (!body)
    co_return body.error();
  auto part = co_await body->next();
  co_await body->close();
  co_return flow::update{{"part", part->bytes}};
}

coroutine<int> doubled(int n) {
  co_return 2 * n;
}

coroutine<std::string> joined(std::map<std::string, std::string> all, std::string with) {
  std::string text;
  for (const auto& [key, value] : all)
    text += key + with + value;
  co_return text;
}

template <class F>
coroutine<std::string> called(F f) {
  co_return f();
}

coroutine<node_result> other_forms(context ctx) {
  std::string user = long_text;
  auto first = co_await ctx.interrupt({{"question", "ok?"}, {"of", {{"user", user}}}});
  auto second = co_await ctx.interrupt("i want to interrupt");
  co_await ctx.sleep(5s);
  co_await ctx.sleep(1.5ms);
  auto by_reference = co_await called([&] { return user + "!"; });
  auto at_once = co_await [&]() -> coroutine<std::string> { co_return user + "?"; }();
  auto text = co_await joined(std::map<std::string, std::string>{}, "=" + user);
  auto nested = co_await doubled(co_await doubled(1));
  ctx.write({{"step", "done"}, {"as", user}});
  flow::update out{{"one", first}, {"nested", nested}};
  out.set("texts", list(by_reference, at_once, text)).set("object", {{"user", user}});
  co_return out;
}

coroutine<result<std::string>> subject_of(context ctx, std::string id) {
  auto reply = co_await ctx.service("mail").get("/messages/" + id);
  co_return id + std::to_string(reply->status);
}

coroutine<node_result> first_forms(context ctx) {
  std::string user = long_text;
  auto mail = ctx.service("mail");
  auto [answer, hour] =
    co_await when_all(with_timeout(mail.post("/a", {{"by", user}}), 2s), // inside another
                      with_timeout(subject_of(ctx, user), 1h));
  auto put = co_await with_timeout(ctx.store().put({"a", user}, "k", {{"x", user}}).ttl(30min), 1s);
  auto count = co_await with_timeout(doubled(2), 10ms);
  auto first = co_await when_any(mail.call_tool("search", {{"query", user}}), ctx.sleep(5s),
                                 subject_of(ctx, user));
  std::vector<service_request> calls;
  for (const auto* path : {"/1", "/2"})
    calls.push_back(mail.get(path));
  auto fastest = co_await when_any(std::move(calls));
  if (!answer || !hour || !put || count.value() != 4 || first.index() != 0 || fastest.index != 0)
    co_return fail(errc::internal, "not what was asked");
  co_return {};
}

coroutine<node_result> several_forms(context ctx) {
  std::string user = long_text;
  auto mail = ctx.service("mail");
  auto [a, b, c] =
    co_await when_all(mail.call_tool("search", {{"query", user}}), // on three lines
                      subject_of(ctx, user), ctx.store().put({"a", user}, "k", {{"x", user}}));
  std::vector<service_request> calls;
  for (const auto* path : {"/1", "/2", "/3"})
    calls.push_back(mail.get(path));
  auto replies = co_await when_all(std::move(calls), 2);
  std::vector<coroutine<result<std::string>>> tasks;
  tasks.push_back(subject_of(ctx, "7"));
  tasks.push_back(subject_of(ctx, "8"));
  auto subjects = co_await when_all(std::move(tasks));
  if (!a || !b || !c || replies.size() != 3 || *subjects[1] != "8200")
    co_return fail(errc::internal, "not what was asked");
  co_return {};
}

} // namespace

TEST_CASE("labels and objects in braces reach the store", "[graph]") {
  auto asked = asked_by(store_forms(some_context()));
  REQUIRE(asked.size() == 8);
  CHECK(put_of(asked[0]).ns == std::vector<std::string>{"a", "b"});
  CHECK(put_of(asked[0]).value == js(R"({"x": 1})"));
  CHECK(put_of(asked[1]).ns == std::vector<std::string>{"notes", long_text});
  CHECK(put_of(asked[1]).value.at("nested").at("deep") == json::value(long_text));
  CHECK(put_of(asked[2]).value.at("list") == json::value(json::array{1, long_text, true}));
  CHECK(put_of(asked[2]).ttl_minutes == 30);
  CHECK(put_of(asked[3]).ns == std::vector<std::string>{"a", long_text});
  auto search = std::get<store_search>(std::get<store_operation>(asked[6]));
  CHECK(search.prefix.size() == 2);
  CHECK((search.filter == js(R"({"done": false})") && search.limit == 5 && search.offset == 2));
  CHECK(std::get<store_search>(std::get<store_operation>(asked[7])).prefix.empty());
}

TEST_CASE("bodies, header fields and tool arguments in braces reach a service", "[graph]") {
  auto asked = asked_by(service_forms(some_context()));
  REQUIRE(asked.size() == 13);
  CHECK(http_of(asked[0]).path == "/messages?of=" + long_text);
  CHECK_FALSE(http_of(asked[0]).body);
  CHECK(http_of(asked[1]).body->at("ids") == json::value(json::array{"1", "2"}));
  CHECK(http_of(asked[2]).body->is_null());
  CHECK(*http_of(asked[3]).body == json::value(json::object{}));
  CHECK(*http_of(asked[4]).body == json::value(long_text));
  CHECK((http_of(asked[5]).method == "REPORT" && http_of(asked[5]).headers[0].second == long_text));
  CHECK(http_of(asked[5]).body->at("a").at("b") == json::value(long_text));
  auto arguments = [&](std::size_t i) {
    return std::get<call_tool_operation>(std::get<service_call>(asked[i]).operation).arguments;
  };
  CHECK((arguments(6).at("query") == json::value(long_text) && arguments(6).at("limit") == 5));
  CHECK((arguments(7).empty() && arguments(8).empty()));
  CHECK(http_of(asked[10]).stream);
}

TEST_CASE("questions, sleep, lambdas by reference and tasks can be awaited in place", "[graph]") {
  auto asked = asked_by(other_forms(some_context({true, "yes"})));
  REQUIRE(asked.size() == 2);
  CHECK(std::get<sleep_for>(asked[0]).time == 5s);
  CHECK(std::get<sleep_for>(asked[1]).time == 2ms); // whole milliseconds, never less
  auto first = coroutine_node(other_forms(some_context()));
  state_view none;
  auto ctx = some_context();
  auto stopped = std::get<node_result>(first->start({none, ctx}));
  CHECK(std::get<flow::interrupt>(stopped.value).value.at("of").at("user")
        == json::value(long_text));
}

TEST_CASE("several calls written in one co_await are all asked", "[graph]") {
  CHECK(asked_by(several_forms(some_context())).size() == 8);
}

TEST_CASE("the first of several, and a time limit, can be awaited in place", "[graph]") {
  CHECK(asked_by(first_forms(some_context())).size() == 5); // the rest was taken back
}

TEST_CASE("an authenticate handler words its request in place", "[graph]") {
  auto request = std::make_shared<auth_request>();
  auto call = auth_context{request}
                .fetch("idp", "https://idp.example/me")
                .method("POST")
                .header("Accept", long_text)
                .body(long_text)
                .timeout(2s)
                .as_caller();
  const auto& out = std::get<outbound_call>(call.what());
  CHECK((out.service == "idp" && out.url == "https://idp.example/me" && out.method == "POST"));
  CHECK((out.body == long_text && out.headers.size() == 1 && out.timeout == 2s));
  CHECK(out.handle.id == outbound_request::caller_handle);
}

TEST_CASE("JSON in braces is an object of its members", "[graph]") {
  auto value = [](json_arg v) { return std::move(v).take(); };
  CHECK(value({{"a", 1}, {"b", nullptr}}) == js(R"({"a": 1, "b": null})"));
  CHECK(value({{"a", "b"}}) == js(R"({"a": "b"})"));
  CHECK(value({{"a", {{"b", {{"c", list()}}}}}}) == js(R"({"a": {"b": {"c": []}}})"));
  CHECK(value({}) == js("{}"));
  CHECK(value(std::string("text")) == "text");
  CHECK(value(std::string_view("text")) == "text");
  CHECK(value(list(1, list(2), json::object{})) == js("[1, [2], {}]"));
  CHECK(value(std::size_t{3}) == 3);
  CHECK(value({{"1", 1},
               {"2", 2},
               {"3", 3},
               {"4", 4},
               {"5", 5},
               {"6", 6},
               {"7", 7},
               {"8", 8},
               {"9", 9},
               {"10", 10},
               {"11", 11},
               {"12", 12}})
          .as_object()
          .size()
        == 12);
}
