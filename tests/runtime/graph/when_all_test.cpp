// Several calls and tasks of one node side by side.
#include "behalf/context.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/graph_pieces.hpp"

#include <chrono>
#include <utility>

using namespace behalf;

namespace {

// A node whose asks wait until the test answers them.
struct held_node {
  std::unique_ptr<node> machine;
  std::vector<asked_effect> open;
  std::size_t taken_back = 0;
  std::optional<node_result> ended;

  explicit held_node(coroutine<node_result> body) : machine(coroutine_node(std::move(body))) {
    state_view none;
    auto ctx = some_context();
    take(machine->start({none, ctx}));
  }
  void take(turn now) {
    if (auto* result = std::get_if<node_result>(&now))
      ended = std::move(*result);
    else
      for (auto& one : std::get<std::vector<asked_effect>>(now))
        if (std::holds_alternative<withdraw>(one.what))
          taken_back += std::erase_if(open, [&](const auto& asked) { return asked.id == one.id; });
        else
          open.push_back(std::move(one));
  }
  std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const auto& one : open)
      if (const auto* call = std::get_if<service_call>(&one.what))
        all.push_back(std::get<http_operation>(call->operation).path);
      else
        all.push_back("sleep " + std::to_string(std::get<sleep_for>(one.what).time.count()));
    return all;
  }
  void answer(std::size_t i, effect_reply reply) {
    auto id = open.at(i).id;
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    take(machine->resume(id, std::move(reply)));
  }
  const json::object& values() const { return std::get<flow::update>(ended->value).values; }
};

service_reply status(unsigned code) {
  service_reply r;
  r.status = code;
  return r;
}

using texts = std::vector<std::string>;

coroutine<unsigned> twice(context ctx, std::string path) {
  auto first = co_await ctx.service("s").get(path + "/first");
  auto second = co_await ctx.service("s").get(path + "/second");
  co_return (first ? first->status : 0) + (second ? second->status : 0);
}

coroutine<node_result> pair_of(context ctx) {
  auto [one, sum] = co_await when_all(ctx.service("s").get("/one"), twice(ctx, "/two"));
  co_return flow::update{{"one", one ? one->status : 0}, {"sum", sum}};
}

coroutine<node_result> many(context ctx, int count, std::size_t at_once) {
  std::vector<service_request> calls;
  for (int i = 0; i < count; ++i)
    calls.push_back(ctx.service("s").get("/" + std::to_string(i)));
  auto replies = co_await when_all(std::move(calls), at_once);
  json::array all;
  for (const auto& r : replies)
    all.push_back(r ? json::value(r->status) : json::value(r.error().message));
  co_return flow::update{{"all", all}};
}

coroutine<int> throws(context ctx) {
  co_await ctx.service("s").get("/throws");
  throw std::out_of_range("'x'");
}

coroutine<int> counts(int n) {
  co_return n;
}

// Counts the coroutines that have ended, however they did.
class leaving {
public:
  explicit leaving(int& count) : count_(&count) {}
  leaving(leaving&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  ~leaving() {
    if (count_)
      ++*count_;
  }

private:
  int* count_;
};

coroutine<unsigned> call_all(context ctx, leaving) {
  auto both = co_await when_all(ctx.service("s").get("/b1"), twice(ctx, "/b2"));
  co_return std::get<1>(both);
}

coroutine<unsigned> call_twice(context ctx, std::string path, leaving) {
  co_return co_await twice(ctx, path);
}

coroutine<node_result> race(context ctx, int& left) {
  auto first = co_await when_any(call_twice(ctx, "/a", leaving{left}), call_all(ctx, leaving{left}),
                                 ctx.service("s").get("/c"));
  auto left_by_then = left;
  auto after = co_await ctx.service("s").get("/after");
  co_return flow::update{
    {"first", first.index()}, {"left", left_by_then}, {"after", after->status}};
}

coroutine<node_result> first_of_list(context ctx, int count) {
  std::vector<service_request> calls;
  for (int i = 0; i < count; ++i)
    calls.push_back(ctx.service("s").get("/" + std::to_string(i)));
  auto first = co_await when_any(std::move(calls));
  co_return flow::update{{"first", first.index}, {"ok", first.value.has_value()}};
}

coroutine<node_result> two_seconds(context ctx) {
  auto reply = co_await with_timeout(twice(ctx, "/slow"), std::chrono::seconds(2));
  if (!reply)
    co_return reply.error();
  co_return flow::update{{"sum", *reply}};
}

} // namespace

TEST_CASE("each of several goes on as its own answer comes", "[graph]") {
  held_node n{pair_of(some_context())};
  CHECK(n.paths() == texts{"/one", "/two/first"});
  n.answer(1, status(1));
  CHECK(n.paths() == texts{"/one", "/two/second"});
  n.answer(1, status(2));
  CHECK_FALSE(n.ended);
  n.answer(0, status(200));
  REQUIRE(n.ended);
  CHECK((n.values().at("one") == 200 && n.values().at("sum") == 3));
}

