// The inbound door with well-behaved clients: one exchange after the other, answered as it should.
#include "runtime/http/server_core.hpp"
#include "tests/runtime/http/server_fixture.hpp"

using namespace behalf;

namespace {

// Answers with what it was asked: method, path, body.
void echo(const exchange_ptr& ex) {
  std::string text = ex->req().method_name;
  for (const auto& segment : ex->req().path)
    text += "/" + segment;
  with_body(
    ex, [ex, text](std::string body) { ex->respond(200, {}, text + " " + body, "text/plain"); });
}

} // namespace

TEST_CASE("a connection serves one request after the other", "[http]") {
  running_server server{echo};
  auto client = server.connect();
  for (int i = 0; i < 3; ++i) {
    client.send(get_request("/a/" + std::to_string(i)));
    const auto reply = client.read_reply();
    CHECK(reply.status == 200);
    CHECK(reply.body == "GET/a/" + std::to_string(i) + " ");
    CHECK(reply.header("content-type") == "text/plain");
    CHECK(reply.header("connection").empty());
    CHECK(reply.header("date").ends_with(" GMT"));
  }
  CHECK(server.get().connections() == 1);
}

TEST_CASE("pipelined requests are answered in order, one at a time", "[http]") {
  awaited<exchange_ptr> slow;
  std::atomic<int> handled{0};
  running_server server{[&](exchange_ptr ex) {
    ++handled;
    if (ex->req().path[0] == "slow")
      slow.set(std::move(ex));
    else
      echo(ex);
  }};
  auto client = server.connect();
  client.send(get_request("/slow") + post_request("/b", "two") + get_request("/c"));
  auto held = slow.get().value();
  // On another connection meanwhile: proof that the server had time to go on, and did not.
  CHECK(server.ask(get_request("/other")).status == 200);
  CHECK(handled == 2);
  held->respond(200, {}, "one", "text/plain");
  CHECK(client.read_reply().body == "one");
  CHECK(client.read_reply().body == "POST/b two");
  CHECK(client.read_reply().body == "GET/c ");
}

TEST_CASE("a chunked body arrives joined, and the next request after it", "[http]") {
  running_server server{echo};
  auto client = server.connect();
  client.send("POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
              "4;note=1\r\nwiki\r\n5\r\npedia\r\n0\r\nTrailer: ignored\r\n\r\n"
              + get_request("/next"));
  CHECK(client.read_reply().body == "POST/x wikipedia");
  CHECK(client.read_reply().body == "GET/next ");
}

TEST_CASE("a request may come byte by byte", "[http]") {
  running_server server{echo};
  auto client = server.connect();
  for (char c : post_request("/slow", "body"))
    client.send({&c, 1});
  CHECK(client.read_reply().body == "POST/slow body");
}

