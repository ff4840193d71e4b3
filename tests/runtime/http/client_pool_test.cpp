#include "tests/support/client_fixture.hpp"

#include <set>

using namespace behalf;
using namespace behalf::testing;

namespace {

// Says which connection a request came over.
void number(peer& p) {
  while (p.request())
    p.reply(std::to_string(p.number));
}

} // namespace

TEST_CASE("calls of one user to one host share a connection", "[client]") {
  raw_server server{number};
  client_fixture f;
  for (int i = 0; i < 20; ++i)
    CHECK(f.get(server.url()).value().body == "0");
  CHECK(server.connections() == 1);
  CHECK(f.door->figures().opened == 1);
  CHECK(f.door->figures().reused == 19);
}

TEST_CASE("users never share a connection", "[client]") {
  raw_server server{number};
  client_fixture f;
  std::vector<std::set<std::string>> seen(8);
  for (unsigned i = 0; i < 400; ++i) {
    auto request = f.to(server.url());
    auto user = (i * 2654435761u >> 7) % seen.size();
    request.pool_key = "acme|https://id.test|user" + std::to_string(user) + "|mail";
    seen[user].insert(f.send(std::move(request)).value().body);
  }
  std::set<std::string> all;
  for (auto& one : seen) {
    CHECK(one.size() == 1);
    all.merge(one);
  }
  CHECK(all.size() == seen.size());
}

TEST_CASE("a connection allowed for a private service serves no other policy", "[client]") {
  raw_server server{number};
  client_fixture f;
  CHECK(f.get(server.url()));
  auto strict = f.to(server.url());
  strict.policy.allow_private = false;
  auto reply = f.send(std::move(strict));
  REQUIRE(!reply);
  CHECK(reply.error().code == errc::denied);
}

TEST_CASE("the pool is bounded per key and in all", "[client]") {
  std::atomic<int> waiting{0};
  raw_server server{[&](peer& p) {
    while (p.request()) {
      ++waiting;
      while (waiting < 6)
        std::this_thread::yield(); // all six are under way at once
      p.reply("x");
    }
  }};
  client_options options;
  options.pool_size = 2;
  options.pool_total = 3;
  client_fixture f{options};
  std::vector<std::promise<bool>> answers(6);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto request = f.to(server.url());
    request.pool_key = i % 2 ? "alice" : "bob";
    f.door->start(std::move(request), in(milliseconds{5000}),
                  [&answers, i](auto r) { answers[i].set_value(r.has_value()); });
  }
  for (auto& answer : answers)
    CHECK(answer.get_future().get());
  CHECK(f.door->figures().idle == 3);
}

TEST_CASE("idle connections are closed after their time", "[client]") {
  std::promise<void> ended;
  raw_server server{[&](peer& p) {
    p.request();
    p.reply("x");
    p.wait_for_end();
    ended.set_value();
  }};
  client_options options;
  options.idle_timeout = milliseconds{30};
  client_fixture f{options};
  CHECK(f.get(server.url()));
  CHECK(ended.get_future().wait_for(milliseconds{3000}) == std::future_status::ready);
  CHECK(f.door->figures().idle == 0);
}

TEST_CASE("a kept connection that speaks or ends is noticed before a call is spent on it",
          "[client]") {
  bool speaks = GENERATE(true, false);
  std::promise<void> kept, gone;
  raw_server server{[&](peer& p) {
    if (p.number > 0)
      return number(p);
    p.request();
    p.reply("0");
    kept.get_future().wait_for(milliseconds{5000});
    speaks ? (void)p.say("unasked") : p.hang_up();
    gone.set_value();
    p.wait_for_end();
  }};
  client_fixture f;
  CHECK(f.get(server.url()).value().body == "0");
  kept.set_value();
  gone.get_future().wait();
  auto post = f.to(server.url());
  post.call.method = "POST"; // could not be sent twice
  auto reply = f.send(std::move(post));
  REQUIRE(reply);
  CHECK(reply->body == "1");
}

TEST_CASE("bytes after a reply end the connection instead of answering the next call", "[client]") {
  raw_server server{[](peer& p) {
    p.request();
    p.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
          "\r\nforged");
    p.wait_for_end();
  }};
  client_fixture f;
  CHECK(f.get(server.url()).value().body == "a");
  CHECK(f.get(server.url()).value().body == "a");
  CHECK(server.connections() == 2);
}

namespace {

// The first connection answers once and dies on its second request; others answer always.
struct dying_server {
  raw_server server{[this](peer& p) {
    for (int n = 0; auto request = p.request(); ++n) {
      ++requests;
      if (p.number == 0 && n == 1) {
        if (half)
          p.say("HTTP/1.1 2");
        return;
      }
      p.reply(std::to_string(p.number));
    }
  }};
  bool half = false;
  std::atomic<int> requests{0};
};

// What comes of a call on the connection that dies under it.
result<outbound_reply> second_call(const dying_server& dying, const char* method,
                                   std::string body = {}) {
  client_fixture f;
  CHECK(f.get(dying.server.url()));
  auto request = f.to(dying.server.url());
  request.call.method = method;
  request.call.body = std::move(body);
  return f.send(std::move(request));
}

} // namespace

TEST_CASE("an idempotent call is sent again when a kept connection dies under it", "[client]") {
  for (auto* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    CAPTURE(method);
    dying_server dying;
    auto reply = second_call(dying, method);
    REQUIRE(reply);
    CHECK(reply->status == 200);
    CHECK(dying.server.connections() == 2);
  }
}

TEST_CASE("a call that may have had an effect is never sent twice", "[client]") {
  for (auto* method : {"POST", "PATCH"}) {
    CAPTURE(method);
    dying_server dying;
    auto reply = second_call(dying, method, "x");
    REQUIRE(!reply);
    CHECK(reply.error().code == errc::upstream);
    CHECK(dying.requests == 2);
  }
}

TEST_CASE("a call is not sent again once a byte of its reply has come", "[client]") {
  dying_server dying;
  dying.half = true;
  client_fixture f;
  CHECK(f.get(dying.server.url()));
  CHECK(f.get(dying.server.url()).error().code == errc::upstream);
  CHECK(dying.requests == 2);
}

TEST_CASE("a fresh connection that dies is not tried again", "[client]") {
  raw_server server{[](peer& p) { p.request(); }};
  client_fixture f;
  CHECK(f.get(server.url()).error().code == errc::upstream);
  CHECK(server.connections() == 1);
}
