#include "tests/support/client_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

namespace {

constexpr auto chunked_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                              "Content-Type: text/event-stream\r\n\r\n";

std::string chunk(const std::string& text) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", text.size());
  return size + text + "\r\n";
}

// Begins a stream without an event.
void say_nothing(peer& p) {
  p.request();
  p.say(chunked_head);
  p.wait_for_end();
}

struct stream_fixture : client_fixture {
  using client_fixture::client_fixture;

  result<outbound_reply> open(const std::string& url, const char* token = nullptr) {
    auto request = to(url);
    request.call.stream = true;
    if (token)
      request.credential = std::make_shared<bearer_writer>(token);
    return send(std::move(request));
  }

  std::string rest(uint64_t stream) {
    std::string all;
    while (true) {
      auto next = pull(stream);
      if (!next)
        return all + "<" + next.error().message + ">";
      all += next->bytes;
      if (next->last)
        return all;
    }
  }
};

} // namespace

TEST_CASE("a stream's head comes before its body, its chunks as they are sent", "[client]") {
  std::promise<void> go;
  raw_server server{[&](peer& p) {
    p.request();
    p.say(chunked_head);
    go.get_future().wait_for(milliseconds{5000});
    p.say(chunk("one"));
    p.request(); // never comes: the client waits for the rest
  }};
  stream_fixture f;
  auto reply = f.open(server.url());
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(reply->body.empty());
  CHECK(reply->stream_id != 0);
  go.set_value();
  auto first = f.pull(reply->stream_id);
  REQUIRE(first);
  CHECK(first->bytes == "one");
  CHECK(!first->last);
  CHECK(f.door->figures().in_flight == 1);
  f.door->close(reply->stream_id);
}

