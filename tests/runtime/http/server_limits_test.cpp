// The inbound door with clients that send too much, too slowly, or are too many.
#include "tests/runtime/http/server_fixture.hpp"

#include <mutex>
#include <poll.h>

using namespace behalf;
using namespace std::chrono_literals;

namespace {

// Reads the body first, as whoever lets the caller in does.
void ok(const exchange_ptr& ex) {
  with_body(ex, [ex](const std::string&) { ex->respond(200, {}, "{}"); });
}

// Answers at once, as to a stranger: nobody asks for the body.
void stranger(const exchange_ptr& ex) {
  ex->respond(401, {}, "{}");
}

bool answered(raw_client& client) {
  boost::system::error_code ec;
  return client.socket().available(ec) > 0;
}

// False when it has not come true within half a minute.
bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!holds())
    if (std::chrono::steady_clock::now() > end)
      return false;
    else
      std::this_thread::yield();
  return true;
}

std::string announcing(std::size_t size, std::string_view extra = {}) {
  return std::string{"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: "} + std::to_string(size)
         + "\r\n" + std::string{extra} + "\r\n";
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

TEST_CASE("a body counts as it arrives, against whoever asked for it", "[http][limits]") {
  const fair_budget memory{1'000'000};
  running_server server{[&](exchange_ptr ex) {
    with_body(
      ex, [ex](const std::string&) { ex->respond(200, {}, "{}"); },
      memory.open("acme", ex->req().path.front()));
  }};
  std::vector<raw_client> announcers; // announcing takes nothing from anybody
  for (int i = 0; i < 26; ++i) {
    announcers.push_back(server.connect());
    announcers.back().send("POST /alice HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n");
  }
  CHECK(server.ask(post_request("/alice", std::string(300'000, 'a'))).status == 200);
  const auto refused = server.ask(post_request("/alice", std::string(1'100'000, 'a')));
  CHECK(refused.status == 429);
  CHECK(refused.header("retry-after") == "1");
  CHECK(refused.header("connection") == "close");
  CHECK(server.ask(post_request("/bob", std::string(100'000, 'a'))).status == 200);
}

TEST_CASE("one caller's bodies leave room for another's", "[http][limits]") {
  const fair_budget memory{2'000'000};
  std::mutex lock;
  std::vector<std::function<void()>> waiting; // alice's requests, whose bodies are in memory
  const auto held = [&] {
    const std::lock_guard guard{lock};
    return waiting.size();
  };
  running_server server{[&](exchange_ptr ex) {
    auto mine = memory.open("acme", ex->req().path.front());
    with_body(
      ex,
      [&, ex, mine](const std::string& body) {
        if (ex->req().path.front() == "bob")
          return ex->respond(200, {}, "{}");
        const std::lock_guard guard{lock};
        waiting.push_back([ex, mine, body] { ex->respond(200, {}, "{}"); });
      },
      mine);
  }};
  std::vector<raw_client> all;
  std::size_t refused = 0;
  for (int i = 0; i < 12; ++i) {
    const auto before = held();
    all.push_back(server.connect());
    auto& client = all.back();
    client.send(post_request("/alice", std::string(290'000, 'a')));
    REQUIRE(eventually([&] { return answered(client) || held() > before; }));
    if (held() > before)
      continue;
    CHECK(client.read_reply().status == 429);
    ++refused;
  }
  CHECK(refused >= 5);
  CHECK(held() >= 3);
  CHECK(server.ask(post_request("/bob", std::string(50'000, 'b'))).status == 200);
  for (const auto& answer : waiting)
    answer();
  waiting.clear();
}

TEST_CASE("a body nobody asked for is never read", "[http][limits]") {
  running_server server{stranger};
  auto client = server.connect();
  client.send(announcing(20'000'000)); // and not a byte of it
  auto reply = client.read_reply();
  CHECK(reply.status == 401);
  CHECK(reply.header("connection") == "close");
  CHECK(client.read_all().empty());
  // Told before it sends: no 100, the answer.
  auto polite = server.connect();
  polite.send(announcing(1000, "Expect: 100-continue\r\n"));
  CHECK(polite.read_reply().status == 401);
  // What came with the head does not end the connection.
  auto small = server.connect();
  for (int i = 0; i < 2; ++i) {
    small.send(post_request("/", "small"));
    CHECK(small.read_reply().status == 401);
  }
}

TEST_CASE("whoever waits for 100 gets it once somebody wants the body", "[http][limits]") {
  running_server server{ok};
  auto client = server.connect();
  client.send(announcing(4, "Expect: 100-continue\r\n"));
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  CHECK(client.read_reply().status == 200);
  client.send(get_request("/")); // the connection is good for more
  CHECK(client.read_reply().status == 200);
}

TEST_CASE("the deadline waits for the body, and begins anew", "[http][limits]") {
  auto options = test_options();
  options.request_deadline = 150ms;
  awaited<exchange_ptr> held;
  running_server server(options, [&](exchange_ptr ex) {
    with_body(ex, [&, ex](const std::string&) { held.set(ex); });
  });
  auto client = server.connect();
  client.send(announcing(20'000));
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begin + 400ms) // a body under way is no overdue answer
    server.ask("BAD\r\n\r\n");
  client.send(std::string(20'000, 'a'));
  const auto overdue = held.get();
  REQUIRE(overdue);
  CHECK(client.read_reply().status == 504);
}

TEST_CASE("bytes trickling in do not move the end of a body's time", "[http][limits]") {
  auto options = test_options();
  options.body_timeout = 60s; // each byte would begin it anew
  options.body_deadline = 150ms;
  running_server server{options, ok};
  auto client = server.connect();
  client.send(announcing(1'000'000));
  pollfd answer{client.socket().native_handle(), POLLIN, 0};
  const auto begin = std::chrono::steady_clock::now();
  do
    client.send("x");
  while (::poll(&answer, 1, 10) == 0 && std::chrono::steady_clock::now() < begin + 30s);
  CHECK(client.read_reply().status == 408);
}

TEST_CASE("one peer's heads leave room for others'", "[http][limits]") {
  auto options = test_options();
  options.max_body_memory = 100'000;
  options.max_header_bytes = 32'000;
  running_server server{options, ok};
  std::vector<raw_client> fat;
  for (int i = 0; i < 20; ++i) {
    fat.push_back(server.connect());
    fat.back().send("GET /" + std::string(20'000, 'a'));
  }
  CHECK(eventually([&] { return std::count_if(fat.begin(), fat.end(), answered) >= 10; }));
  CHECK(server.ask(get_request("/")).status == 200); // an ordinary head takes nothing
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

TEST_CASE("half a body of a client that left is nobody's", "[http][limits]") {
  std::atomic<int> handled{0};
  running_server server{[&](exchange_ptr ex) {
    with_body(ex, [&, ex](const std::string&) {
      ++handled;
      ex->respond(200, {}, "{}");
    });
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

TEST_CASE("slow heads and idle connections keep no other peer out", "[http][limits]") {
  auto options = test_options();
  options.max_connections = 20;
  running_server server{options, ok};
  std::vector<raw_client> crowd;
  for (const auto* peer : {"127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14"})
    for (int i = 0; i < 20; ++i) {
      crowd.push_back(server.connect(peer));
      crowd.back().send(i % 2 ? "GET / HTTP/1.1\r\nHost: t\r\n" : "");
    }
  for (int i = 0; i < 3; ++i) {
    auto client = server.connect("127.0.0.15");
    client.send(get_request("/"));
    CHECK(client.read_reply().status == 200);
    client.send(get_request("/"));
    CHECK(client.read_reply().status == 200);
  }
}

TEST_CASE("a request under way gives way to nobody", "[http][limits]") {
  auto options = test_options();
  options.max_connections = 3;
  std::mutex guard;
  std::vector<exchange_ptr> held;
  std::atomic<std::size_t> begun{0};
  running_server server{options, [&](exchange_ptr ex) {
                          std::lock_guard lock{guard};
                          held.push_back(std::move(ex));
                          ++begun;
                        }};
  std::vector<raw_client> busy;
  for (int i = 0; i < 3; ++i) {
    busy.push_back(server.connect("127.0.0.11"));
    busy.back().send(get_request("/"));
  }
  REQUIRE(eventually([&] { return begun == 3; }));
  auto newcomer = server.connect("127.0.0.12");
  newcomer.send(get_request("/"));
  CHECK(newcomer.read_reply().status == 503);
  {
    std::lock_guard lock{guard};
    for (const auto& ex : held)
      ex->respond(200, {}, "{}");
    held.clear();
  }
  for (auto& client : busy)
    CHECK(client.read_reply().status == 200);
  // They are idle as soon as the server knows that their answers are out.
  std::vector<raw_client> next;
  CHECK(eventually([&] {
    next.push_back(server.connect("127.0.0.12"));
    next.back().send(get_request("/"));
    return eventually([&] { return begun == 4 || answered(next.back()); }) && begun == 4;
  }));
}
