// Starting and stopping: bad options, a taken port, graceful drain, the hard end.
#include "tests/runtime/http/server_fixture.hpp"

using namespace behalf;

TEST_CASE("options that cannot work are refused with a reason", "[http][start]") {
  boost::asio::io_context io;
  const auto message = [&](server_options options) {
    server s;
    const auto started = s.start(io, std::move(options), [](exchange_ptr) {});
    return started ? std::string{"started"} : started.error().message;
  };
  auto options = test_options();
  options.address = "localhost";
  CHECK(message(options) == "not an IP address to listen on: localhost");
  options = test_options();
  options.address = "192.0.2.1"; // not ours
  CHECK(message(options).starts_with("cannot listen on 192.0.2.1:0: "));
  options = test_options();
  options.tls_key = "/nonexistent.pem";
  CHECK(message(options) == "TLS needs both a certificate and a key");
  options.tls_certificate = "/nonexistent.pem";
  CHECK(message(options)
        == "cannot use TLS certificate /nonexistent.pem: no such file, or not readable");
}

TEST_CASE("a port in use is named", "[http][start]") {
  running_server first{[](exchange_ptr ex) { ex->respond(200, {}, "{}"); }};
  boost::asio::io_context io;
  server second;
  auto options = test_options();
  options.port = first.port;
  const auto started = second.start(io, options, [](exchange_ptr) {});
  REQUIRE(!started);
  CHECK(started.error().code == errc::conflict);
  CHECK(started.error().message
        == "cannot listen on 127.0.0.1:" + std::to_string(first.port) + ": the port is in use");
}

TEST_CASE("drain ends idle connections, waits for answers, refuses new ones", "[http][drain]") {
  awaited<exchange_ptr> held;
  awaited<bool> drained;
  running_server server{[&](exchange_ptr ex) {
    if (ex->req().path[0] == "slow")
      held.set(std::move(ex));
    else
      ex->respond(200, {}, "{}");
  }};
  auto idle = server.connect(), busy = server.connect();
  idle.send(get_request("/quick"));
  CHECK(idle.read_reply().status == 200);
  busy.send(get_request("/slow") + get_request("/quick"));
  auto ex = held.get().value();
  server.get().drain([&] { drained.set(true); });
  CHECK(idle.read_all().empty());
  CHECK_FALSE(drained.is_set());
  boost::asio::ip::tcp::socket late{server.client_io()};
  boost::system::error_code ec;
  late.connect({boost::asio::ip::make_address("127.0.0.1"), server.port}, ec);
  CHECK(ec == boost::asio::error::connection_refused);
  ex->respond(200, {}, "slow answer");
  const auto reply = busy.read_reply();
  CHECK(reply.body == "slow answer");
  CHECK(reply.header("connection") == "close");
  CHECK(busy.read_all().empty());
  busy.socket().close();
  CHECK(drained.get() == true);
  CHECK(server.get().connections() == 0);
}

TEST_CASE("drain tells answers under way, and those that begin after it", "[http][drain]") {
  awaited<bool> early, late;
  awaited<exchange_ptr> held;
  running_server server{[&](exchange_ptr ex) {
    if (ex->req().path[0] != "stream")
      return held.set(std::move(ex));
    ex->begin_stream(200, {});
    ex->on_drain([ex, &early] {
      early.set(true);
      ex->finish();
    });
  }};
  auto stream = server.connect(), other = server.connect();
  stream.send(get_request("/stream"));
  other.send(get_request("/other"));
  auto ex = held.get().value();
  CHECK_FALSE(early.is_set());
  server.get().drain([] {});
  CHECK(early.get() == true);
  CHECK(stream.read_reply().status == 200);
  ex->on_drain([&] { late.set(true); });
  CHECK(late.get() == true);
  ex->respond(200, {}, "{}");
  CHECK(other.read_reply().status == 200);
}

TEST_CASE("drain of a server without connections is done at once", "[http][drain]") {
  awaited<bool> drained;
  running_server server{[](exchange_ptr) {}};
  server.get().drain([&] { drained.set(true); });
  CHECK(drained.get() == true);
}

TEST_CASE("close_all cuts what drain waits for, and says so", "[http][drain]") {
  awaited<exchange_ptr> stream, waiting;
  awaited<bool> told, drained;
  running_server server{[&](exchange_ptr ex) {
    if (ex->req().path[0] == "stream") {
      ex->begin_stream(200, {});
      ex->on_gone([&] { told.set(true); });
      stream.set(std::move(ex));
    } else {
      waiting.set(std::move(ex));
    }
  }};
  auto a = server.connect(), b = server.connect();
  a.send(get_request("/stream"));
  b.send(get_request("/waiting"));
  auto held = stream.get().value();
  auto other = waiting.get().value();
  server.get().drain([&] { drained.set(true); });
  CHECK_FALSE(drained.is_set());
  server.get().close_all();
  CHECK(drained.get() == true);
  CHECK(told.get() == true);
  CHECK(held->gone());
  CHECK(other->gone());
  CHECK_FALSE(a.read_reply().complete);
  CHECK(b.read_all().empty());
}

TEST_CASE("exchanges may outlive the server and its io_context", "[http][drain]") {
  awaited<exchange_ptr> whole, stream;
  exchange_ptr a, b;
  std::atomic<int> called{0};
  {
    boost::asio::io_context io, client_io;
    server s;
    const auto port =
      s.start(io, test_options(),
              [&](exchange_ptr ex) {
                ex->on_gone([&called, ex] { ++called; }); // a cycle, until the exchange ends
                if (ex->req().path.empty())
                  return whole.set(std::move(ex));
                ex->begin_stream(200, {});
                stream.set(std::move(ex));
              })
        .value();
    std::thread runner{[&] { io.run(); }};
    raw_client one{client_io, port}, two{client_io, port};
    one.send(get_request("/"));
    two.send(get_request("/stream"));
    a = whole.get().value();
    b = stream.get().value();
    io.stop();
    runner.join();
  }
  a->respond(200, {}, "nobody");
  a->on_gone([&] { ++called; });
  b->write("nobody", [&] { ++called; });
  b->finish();
  CHECK(a.use_count() == 1);
  CHECK(b.use_count() == 1);
  CHECK(called == 0); // there is no thread left to call from
}