TEST_CASE("a stream read to its end leaves its connection to the next call", "[client]") {
  raw_server server{[](peer& p) {
    while (p.request()) {
      p.say(chunked_head);
      for (int i = 0; i < 200; ++i)
        p.say(chunk(std::string(997, 'a' + i % 26)));
      p.say("0\r\n\r\n");
    }
  }};
  stream_fixture f;
  for (int i = 0; i < 3; ++i) {
    auto reply = f.open(server.url());
    REQUIRE(reply);
    CHECK(f.rest(reply->stream_id).size() == 200 * 997);
    auto after = f.pull(reply->stream_id);
    REQUIRE(!after);
    CHECK(after.error().code == errc::not_found);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("a stream without a body ends with its first pull", "[client]") {
  raw_server server{[](peer& p) {
    while (p.request())
      p.say("HTTP/1.1 204 No Content\r\n\r\n");
  }};
  stream_fixture f;
  auto reply = f.open(server.url());
  REQUIRE(reply);
  auto only = f.pull(reply->stream_id);
  REQUIRE(only);
  CHECK(only->bytes.empty());
  CHECK(only->last);
}

TEST_CASE("a stream may be longer than any buffered reply", "[client]") {
  client_options options;
  options.max_reply_bytes = 1000;
  raw_server server{[](peer& p) {
    p.request();
    p.reply(std::string(100'000, 'x'));
  }};
  stream_fixture f{options};
  auto reply = f.open(server.url());
  REQUIRE(reply);
  CHECK(f.rest(reply->stream_id).size() == 100'000);
}

TEST_CASE("a credential is scrubbed wherever a stream is cut", "[client]") {
  const std::string token = "s3cr3t-t0ken";
  for (std::size_t cut = 1; cut < token.size(); ++cut) {
    raw_server server{[&](peer& p) {
      p.request();
      p.say(chunked_head);
      p.say(chunk("<" + token.substr(0, cut)));
      p.say(chunk(token.substr(cut) + ">"));
      p.say("0\r\n\r\n");
    }};
    stream_fixture f;
    auto reply = f.open(server.url(), token.c_str());
    REQUIRE(reply);
    CHECK(f.rest(reply->stream_id) == "<[redacted]>");
  }
}

TEST_CASE("a whole event is not held back for what might follow", "[client]") {
  raw_server server{[](peer& p) {
    p.request();
    p.say(chunked_head);
    p.say(chunk("data: 1\n\n"));
    p.wait_for_end();
  }};
  stream_fixture f;
  auto reply = f.open(server.url(), "a-long-token-that-is-longer-than-the-event");
  REQUIRE(reply);
  CHECK(f.pull(reply->stream_id).value().bytes == "data: 1\n\n");
}

TEST_CASE("a stream that comes compressed or in parts is refused at its head", "[client]") {
  for (auto* head :
       {"200 OK\r\nTransfer-Encoding: gzip, chunked", "200 OK\r\nContent-Encoding: gzip",
        "200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: zstd", "206 Partial Content",
        "206 Partial Content\r\nContent-Range: bytes 0-3/9",
        "200 OK\r\nContent-Range: bytes 0-3/9"}) {
    CAPTURE(head);
    raw_server server{[&](peer& p) {
      p.request();
      p.say("HTTP/1.1 " + std::string{head} + "\r\n\r\ntok-");
    }};
    stream_fixture f;
    auto reply = f.open(server.url("/"), "tok-12345");
    REQUIRE(!reply);
    CHECK(reply.error().code == errc::upstream);
  }
}

TEST_CASE("a part may come where there is no credential", "[client]") {
  raw_server server{[](peer& p) {
    p.request();
    p.say(
      "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab");
  }};
  client_fixture f;
  auto request = f.to(server.url("/"));
  request.call.headers.emplace_back("Range", "bytes=0-1");
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(reply->body == "ab");
}

TEST_CASE("a stream that breaks off says so", "[client]") {
  raw_server server{[](peer& p) {
    p.request();
    p.say(chunked_head);
    p.say(chunk("half"));
  }};
  stream_fixture f;
  auto reply = f.open(server.url());
  REQUIRE(reply);
  auto text = f.rest(reply->stream_id);
  CHECK(text.starts_with("half<http://127.0.0.1:"));
  CHECK(text.find("in the middle of its reply") != std::string::npos);
  CHECK(f.door->figures().idle == 0);
}

TEST_CASE("a pull has a deadline of its own, and the call's timeout", "[client]") {
  raw_server server{say_nothing};
  stream_fixture f;
  auto reply = f.open(server.url());
  REQUIRE(reply);
  CHECK(f.pull(reply->stream_id, milliseconds{40}).error().code == errc::timeout);
  CHECK(f.pull(reply->stream_id).error().code == errc::not_found);
  auto request = f.to(server.url());
  request.call.stream = true;
  request.call.timeout = milliseconds{40};
  reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(f.pull(reply->stream_id).error().code == errc::timeout);
}

TEST_CASE("a stream that is to end by a time does, however long its parts may take", "[client]") {
  raw_server server{say_nothing};
  stream_fixture f;
  auto request = f.to(server.url());
  request.call.stream = true;
  request.until = in(milliseconds{60});
  request.sent = std::make_shared<std::atomic<bool>>(false);
  const auto sent = request.sent;
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(*sent);
  CHECK(f.pull(reply->stream_id).error().code == errc::timeout);
}

TEST_CASE("a request that never left is not said to be sent", "[client]") {
  uint16_t nobody = 0;
  {
    raw_server gone{say_nothing};
    nobody = gone.port();
  }
  stream_fixture f;
  auto request = f.to("http://127.0.0.1:" + std::to_string(nobody) + "/");
  request.sent = std::make_shared<std::atomic<bool>>(false);
  const auto sent = request.sent;
  CHECK_FALSE(f.send(std::move(request)));
  CHECK_FALSE(*sent);
}

TEST_CASE("a stream may last longer than the timeout of its call", "[client]") {
  std::promise<void> go;
  raw_server server{[&](peer& p) {
    p.request();
    p.say(chunked_head);
    go.get_future().wait_for(milliseconds{5000});
    p.say(chunk("late"));
    p.say("0\r\n\r\n");
  }};
  stream_fixture f;
  auto request = f.to(server.url());
  request.call.stream = true;
  auto reply = f.send(std::move(request), milliseconds{250}); // the deadline is for the head
  REQUIRE(reply);
  std::promise<result<outbound_chunk>> pulled;
  f.door->read_chunk(reply->stream_id, in(milliseconds{5000}),
                     [&](auto r) { pulled.set_value(std::move(r)); });
  auto waiting = pulled.get_future();
  CHECK(waiting.wait_for(milliseconds{300}) == std::future_status::timeout);
  go.set_value();
  CHECK(waiting.get().value().bytes == "late");
}

TEST_CASE("a stream is pulled by one at a time", "[client]") {
  raw_server server{say_nothing};
  stream_fixture f;
  auto reply = f.open(server.url());
  REQUIRE(reply);
  std::promise<result<outbound_chunk>> first;
  f.door->read_chunk(reply->stream_id, in(milliseconds{5000}),
                     [&](auto r) { first.set_value(std::move(r)); });
  CHECK(f.pull(reply->stream_id).error().code == errc::conflict);
  f.door->close(reply->stream_id); // answers the pull that waits
  CHECK(first.get_future().get().error().kind == "cancelled");
  CHECK(f.pull(reply->stream_id).error().code == errc::not_found);
  CHECK(f.pull(987654).error().code == errc::not_found);
}

TEST_CASE("closing a stream, or forgetting it, closes its connection", "[client]") {
  std::promise<void> ended[2];
  raw_server server{[&](peer& p) {
    p.request();
    p.say(chunked_head);
    p.wait_for_end();
    ended[p.number].set_value();
  }};
  client_options options;
  options.stream_idle = milliseconds{60};
  stream_fixture f{options};
  auto reply = f.open(server.url());
  REQUIRE(reply);
  f.door->close(reply->stream_id);
  CHECK(ended[0].get_future().wait_for(milliseconds{3000}) == std::future_status::ready);
  CHECK(f.open(server.url()));
  CHECK(ended[1].get_future().wait_for(milliseconds{3000}) == std::future_status::ready);
  CHECK(f.door->figures().in_flight == 0);
}