TEST_CASE("a large body arrives whole", "[http]") {
  running_server server{[](exchange_ptr ex) {
    with_body(ex, [ex](std::string body) { ex->respond(200, {}, std::move(body), "text/plain"); });
  }};
  std::string large(3'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1000)
    large[i] = static_cast<char>('a' + i / 1000 % 26);
  auto client = server.connect();
  std::thread sender{[&] { client.send(post_request("/large", large)); }};
  const auto reply = client.read_reply();
  sender.join();
  CHECK(reply.complete);
  CHECK(reply.body == large);
}

TEST_CASE("HEAD is answered like GET, without the body", "[http]") {
  running_server server{echo};
  auto client = server.connect();
  client.send("HEAD /a HTTP/1.1\r\nHost: t\r\n\r\n" + get_request("/b"));
  const auto reply = client.read_reply(true);
  CHECK(reply.status == 200);
  CHECK(reply.header("content-length") == "7"); // "HEAD/a "
  CHECK(client.read_reply().body == "GET/b ");
}

TEST_CASE("Expect: 100-continue is told to continue before it sends", "[http]") {
  running_server server{echo};
  auto client = server.connect();
  client.send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  CHECK(client.read_reply().body == "POST/x body");

  client.send("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nExpect: magic\r\n\r\n");
  CHECK(client.read_reply().status == 417);
}

TEST_CASE("HTTP/1.0 connections end unless asked to stay", "[http]") {
  running_server server{echo};
  auto client = server.connect();
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto kept = client.read_reply();
  CHECK(kept.header("connection") == "keep-alive");
  client.send("GET /b HTTP/1.0\r\n\r\n");
  const auto last = client.read_reply();
  CHECK(last.body == "GET/b ");
  CHECK(last.header("connection") == "close");
  CHECK(client.read_all().empty());
}

TEST_CASE("Connection: close is obeyed, and nothing after it is served", "[http]") {
  running_server server{echo};
  auto client = server.connect();
  client.send(get_request("/a", "Connection: close\r\n") + get_request("/b"));
  CHECK(client.read_reply().header("connection") == "close");
  CHECK(client.read_all().empty());
}

TEST_CASE("a request id is adopted when it is fit to log, and echoed", "[http]") {
  running_server server{[](exchange_ptr ex) { ex->respond(200, {}, ex->req().request_id, ""); }};
  const auto given = server.ask(get_request("/", "X-Request-Id: trace-42\r\n"));
  CHECK(given.body == "trace-42");
  CHECK(given.header("x-request-id") == "trace-42");
  CHECK(given.header("content-type").empty());
  for (const auto& bad :
       {std::string(129, 'a'), std::string{"two words"}, std::string{"\xC3\xA9"}}) {
    const auto reply = server.ask(get_request("/", "X-Request-Id: " + bad + "\r\n"));
    CHECK(reply.body.size() == 36);
    CHECK(reply.header("x-request-id") == reply.body);
  }
}

TEST_CASE("an exchange dropped without an answer is answered 500", "[http]") {
  running_server server{[](exchange_ptr ex) {
    if (ex->req().path.size() == 2)
      throw std::runtime_error("with a secret in it");
  }};
  auto client = server.connect();
  for (const auto* target : {"/dropped", "/thrown/out"}) {
    client.send(get_request(target));
    const auto reply = client.read_reply();
    CHECK(reply.status == 500);
    CHECK(reply.body == R"({"detail":"Internal Server Error"})");
  }
}

TEST_CASE("an exchange is answered once", "[http]") {
  running_server server{[](exchange_ptr ex) {
    ex->respond(201, {}, "first");
    ex->respond(202, {}, "second");
    ex->begin_stream(203, {});
    ex->write("third", {});
  }};
  auto client = server.connect();
  for (int i = 0; i < 2; ++i) {
    client.send(get_request("/"));
    const auto reply = client.read_reply();
    CHECK(reply.status == 201);
    CHECK(reply.body == "first");
  }
}

TEST_CASE("credentials are kept apart and can be taken once", "[http]") {
  running_server server{[](exchange_ptr ex) {
    std::string seen;
    for (const auto& [name, value] : ex->req().headers)
      seen += name + "=" + value + ";";
    const bool listed = seen.find("s3cret") != std::string::npos;
    const bool other = !ex->take_header("x-other").empty();
    const auto bearer = ex->take_header("Authorization");
    const auto cookie = ex->take_header("cookie");
    const bool again = !ex->take_header("authorization").empty();
    ex->respond(200, {},
                std::to_string(listed) + std::to_string(other) + std::to_string(again)
                  + std::string{bearer.view()} + "|" + std::string{cookie.view()});
  }};
  const auto reply = server.ask(get_request(
    "/",
    "AUTHORIZATION: Bearer s3cret\r\nCookie: a=s3cret\r\nX-Api-Key: s3cret\r\nCookie: b=2\r\n"));
  CHECK(reply.body == "000Bearer s3cret|a=s3cret; b=2");
  CHECK(server.ask(get_request("/", "Authorization: a\r\nAuthorization: b\r\n")).status == 400);
  const auto offers = [&](const std::string& protocols) {
    return server.ask(get_request("/", "Sec-WebSocket-Protocol: " + protocols + "\r\n"));
  };
  CHECK(offers("bearer, s3cret").body == "000Bearer s3cret|");
  CHECK(offers("bearer,s3cret").body == "000Bearer s3cret|");
  for (auto other : {"bearer", "bearer,", "bearer, ", "bearer, a, b", "chat, bearer", "xbearer, a"})
    CHECK(offers(other).body == "000|");
  for (auto several : {"bearer, s3cret, b", "bearer, a, s3cret"})
    CHECK(offers(several).body == "000|"); // no token, and not left where others look
  CHECK(offers("bearer, s3cret\r\nAuthorization: Bearer other").status == 400);
}

TEST_CASE("an answer cannot break its head, nor contradict its framing", "[http]") {
  running_server server{[](exchange_ptr ex) {
    ex->respond(200,
                {{"X-Good", "1"},
                 {"X-Bad", "a\r\nSet-Cookie: x=1"},
                 {"Content-Length", "999"},
                 {"Transfer-Encoding", "chunked"},
                 {"Connection", "close"}},
                "fine");
  }};
  auto client = server.connect();
  for (int i = 0; i < 2; ++i) {
    client.send(get_request("/"));
    const auto reply = client.read_reply();
    CHECK(reply.body == "fine");
    CHECK(reply.header("x-good") == "1");
    CHECK(reply.header("set-cookie").empty());
    CHECK(reply.header("connection").empty());
  }
}

TEST_CASE("204 and 304 carry neither body nor length", "[http]") {
  running_server server{[](exchange_ptr ex) {
    ex->respond(static_cast<unsigned>(std::stoul(ex->req().path[0])), {}, "not sent", "");
  }};
  auto client = server.connect();
  client.send(get_request("/204") + get_request("/304") + get_request("/200"));
  CHECK(client.read_reply(true).header("content-length").empty());
  CHECK(client.read_reply(true).header("content-length").empty());
  CHECK(client.read_reply().body == "not sent");
}

TEST_CASE("browsers get their preflight without the handler", "[http]") {
  std::atomic<int> handled{0};
  running_server server{[&](exchange_ptr ex) {
    ++handled;
    ex->respond(200, {}, "{}");
  }};
  const auto preflight =
    server.ask("OPTIONS /threads HTTP/1.1\r\nHost: t\r\nOrigin: https://ui.example\r\n"
               "Access-Control-Request-Method: POST\r\n"
               "Access-Control-Request-Headers: x-api-key\r\n\r\n");
  CHECK(preflight.status == 200);
  CHECK(preflight.body == "OK");
  CHECK(preflight.header("access-control-allow-origin") == "*");
  CHECK(preflight.header("access-control-allow-headers") == "x-api-key");
  CHECK(preflight.header("access-control-allow-private-network") == "true");
  CHECK(handled == 0);

  const auto plain = server.ask(get_request("/", "Origin: https://ui.example\r\n"));
  CHECK(plain.header("access-control-allow-origin") == "*");
  CHECK(plain.header("access-control-expose-headers")
          .starts_with("x-pagination-total, x-pagination-next, content-location"));
  CHECK(server.ask(get_request("/")).header("access-control-allow-origin").empty());
  CHECK(server.ask("OPTIONS / HTTP/1.1\r\nHost: t\r\n\r\n").status == 200);
  CHECK(handled == 3);
}

TEST_CASE("a peer is an IPv4 address or an IPv6 network", "[http]") {
  auto name = [](const char* address) {
    return inbound::peer_name(boost::asio::ip::make_address(address));
  };
  CHECK(name("192.0.2.7") == "192.0.2.7");
  CHECK(name("::ffff:192.0.2.7") == "192.0.2.7");
  CHECK(name("2001:db8:1:2:aaaa::1") == "2001:db8:1:2::");
  CHECK(name("2001:db8:1:2:bbbb::2") == "2001:db8:1:2::");
  CHECK(name("2001:db8:1:3::1") != name("2001:db8:1:2::1"));
}

TEST_CASE("an exchange says whose it is before anybody is known", "[http]") {
  running_server server{[](const exchange_ptr& ex) {
    ex->respond(200, {}, ex->req().remote_address + " of " + ex->req().peer);
  }};
  CHECK(server.ask(get_request("/")).body == "127.0.0.1 of 127.0.0.1");
}