TEST_CASE("a list runs so many at a time and answers in its order", "[graph]") {
  held_node n{many(some_context(), 4, 2)};
  CHECK(n.paths() == texts{"/0", "/1"});
  n.answer(1, status(11));
  CHECK(n.paths() == texts{"/0", "/2"});
  n.answer(1, fail(errc::upstream, "down"));
  n.answer(1, status(13));
  n.answer(0, status(10));
  REQUIRE(n.ended);
  CHECK(n.values().at("all") == json::value(json::array{10, 11, "down", 13}));
}

TEST_CASE("nothing to wait for is no wait", "[graph]") {
  held_node none{many(some_context(), 0, 2)};
  REQUIRE(none.ended);
  CHECK(none.values().at("all") == json::value(json::array{}));
  held_node ready{[]() -> coroutine<node_result> {
    auto [a, b] = co_await when_all(counts(1), counts(2));
    co_return flow::update{{"sum", a + b}};
  }()};
  REQUIRE(ready.ended);
  CHECK(ready.values().at("sum") == 3);
}

TEST_CASE("an exception of one is thrown on when all have ended", "[graph]") {
  held_node n{[](context ctx) -> coroutine<node_result> {
    auto [a, b] = co_await when_all(throws(ctx), ctx.service("s").get("/other"));
    co_return flow::update{{"never", a}};
  }(some_context())};
  n.answer(0, status(200));
  CHECK_FALSE(n.ended);
  n.answer(0, status(200));
  REQUIRE((n.ended && n.ended->failure()));
  CHECK(n.ended->failure()->kind == "KeyError");
}

TEST_CASE("a question of one of several stops the node", "[graph]") {
  held_node n{[](context ctx) -> coroutine<node_result> {
    auto [reply, answer] = co_await when_all(ctx.service("s").get("/x"), ctx.interrupt("ok?"));
    co_return flow::update{{"answer", answer}};
  }(some_context())};
  REQUIRE(n.ended);
  CHECK(std::get<flow::interrupt>(n.ended->value).value == "ok?");
}

TEST_CASE("several questions at once are asked in order, each answered by its own", "[graph]") {
  auto ask_two = [](context ctx) -> coroutine<node_result> {
    auto [one, two] = co_await when_all(ctx.interrupt("one?"), ctx.interrupt("two?"));
    co_return flow::update{{"one", one}, {"two", two}};
  };
  auto question = [](const held_node& n) {
    return std::get<flow::interrupt>(n.ended->value).value;
  };
  held_node first{ask_two(some_context())};
  REQUIRE(first.ended);
  CHECK(question(first) == "one?");
  held_node second{ask_two(some_context({"yes"}))};
  REQUIRE(second.ended);
  CHECK(question(second) == "two?");
  held_node last{ask_two(some_context({"yes", "no"}))};
  REQUIRE(last.ended);
  CHECK(last.values().at("one") == "yes");
  CHECK(last.values().at("two") == "no");
}

TEST_CASE("an answer stays its coroutine's when replies come in another order", "[graph]") {
  auto ask = [](context ctx, std::string name) -> coroutine<json::value> {
    co_await ctx.service("s").get("/" + name);
    auto first = co_await ctx.interrupt(name + "?");
    auto second = co_await ctx.interrupt(name + " again?");
    co_return list(first, second);
  };
  auto body = [&](context ctx) -> coroutine<node_result> {
    auto before = co_await ctx.interrupt("before?");
    std::vector<coroutine<json::value>> all;
    all.push_back(ask(ctx, "a"));
    all.push_back(ask(ctx, "b"));
    auto got = co_await when_all(std::move(all));
    auto after = co_await ctx.interrupt("after?");
    co_return flow::update{{"got", list(before, got[0], got[1], after)}};
  };
  std::vector<interrupt_answer> answers;
  std::vector<std::string> asked;
  for (std::size_t run = 0;; ++run) {
    REQUIRE(run < 10);
    auto facts = std::make_shared<task_facts>();
    facts->run = std::make_shared<run_facts>();
    facts->answers = answers;
    held_node n{body(context{facts})};
    while (!n.ended) // of two that wait, the one and the other in turns
      n.answer(run % 2 == 0 ? 0 : n.open.size() - 1, status(200));
    auto* question = std::get_if<flow::interrupt>(&n.ended->value);
    if (!question) {
      CHECK(n.values().at("got")
            == json::value(list("to before?", list("to a?", "to a again?"),
                                list("to b?", "to b again?"), "to after?")));
      break;
    }
    asked.emplace_back(question->value.as_string());
    answers.push_back({json::value("to " + asked.back()), question->place});
  }
  CHECK(asked.size() == 6);
  CHECK(asked[1] == "b?");
}

TEST_CASE("answers of which no place is known are taken in order", "[graph]") {
  auto ask_two = [](context ctx) -> coroutine<node_result> {
    auto [one, two] = co_await when_all(ctx.interrupt("one?"), ctx.interrupt("two?"));
    co_return flow::update{{"got", list(one, two)}};
  };
  held_node half{ask_two(some_context({"yes"}))};
  CHECK(std::get<flow::interrupt>(half.ended->value).value == "two?");
  held_node whole{ask_two(some_context({"yes", "no"}))};
  CHECK(whole.values().at("got") == json::value(list("yes", "no")));
}

