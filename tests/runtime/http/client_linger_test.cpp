// A stream closed by its reader: the connection is kept when the server ends the stream soon.
#include "tests/support/client_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

namespace {

constexpr auto events_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                             "Content-Type: text/event-stream\r\n\r\n";
constexpr auto one_event = "8\r\ndata: x\n\r\n";
constexpr auto stream_end = "0\r\n\r\n";

// Begins a stream, sends an event, and then does what the test says.
class event_server {
public:
  template <class Then>
  explicit event_server(Then then)
    : server_{[this, then](peer& p) {
        p.request();
        p.say(events_head);
        p.say(one_event);
        then(p);
        if (p.number == 0)
          gone_.set_value();
      }} {}

  // The first connection has come to its end, or does so soon.
  bool left() {
    return gone_.get_future().wait_for(milliseconds{5000}) == std::future_status::ready;
  }
  std::string url() const { return server_.url(); }
  unsigned connections() const { return server_.connections(); }

private:
  std::promise<void> gone_;
  raw_server server_;
};

// Keeps its stream open until the client leaves.
struct silent_server : event_server {
  silent_server() : event_server([](peer& p) { p.wait_for_end(); }) {}
};

client_options with_linger(milliseconds time, std::size_t bytes = 16u << 10) {
  client_options options;
  options.linger = time;
  options.linger_bytes = bytes;
  return options;
}

struct linger_fixture : client_fixture {
  using client_fixture::client_fixture;

  // Opens a stream and reads its one event.
  uint64_t open(const event_server& server) {
    auto request = to(server.url());
    request.call.stream = true;
    auto reply = send(std::move(request));
    REQUIRE(reply);
    auto event = pull(reply->stream_id);
    REQUIRE(event);
    REQUIRE_FALSE(event->last);
    return reply->stream_id;
  }

  bool settled() {
    return soon([](const client_figures& now) { return now.in_flight == 0; });
  }
  template <class Test>
  bool soon(Test holds) {
    auto until = in(milliseconds{5000});
    while (!holds(door->figures()) && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    return holds(door->figures());
  }
};

} // namespace

TEST_CASE("a closed stream that ends a little later leaves its connection", "[client]") {
  std::promise<void> closed;
  event_server server{[&](peer& p) {
    closed.get_future().wait_for(milliseconds{5000});
    p.say("5\r\n: bye\r\n"); // what nobody waits for any more
    p.say(stream_end);
    if (p.request())
      p.reply("again");
    p.wait_for_end();
  }};
  linger_fixture f{with_linger(milliseconds{5000})};
  auto stream = f.open(server);
  f.door->close(stream);
  CHECK(f.pull(stream).error().code == errc::not_found);
  CHECK(f.door->figures().idle == 0); // its end has not come yet
  closed.set_value();
  REQUIRE(f.soon([](const client_figures& now) { return now.idle == 1; }));
  auto next = f.get(server.url());
  REQUIRE(next);
  CHECK(next->body == "again");
  CHECK(server.connections() == 1);
}

TEST_CASE("a closed stream that goes on loses its connection soon", "[client]") {
  silent_server server;
  linger_fixture f{with_linger(milliseconds{20})};
  f.door->close(f.open(server));
  CHECK(server.left());
  REQUIRE(f.settled());
  CHECK(f.door->figures().idle == 0);
}

TEST_CASE("a closed stream that talks on is not listened to for long", "[client]") {
  event_server server{[](peer& p) {
    while (p.say(one_event)) {
    }
  }};
  linger_fixture f{with_linger(milliseconds{60'000}, 1000)};
  f.door->close(f.open(server));
  CHECK(server.left());
  CHECK(f.settled());
}

TEST_CASE("without patience a closed stream's connection is closed at once", "[client]") {
  silent_server server;
  linger_fixture f{with_linger(milliseconds{0})};
  f.door->close(f.open(server));
  CHECK(server.left());
}

TEST_CASE("a cancelled stream is not waited for, lingering or not", "[client]") {
  silent_server server;
  linger_fixture f{with_linger(milliseconds{60'000})};
  auto stream = f.open(server);
  f.door->close(stream);
  f.door->cancel(stream);
  CHECK(server.left());
  CHECK(f.settled());
}

TEST_CASE("a client that ends does not wait for lingering streams", "[client]") {
  silent_server server;
  auto begun = std::chrono::steady_clock::now();
  {
    linger_fixture f{with_linger(milliseconds{60'000})};
    f.door->close(f.open(server));
  }
  CHECK(std::chrono::steady_clock::now() - begun < milliseconds{10'000});
}
