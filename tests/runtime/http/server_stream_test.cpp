// Streams, deadlines, and clients that leave.
#include "runtime/http/sse.hpp"
#include "tests/runtime/http/server_fixture.hpp"

#include <malloc.h>

using namespace behalf;
using namespace std::chrono_literals;

TEST_CASE("a stream is sent part by part, and the connection stays", "[http][stream]") {
  awaited<exchange_ptr> begun;
  running_server server{[&](exchange_ptr ex) {
    if (ex->req().path[0] == "next")
      return ex->respond(200, {}, "next");
    ex->begin_stream(200, sse_headers());
    begun.set(std::move(ex));
  }};
  auto client = server.connect();
  client.send(get_request("/stream") + get_request("/next"));
  auto ex = begun.get().value();
  const auto head = client.read_until("\r\n\r\n"); // before the first part
  CHECK(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(head.find("Connection: keep-alive\r\n") != std::string::npos);
  CHECK(head.find("Content-Type: text/event-stream; charset=utf-8\r\n") != std::string::npos);
  awaited<bool> written;
  ex->write(sse_frame("values", "{}"), [&] { written.set(true); });
  CHECK(client.read_until("\r\n\r\n") == "1b\r\nevent: values\r\ndata: {}\r\n\r\n");
  CHECK(written.get() == true);
  ex->write("", {}); // must not end the stream
  ex->write(std::string{sse_heartbeat}, {});
  ex->finish();
  ex->write("too late", {});
  CHECK(client.read_until("0\r\n\r\n") == "\r\nf\r\n: heartbeat\r\n\r\n\r\n0\r\n\r\n");
  CHECK_FALSE(ex->gone());
  CHECK(client.read_reply().body == "next");
}

TEST_CASE("a part counts as written only when the socket has taken it", "[http][stream]") {
  awaited<exchange_ptr> begun;
  running_server server{[&](exchange_ptr ex) {
    ex->begin_stream(200, {});
    begun.set(std::move(ex));
  }};
  auto client = server.connect();
  client.send(get_request("/"));
  auto ex = begun.get().value();
  constexpr std::size_t size = 20'000'000; // more than the kernel buffers
  awaited<bool> written;
  ex->write(std::string(size, 'x'), [&] { written.set(true); });
  ex->finish();
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  CHECK_FALSE(written.is_set());
  const auto body = client.read_until("0\r\n\r\n");
  CHECK(written.get() == true);
  CHECK(body.size() == std::string{"1312d00\r\n"}.size() + size + 2 + 5);
}

TEST_CASE("what a client does not read is held once", "[http][stream]") {
  const auto held = [] {
    const auto m = ::mallinfo2();
    return m.uordblks + m.hblkhd;
  };
  awaited<exchange_ptr> begun;
  running_server server{[&](exchange_ptr ex) {
    ex->begin_stream(200, {});
    begun.set(std::move(ex));
  }};
  auto client = server.connect();
  client.send(get_request("/"));
  auto ex = begun.get().value();
  constexpr std::size_t size = 64 << 20; // more than the kernel buffers
  const auto before = held();
  ex->write(std::string(size, 'x'), {});
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  CHECK(client.read_until("x") == "4000000\r\nx"); // it is being sent
  CHECK(held() - before < size + size / 4);
}

TEST_CASE("an HTTP/1.0 stream ends with its connection, a HEAD stream at its head",
          "[http][stream]") {
  running_server server{[](exchange_ptr ex) {
    ex->begin_stream(200, {});
    ex->write("one", {});
    ex->write("two", {});
    ex->finish();
  }};
  const auto old = server.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(old.header("transfer-encoding").empty());
  CHECK(old.body == "onetwo");
  auto client = server.connect();
  client.send("HEAD / HTTP/1.1\r\nHost: t\r\n\r\n" + get_request("/"));
  CHECK(client.read_reply(true).header("transfer-encoding") == "chunked");
  CHECK(client.read_reply().body == "onetwo");
}

TEST_CASE("a stream dropped before its end is cut, so that the client can tell", "[http][stream]") {
  running_server server{[](exchange_ptr ex) {
    ex->begin_stream(200, {});
    ex->write("half", {});
  }};
  const auto reply = server.ask(get_request("/"));
  CHECK(reply.status == 200);
  CHECK_FALSE(reply.complete);
}

TEST_CASE("who asks is told that the client left", "[http][stream]") {
  awaited<exchange_ptr> held;
  awaited<bool> told, again, unwritten;
  running_server server{[&](exchange_ptr ex) {
    ex->on_gone([&] { told.set(true); });
    held.set(std::move(ex));
  }};
  {
    auto client = server.connect();
    client.send(get_request("/"));
    auto ex = held.get().value();
    CHECK_FALSE(ex->gone());
    CHECK_FALSE(told.is_set());
    client.socket().close();
    CHECK(told.get() == true);
    CHECK(ex->gone());
    ex->on_gone([&] { again.set(true); }); // asking late is answered at once
    CHECK(again.get() == true);
    ex->begin_stream(200, {});
    ex->write("nobody reads this", [&] { unwritten.set(true); });
    CHECK(unwritten.get() == true);
    ex->respond(200, {}, "nor this");
  }
}

TEST_CASE("a client that leaves in the middle of a stream is noticed", "[http][stream]") {
  awaited<exchange_ptr> held;
  awaited<bool> told;
  running_server server{[&](exchange_ptr ex) {
    ex->begin_stream(200, sse_headers());
    ex->clear_deadline();
    ex->on_gone([&] { told.set(true); });
    held.set(std::move(ex));
  }};
  auto client = server.connect();
  client.send(get_request("/"));
  auto ex = held.get().value();
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  client.socket().close();
  CHECK(told.get() == true);
}

TEST_CASE("requests that arrive while the client is watched are served after", "[http][stream]") {
  // A small body is still being watched for when its second half comes, a large one is not.
  const auto size = GENERATE(std::size_t{2'000}, std::size_t{100'000});
  const auto second = post_request("/second", std::string(size, 'b'));
  awaited<exchange_ptr> held;
  std::atomic<bool> told{false};
  running_server server{[&](exchange_ptr ex) {
    if (held.is_set())
      return with_body(
        ex, [ex](const std::string& body) { ex->respond(200, {}, ex->req().target + body); });
    ex->on_gone([&] { told = true; });
    held.set(std::move(ex));
  }};
  auto client = server.connect();
  client.send(get_request("/watched"));
  auto ex = held.get().value();
  client.send(second.substr(0, second.size() / 2));
  ex->respond(200, {}, "first");
  CHECK(client.read_reply().body == "first");
  client.send(second.substr(second.size() / 2) + get_request("/third"));
  CHECK(client.read_reply().body == "/second" + std::string(size, 'b'));
  CHECK(client.read_reply().body == "/third");
  CHECK_FALSE(told);
}

TEST_CASE("an answer that begins before its body is read is not lost", "[http][stream]") {
  awaited<bool> asked;
  running_server server{[&](exchange_ptr ex) {
    ex->on_gone([] {});
    ex->read_body(100, nullptr, [ex](result<std::string> text) {
      ex->write(text.value(), nullptr);
      ex->finish();
    });
    ex->begin_stream(200, {});
    asked.set(true);
  }};
  auto client = server.connect();
  auto request = post_request("/", "hello");
  client.send(request.substr(0, request.size() - 5));
  REQUIRE(asked.get());
  client.send("hello");
  const auto reply = client.read_reply();
  CHECK(reply.status == 200);
  CHECK(reply.body == "hello");
  CHECK(reply.complete);
}

TEST_CASE("an answer that does not come is 504, and the connection goes on", "[http][deadline]") {
  auto options = test_options();
  options.request_deadline = 50ms;
  awaited<exchange_ptr> held;
  awaited<bool> told;
  running_server server(options, [&](exchange_ptr ex) {
    if (held.is_set())
      return ex->respond(200, {}, "fine");
    ex->on_gone([&] { told.set(true); });
    held.set(std::move(ex));
  });
  auto client = server.connect();
  client.send(get_request("/"));
  const auto reply = client.read_reply();
  CHECK(reply.status == 504);
  CHECK(reply.body == R"({"detail":"Gateway Timeout"})");
  auto ex = held.get().value();
  CHECK(ex->gone());
  CHECK(told.get() == true); // nobody waits for it any more
  ex->respond(200, {}, "late");
  client.send(get_request("/"));
  CHECK(client.read_reply().body == "fine");
}

TEST_CASE("who asks for the deadline may answer it, within the grace", "[http][deadline]") {
  auto options = test_options();
  options.request_deadline = 30ms;
  options.deadline_grace = 50ms;
  awaited<exchange_ptr> silent;
  running_server server(options, [&](exchange_ptr ex) {
    const std::weak_ptr<exchange> weak = ex;
    if (ex->req().path.empty()) {
      ex->on_deadline([weak] { weak.lock()->respond(503, {}, "busy"); });
      ex->on_gone([ex] {}); // keeps it alive as an actor would
    } else {
      ex->on_deadline([] {});
      silent.set(std::move(ex));
    }
  });
  CHECK(server.ask(get_request("/")).body == "busy");
  CHECK(server.ask(get_request("/silent")).status == 504);
}

TEST_CASE("a deadline can be moved or cleared", "[http][deadline]") {
  auto options = test_options();
  options.request_deadline = 30ms;
  awaited<exchange_ptr> extended, cleared;
  running_server server(options, [&](exchange_ptr ex) {
    const auto& which = ex->req().path[0];
    if (which == "extended") {
      ex->extend_deadline(10s);
      ex->extend_deadline(1ms); // never to an earlier time
      extended.set(std::move(ex));
    } else if (which == "cleared") {
      ex->clear_deadline();
      cleared.set(std::move(ex));
    } else {
      ex->on_gone([ex] {});
    }
  });
  auto a = server.connect(), b = server.connect();
  a.send(get_request("/extended"));
  b.send(get_request("/cleared"));
  auto first = extended.get().value(), second = cleared.get().value();
  CHECK(server.ask(get_request("/timed")).status == 504); // a deadline's time has passed
  first->respond(200, {}, "a");
  second->respond(200, {}, "b");
  CHECK(a.read_reply().body == "a");
  CHECK(b.read_reply().body == "b");
}

TEST_CASE("a stream past its deadline is cut", "[http][deadline]") {
  auto options = test_options();
  options.request_deadline = 30ms;
  awaited<exchange_ptr> held;
  running_server server(options, [&](exchange_ptr ex) {
    ex->begin_stream(200, {});
    held.set(std::move(ex));
  });
  const auto reply = server.ask(get_request("/"));
  CHECK(reply.status == 200);
  CHECK_FALSE(reply.complete);
}

TEST_CASE("a stream's tick goes on until its end, and lets go then", "[http][stream]") {
  awaited<exchange_ptr> held;
  awaited<bool> ticked;
  auto token = std::make_shared<int>(0);
  running_server server{[&](exchange_ptr ex) {
    ex->begin_stream(200, {});
    ex->every(5ms, [&ticked, ex, token] {
      ex->write("tick", {});
      if (++*token == 3)
        ticked.set(true);
    });
    held.set(std::move(ex));
  }};
  auto client = server.connect();
  client.send(get_request("/"));
  {
    auto ex = held.get().value();
    CHECK(ticked.get() == true);
    ex->finish();
  }
  const auto reply = client.read_reply();
  CHECK(reply.complete);
  CHECK(reply.body.starts_with("tickticktick"));
  client.send(get_request("/")); // served: so the exchange before has ended
  CHECK(client.read_until("tick").starts_with("HTTP/1.1 200"));
}

TEST_CASE("answers may come from any thread, in any number of connections", "[http][stream]") {
  boost::asio::io_context workers;
  auto work = boost::asio::make_work_guard(workers);
  std::thread one{[&] { workers.run(); }}, two{[&] { workers.run(); }};
  {
    running_server server{[&](exchange_ptr ex) {
      boost::asio::post(workers, [ex = std::move(ex)] {
        if (ex->req().path[0] == "stream") {
          ex->begin_stream(200, {});
          ex->write("s", {});
          ex->write(ex->req().target, {});
          ex->finish();
        } else if (ex->req().path[0] == "whole") {
          ex->respond(200, {}, ex->req().target);
        }
      });
    }};
    std::vector<std::thread> clients;
    std::atomic<int> right{0};
    for (int c = 0; c < 8; ++c)
      clients.emplace_back([&, c] {
        auto client = server.connect();
        for (int i = 0; i < 50; ++i) {
          const auto id = "/" + std::to_string(c) + "/" + std::to_string(i);
          client.send(get_request("/whole" + id) + get_request("/stream" + id)
                      + get_request("/dropped"));
          right += client.read_reply().body == "/whole" + id;
          right += client.read_reply().body == "s/stream" + id;
          right += client.read_reply().status == 500;
        }
      });
    for (auto& t : clients)
      t.join();
    CHECK(right == 8 * 50 * 3);
  }
  work.reset();
  one.join();
  two.join();
}
