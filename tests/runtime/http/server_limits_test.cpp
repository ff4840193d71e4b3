// The inbound door with clients that send too much, too slowly, or are too many.
#include "tests/runtime/http/server_fixture.hpp"

using namespace behalf;
using namespace std::chrono_literals;

namespace {

void ok(const exchange_ptr& ex) {
  ex->respond(200, {}, "{}");
}

} // namespace

TEST_CASE("a head beyond the limit is 431, one within is served", "[http][limits]") {
  auto options = test_options();
  options.max_header_bytes = 1000;
  running_server server{options, ok};
  CHECK(server.ask(get_request("/", "X: " + std::string(900, 'a') + "\r\n")).status == 200);
  CHECK(server.ask(get_request("/", "X: " + std::string(1000, 'a') + "\r\n")).status == 431);
  CHECK(server.ask("GET /" + std::string(5000, 'a')).status == 431); // never ends
  std::string many;
  for (int i = 0; i < 300; ++i)
    many += "A: b\r\n";
  options.max_header_bytes = 32 * 1024;
  running_server roomy{options, ok};
  CHECK(roomy.ask(get_request("/", many)).status == 431);
}

TEST_CASE("a body beyond the limit is 413, announced or not", "[http][limits]") {
  auto options = test_options();
  options.max_body_bytes = 100;
  running_server server{options, ok};
  CHECK(server.ask(post_request("/", std::string(100, 'a'))).status == 200);
  const auto over = server.ask(post_request("/", std::string(101, 'a')));
  CHECK(over.status == 413);
  CHECK(over.body == R"({"detail":"Request body too large"})");
  const std::string chunked = "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto chunk = "32\r\n" + std::string(50, 'a') + "\r\n";
  CHECK(server.ask(chunked + chunk + chunk + "0\r\n\r\n").status == 200);
  CHECK(server.ask(chunked + chunk + chunk + "1\r\na\r\n0\r\n\r\n").status == 413);
  // Told before it sends what would not be read.
  CHECK(server
          .ask("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 101\r\n"
               "Expect: 100-continue\r\n\r\n")
          .status
        == 413);
}

TEST_CASE("a client reads the refusal of a body it is still sending", "[http][limits]") {
  auto options = test_options();
  options.max_body_bytes = 1000;
  running_server server{options, ok};
  auto client = server.connect();
  client.send(post_request("/", std::string(500'000, 'a')));
  CHECK(client.read_reply().status == 413);
  CHECK(client.read_all().empty());
}

TEST_CASE("bodies of all requests together are bounded", "[http][limits]") {
  auto options = test_options();
  options.max_body_memory = 1000;
  awaited<exchange_ptr> first;
  running_server server(options, [&](exchange_ptr ex) {
    if (!first.is_set())
      first.set(std::move(ex));
    else
      ok(ex);
  });
  auto holder = server.connect();
  holder.send(post_request("/", std::string(800, 'a')));
  auto held = first.get().value();
  const auto refused = server.ask(post_request("/", std::string(300, 'a')));
  CHECK(refused.status == 503);
  CHECK(refused.header("retry-after") == "1");
  CHECK(server.ask(post_request("/", std::string(100, 'a'))).status == 200);
  held->respond(200, {}, "{}");
  held.reset(); // with the exchange goes its share
  CHECK(holder.read_reply().status == 200);
  CHECK(server.ask(post_request("/", std::string(300, 'a'))).status == 200);
}

TEST_CASE("a slow head is 408, a silent connection just closed", "[http][limits]") {
  auto options = test_options();
  options.header_timeout = 50ms;
  running_server server{options, ok};
  auto slow = server.connect();
  slow.send("GET / HTTP/1.1\r\nHost: t\r\n");
  CHECK(slow.read_reply().status == 408);
  CHECK(slow.read_all().empty());
  auto silent = server.connect();
  CHECK(silent.read_all().empty());
}

TEST_CASE("drops of head do not move the end of the wait", "[http][limits]") {
  auto options = test_options();
  options.header_timeout = 100ms;
  running_server server{options, ok};
  auto client = server.connect();
  client.socket().non_blocking(true);
  client.send("GET / HTTP/1.1\r\n");
  const auto begin = std::chrono::steady_clock::now();
  boost::system::error_code ec = boost::asio::error::would_block;
  char byte = 0;
  while (ec == boost::asio::error::would_block && std::chrono::steady_clock::now() < begin + 5s) {
    client.send("X: 1\r\n");
    client.socket().read_some(boost::asio::buffer(&byte, 1), ec);
  }
  CHECK((!ec || ec != boost::asio::error::would_block));
  CHECK(std::chrono::steady_clock::now() - begin < 3s);
}

TEST_CASE("half a body is 408 after its time", "[http][limits]") {
  auto options = test_options();
  options.body_timeout = 50ms;
  running_server server{options, ok};
  CHECK(server.ask("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhalf").status == 408);
  CHECK(server.ask("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha").status
        == 408);
}

TEST_CASE("a client that leaves in the middle of its body reaches no handler", "[http][limits]") {
  std::atomic<int> handled{0};
  running_server server{[&](exchange_ptr ex) {
    ++handled;
    ok(ex);
  }};
  {
    auto client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nhalf");
    client.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send);
    CHECK(client.read_all().empty());
  }
  CHECK(server.ask(get_request("/")).status == 200);
  CHECK(handled == 1);
}

TEST_CASE("an idle connection is closed after its time", "[http][limits]") {
  auto options = test_options();
  options.keep_alive_timeout = 50ms;
  running_server server{options, ok};
  auto client = server.connect();
  client.send(get_request("/"));
  CHECK(client.read_reply().status == 200);
  CHECK(client.read_all().empty());
}

TEST_CASE("a client that does not read its answer is cut", "[http][limits]") {
  auto options = test_options();
  options.write_timeout = 100ms;
  awaited<bool> gone;
  running_server server(options, [&](exchange_ptr ex) {
    ex->begin_stream(200, {});
    ex->write(std::string(20'000'000, 'x'), [&gone, ex] { gone.set(ex->gone()); });
  });
  auto client = server.connect();
  client.send(get_request("/"));
  CHECK(gone.get() == true);
}

TEST_CASE("one connection too many is told so", "[http][limits]") {
  auto options = test_options();
  options.max_connections = 2;
  running_server server{options, ok};
  auto a = server.connect(), b = server.connect();
  a.send(get_request("/"));
  b.send(get_request("/"));
  CHECK(a.read_reply().status == 200);
  CHECK(b.read_reply().status == 200);
  const auto refused = server.ask(get_request("/"));
  CHECK(refused.status == 503);
  CHECK(refused.header("retry-after") == "1");
  a.send(get_request("/")); // the others are not disturbed
  CHECK(a.read_reply().status == 200);
}
