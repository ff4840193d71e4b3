#include "actors/outside/stream_reader.hpp"
#include "tests/support/client_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

namespace {

constexpr auto head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// A stream, opened by whoever plays egress here.
struct reader_fixture : client_fixture {
  explicit reader_fixture(const raw_server& server) {
    auto request = to(server.url());
    request.call.stream = true;
    stream = send(std::move(request)).value().stream_id;
    http = std::move(door);
    reader->open(http, stream, [this] { ++times_over; });
  }
  reader_fixture(const reader_fixture&) = delete;
  ~reader_fixture() { http.reset(); }

  std::future<result<outbound_chunk>> begin() {
    auto answer = std::make_shared<std::promise<result<outbound_chunk>>>();
    auto read = answer->get_future();
    reader->read([answer](result<outbound_chunk> part) { answer->set_value(std::move(part)); });
    return read;
  }
  result<outbound_chunk> read() { return begin().get(); }

  std::shared_ptr<client> http;
  std::shared_ptr<stream_reader> reader = std::make_shared<stream_reader>();
  uint64_t stream = 0;
  std::atomic<int> times_over{0};
};

} // namespace

TEST_CASE("a stream is read part by part, and said to be over once", "[egress]") {
  std::promise<void> go;
  raw_server server{[&](peer& p) {
    p.request();
    p.say(head);
    p.say("3\r\none\r\n");
    go.get_future().wait_for(milliseconds{5000});
    p.say("3\r\ntwo\r\n0\r\n\r\n");
  }};
  reader_fixture f{server};
  CHECK(f.reader->reads(f.stream));
  CHECK_FALSE(f.reader->reads(f.stream + 1));
  CHECK(f.read()->bytes == "one");
  CHECK(f.times_over == 0);
  go.set_value();
  std::string rest;
  for (bool last = false; !last;) {
    auto part = f.read().value();
    rest += part.bytes;
    last = part.last;
  }
  CHECK(rest == "two");
  CHECK(f.times_over == 1);
  CHECK(f.read().error().code == errc::not_found);
  CHECK(f.times_over == 1);
}

TEST_CASE("of a stream that is cut nothing is read but why", "[egress]") {
  raw_server server{[](peer& p) {
    p.request();
    p.say(head);
    p.wait_for_end();
  }};
  reader_fixture f{server};
  auto waiting = f.begin();
  CHECK(f.read().error().code == errc::conflict); // the first goes on
  f.reader->cut({errc::denied, "withdrawn", {}, "revoked"});
  CHECK(waiting.wait_for(milliseconds{0}) == std::future_status::timeout);
  f.http->close(f.stream); // as egress does then
  CHECK(waiting.get().error().kind == "revoked");
  CHECK(f.times_over == 1);
  CHECK(f.read().error().kind == "revoked");
}

TEST_CASE("a stream that is cut between two reads gives none of what has come", "[egress]") {
  raw_server server{[](peer& p) {
    p.request();
    p.say(head);
    p.say("3\r\none\r\n");
    p.wait_for_end();
  }};
  reader_fixture f{server};
  f.reader->cut({errc::denied, "withdrawn", {}, "revoked"});
  CHECK(f.read().error().kind == "revoked");
  CHECK(f.times_over == 1);
}