TEST_CASE("a node dropped while several wait ends all of them", "[graph]") {
  held_node n{many(some_context(), 100, 50)};
  CHECK(n.open.size() == 50);
}

TEST_CASE("a reply that nothing waits for is an error", "[graph]") {
  held_node n{pair_of(some_context())};
  n.take(n.machine->resume(99, status(200)));
  REQUIRE((n.ended && n.ended->failure()));
  CHECK(n.ended->failure()->code == errc::internal);
}

TEST_CASE("the first one done ends the others, and what they asked is taken back", "[graph]") {
  int left = 0;
  held_node n{race(some_context(), left)};
  CHECK(n.paths() == texts{"/a/first", "/b1", "/b2/first", "/c"});
  n.answer(2, status(1));
  CHECK(n.paths() == texts{"/a/first", "/b1", "/c", "/b2/second"});
  n.answer(2, status(200));
  CHECK(n.paths() == texts{"/after"});
  CHECK(n.taken_back == 3);
  CHECK(left == 2); // before the one that waited goes on
  n.answer(0, status(204));
  REQUIRE(n.ended);
  CHECK(n.values() == json::object{{"first", 2}, {"left", 2}, {"after", 204}});
}

TEST_CASE("the first of a list is known by its place, a failed one too", "[graph]") {
  held_node n{first_of_list(some_context(), 3)};
  CHECK(n.paths() == texts{"/0", "/1", "/2"});
  n.answer(1, fail(errc::upstream, "down"));
  REQUIRE(n.ended);
  CHECK(n.values() == json::object{{"first", 1}, {"ok", false}});
  held_node none{first_of_list(some_context(), 0)};
  REQUIRE((none.ended && none.ended->failure()));
  CHECK(none.ended->failure()->kind == "ValueError");
}

TEST_CASE("one that is done at once keeps those after it from being asked", "[graph]") {
  held_node n{[](context ctx) -> coroutine<node_result> {
    auto first = co_await when_any(ctx.service("s").get("/a"), counts(1), throws(ctx));
    auto second = co_await when_any(ctx.interrupt("never asked"), counts(2));
    co_return flow::update{{"first", first.index()}, {"second", second.index()}};
  }(some_context())};
  CHECK(n.open.empty());
  REQUIRE(n.ended);
  CHECK(n.values() == json::object{{"first", 1}, {"second", 1}});
}

TEST_CASE("what the first one throws is thrown on", "[graph]") {
  held_node n{[](context ctx) -> coroutine<node_result> {
    auto first = co_await when_any(throws(ctx), ctx.service("s").get("/other"));
    co_return flow::update{{"never", first.index()}};
  }(some_context())};
  n.answer(0, status(200));
  REQUIRE((n.ended && n.ended->failure()));
  CHECK(n.ended->failure()->kind == "KeyError");
}

TEST_CASE("a reply to what was taken back changes nothing", "[graph]") {
  int left = 0;
  held_node n{race(some_context(), left)};
  auto late = n.open.at(0).id;
  n.answer(3, status(200));
  n.take(n.machine->resume(late, status(500)));
  CHECK_FALSE(n.ended);
  CHECK(n.paths() == texts{"/after"});
}

TEST_CASE("a time limit ends what takes longer, and only that", "[graph]") {
  held_node slow{two_seconds(some_context())};
  CHECK(slow.paths() == texts{"/slow/first", "sleep 2000"});
  slow.answer(0, status(1));
  CHECK(slow.paths() == texts{"sleep 2000", "/slow/second"});
  slow.answer(0, std::monostate{});
  REQUIRE((slow.ended && slow.ended->failure()));
  CHECK(slow.ended->failure()->code == errc::timeout);
  CHECK(slow.ended->failure()->message == "not done within 2000 ms");

  held_node quick{two_seconds(some_context())};
  quick.answer(0, status(1));
  quick.answer(1, status(2));
  REQUIRE(quick.ended);
  CHECK(quick.values().at("sum") == 3);

  held_node untimed{two_seconds(some_context())}; // an authenticate handler has no clock
  untimed.answer(1, fail(errc::denied, "no timers here"));
  CHECK(untimed.ended->failure()->code == errc::denied);
}

TEST_CASE("a node dropped while several race ends all of them", "[graph]") {
  int left = 0;
  { held_node n{race(some_context(), left)}; }
  CHECK(left == 2);
  // A coroutine's arguments end after it.
  held_node held{[](coroutine<int> inner) -> coroutine<node_result> {
    auto first = co_await when_any(std::move(inner), counts(1));
    co_return flow::update{{"first", first.index()}};
  }(throws(some_context()))};
  REQUIRE(held.ended);
  held_node dropped{[](coroutine<int> inner) -> coroutine<node_result> {
    co_await inner;
    co_return {};
  }(throws(some_context()))};
  CHECK(dropped.open.size() == 1);
}
