#include "tests/support/client_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

namespace {

// Answers every request with its own text.
void echo(peer& p) {
  while (auto request = p.request())
    p.reply(*request);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a call goes out as one well formed request", "[client]") {
  raw_server server{echo};
  client_fixture f;
  auto request = f.to(server.url("/api/items?unread=true"));
  request.call.method = "POST";
  request.call.headers = {{"Content-Type", "application/json"}, {"X-Trace", "7"}};
  request.call.body = R"({"a":1})";
  request.credential = std::make_shared<bearer_writer>("tok-123");
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(reply->status == 200);
  CHECK(reply->body.starts_with("POST /api/items?unread=true HTTP/1.1\r\nHost: 127.0.0.1:"));
  CHECK(has(reply->body, "\r\nContent-Type: application/json\r\n"));
  CHECK(has(reply->body, "\r\nX-Trace: 7\r\n"));
  CHECK(has(reply->body, "\r\nAccept-Encoding: identity\r\n"));
  CHECK(has(reply->body, "\r\nUser-Agent: behalf/"));
  CHECK(has(reply->body, "\r\nContent-Length: 7\r\n\r\n{\"a\":1}"));
  // The server saw the token and said it back; the caller does not see it.
  CHECK(has(reply->body, "\r\nAuthorization: Bearer [redacted]\r\n"));
}

TEST_CASE("a credential echoed in a reply header is scrubbed too", "[client]") {
  raw_server server{[](peer& p) {
    p.request();
    p.reply("", "X-You: tok-123!\r\nX-tok-123: 1\r\n");
  }};
  client_fixture f;
  auto request = f.to(server.url());
  request.credential = std::make_shared<bearer_writer>("tok-123");
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(*find_header(reply->headers, "x-you") == "[redacted]!");
  CHECK(find_header(reply->headers, "x-[redacted]"));
}

TEST_CASE("bodies of any size arrive whole", "[client]") {
  raw_server server{[](peer& p) {
    while (auto request = p.request())
      p.reply(request->substr(request->find("\r\n\r\n") + 4));
  }};
  client_fixture f;
  for (std::size_t size : {0, 1, 16'383, 16'384, 16'385, 3'000'000}) {
    auto request = f.to(server.url());
    request.call.method = "PUT";
    request.call.body.assign(size, 'x');
    auto reply = f.send(std::move(request));
    REQUIRE(reply);
    CHECK(reply->body.size() == size);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("a secret body is sent and a secret reply taken without a plain string", "[client]") {
  raw_server server{[](peer& p) {
    auto request = p.request();
    p.reply(has(*request, "\r\n\r\nrole_id=x") ? "the-secret" : "no");
  }};
  client_fixture f;
  auto request = f.to(server.url());
  request.call.method = "POST";
  request.secret_body = std::make_shared<wiped_string>("role_id=x");
  request.secret_reply = std::make_shared<wiped_string>();
  auto taken = request.secret_reply;
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(reply->body.empty());
  CHECK(taken->view() == "the-secret");
}

TEST_CASE("chunked replies, trailers and interim replies are understood", "[client]") {
  raw_server server{[](peer& p) {
    while (p.request())
      p.say("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
            "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n"
            "5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: t\r\n\r\n");
  }};
  client_fixture f;
  for (int i = 0; i < 2; ++i) {
    auto reply = f.get(server.url());
    REQUIRE(reply);
    CHECK(reply->status == 201);
    CHECK(reply->body == "hello world");
    CHECK(reply->headers.size() == 2);
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("a reply may end with its connection, and that one is not kept", "[client]") {
  raw_server server{[](peer& p) {
    p.request();
    p.say("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  }};
  client_fixture f;
  auto reply = f.get(server.url());
  REQUIRE(reply);
  CHECK(reply->body == "until the end");
  CHECK(f.door->figures().idle == 0);
}

TEST_CASE("a HEAD reply has no body and leaves the connection usable", "[client]") {
  raw_server server{[](peer& p) {
    while (p.request())
      p.say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n");
  }};
  client_fixture f;
  for (int i = 0; i < 2; ++i) {
    auto request = f.to(server.url());
    request.call.method = "HEAD";
    auto reply = f.send(std::move(request));
    REQUIRE(reply);
    CHECK(reply->body.empty());
  }
  CHECK(server.connections() == 1);
}

TEST_CASE("a reply is bounded in body and headers", "[client]") {
  client_options options;
  options.max_reply_bytes = 1000;
  options.max_header_bytes = 4096;
  client_fixture f{options};
  auto body = [&](std::size_t size, bool chunked) {
    raw_server server{[=](peer& p) {
      p.request();
      if (!chunked)
        p.reply(std::string(size, 'x'));
      else if (p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
        for (std::size_t i = 0; i < size && p.say("1\r\nx\r\n"); ++i) {
        }
      p.say("0\r\n\r\n");
    }};
    return f.get(server.url());
  };
  CHECK(body(1000, false));
  CHECK(body(1000, true));
  for (bool chunked : {false, true}) {
    auto refused = body(1001, chunked);
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::upstream);
    CHECK(has(refused.error().message, "answered more than 1000 bytes"));
  }
  raw_server talker{[](peer& p) {
    p.request();
    p.reply("", "X-Long: " + std::string(5000, 'x') + "\r\n");
  }};
  CHECK(has(f.get(talker.url()).error().message, "4096 bytes of headers"));
  auto request = f.to(talker.url());
  request.max_reply_bytes = 1; // a service's own limit goes before the client's
  raw_server two{[](peer& p) {
    p.request();
    p.reply("ab");
  }};
  request = f.to(two.url());
  request.max_reply_bytes = 1;
  CHECK(has(f.send(std::move(request)).error().message, "more than 1 bytes"));
}

TEST_CASE("what is not HTTP is an upstream error without its text", "[client]") {
  const char* replies[] = {
    "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/1.1 abc OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nBad Header tok-123\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: tok-123\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ntok-123",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "HTTP/1.1 200 OK\r\nX-Half: tok-1",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: br\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nContent-Encoding: identity, gzip\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "",
  };
  client_fixture f;
  for (auto* text : replies) {
    CAPTURE(text);
    raw_server server{[&](peer& p) {
      p.request();
      p.say(text);
    }};
    auto reply = f.get(server.url("/private?key=tok-123"));
    REQUIRE(!reply);
    CHECK(reply.error().code == errc::upstream);
    CHECK(has(reply.error().message, "http://127.0.0.1:" + std::to_string(server.port())));
    CHECK(!has(reply.error().message, "tok-1"));
    CHECK(!has(reply.error().message, "private"));
  }
  CHECK(f.door->figures().idle == 0);
}

TEST_CASE("a host that refuses connections is an upstream error", "[client]") {
  std::string url;
  {
    raw_server gone{echo};
    url = gone.url("/x?key=1");
  }
  client_fixture f;
  auto reply = f.get(url);
  REQUIRE(!reply);
  CHECK(reply.error().code == errc::upstream);
  CHECK(has(reply.error().message, "could not be reached (Connection refused)"));
  CHECK(!has(reply.error().message, "key"));
}

TEST_CASE("a call ends at its timeout or its deadline, whichever is first", "[client]") {
  raw_server silent{[](peer& p) { p.wait_for_end(); }};
  raw_server slow{[](peer& p) {
    p.request();
    p.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    p.wait_for_end();
  }};
  client_fixture f;
  auto began = std::chrono::steady_clock::now();
  for (auto* server : {&silent, &slow}) {
    auto reply = f.send(f.to(server->url()), milliseconds{60});
    REQUIRE(!reply);
    CHECK(reply.error().code == errc::timeout);
    CHECK(has(reply.error().message, "did not answer in time"));
    auto request = f.to(server->url());
    request.call.timeout = milliseconds{60};
    CHECK(f.send(std::move(request)).error().code == errc::timeout);
  }
  CHECK(f.send(f.to(silent.url()), milliseconds{-1}).error().code == errc::timeout);
  CHECK(std::chrono::steady_clock::now() - began < milliseconds{2000});
  CHECK(f.door->figures().in_flight == 0);
}

TEST_CASE("a slow name lookup does not outlast the connect timeout", "[client]") {
  std::promise<void> release;
  client_options options;
  options.connect_timeout = milliseconds{50};
  options.resolve = [gate = release.get_future().share()](const std::string&) {
    gate.wait();
    return result<std::vector<std::string>>{std::vector<std::string>{"127.0.0.1"}};
  };
  client_fixture f{options};
  auto reply = f.get("http://slow.test:9/");
  CHECK(reply.error().code == errc::timeout);
  release.set_value();
}

TEST_CASE("a cancelled call is answered once, as cancelled", "[client]") {
  std::promise<void> asked;
  raw_server server{[&](peer& p) {
    p.request();
    asked.set_value();
    p.wait_for_end();
  }};
  client_fixture f;
  std::promise<result<outbound_reply>> answer;
  auto id = f.door->start(f.to(server.url()), in(milliseconds{5000}),
                          [&](result<outbound_reply> r) { answer.set_value(std::move(r)); });
  asked.get_future().wait();
  f.door->cancel(id);
  f.door->cancel(id);
  auto reply = answer.get_future().get();
  REQUIRE(!reply);
  CHECK(reply.error().code == errc::upstream);
  CHECK(reply.error().kind == "cancelled");
  CHECK(f.door->figures().in_flight == 0);
}

TEST_CASE("a client that ends answers what was under way", "[client]") {
  std::promise<void> asked;
  raw_server server{[&](peer& p) {
    p.request();
    asked.set_value();
    p.wait_for_end();
  }};
  std::promise<result<outbound_reply>> answer;
  client_fixture f;
  f.door->start(f.to(server.url()), in(milliseconds{5000}),
                [&](result<outbound_reply> r) { answer.set_value(std::move(r)); });
  asked.get_future().wait();
  f.door.reset();
  CHECK(answer.get_future().get().error().kind == "cancelled");
}
