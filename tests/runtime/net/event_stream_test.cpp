#include "runtime/net/event_stream.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace behalf;

namespace {

std::string shown(const std::vector<stream_event>& events) {
  std::string text;
  for (const auto& one : events)
    text += one.name + '=' + one.data + '|';
  return text;
}

std::string read_all(event_stream& reader, std::string_view bytes, std::size_t piece) {
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    text += shown(reader.feed(bytes.substr(at, piece)));
  return text;
}

} // namespace

TEST_CASE("an event stream reads the same however it is cut", "[connectors]") {
  const std::string bytes = "\xEF\xBB\xBF: hello\r\n\r\nid: 1\ndata: \n\n"
                            "event: message\rid: 2\rdata: {\"a\":\rdata:1}\r\r"
                            "retry: 2500\r\nevent:other\r\ndata:  two spaces\r\n\r\n"
                            "id: 3\n\ndata\n\n\n\r\n"
                            "unknown: x\nevent: lost\n\ndata: last\n\ndata: incomplete\n";
  const std::string expected =
    "message=|message={\"a\":\n1}|other= two spaces|message=|message=last|";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    event_stream reader;
    INFO("pieces of " << piece);
    CHECK(read_all(reader, bytes, piece) == expected);
    CHECK(reader.last_id() == "3");
    CHECK(reader.retry() == std::chrono::milliseconds{2500});
  }
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    event_stream reader;
    INFO("cut at " << cut);
    auto text = shown(reader.feed(bytes.substr(0, cut)));
    text += shown(reader.feed(bytes.substr(cut)));
    CHECK(text == expected);
  }
}

TEST_CASE("an id counts only when its event is complete, and never with NUL", "[connectors]") {
  event_stream reader;
  reader.feed("id: 1\ndata: x\n\nid: 2\ndata: y\n");
  CHECK(reader.last_id() == "1");
  reader.feed(std::string_view{"id: a\0b\n\n", 9});
  CHECK(reader.last_id() == "2");
  reader.feed("id\ndata: z\n\n");
  CHECK(reader.last_id().empty());
}

TEST_CASE("what a broken connection left incomplete is dropped", "[connectors]") {
  event_stream reader;
  reader.feed("id: 7\ndata: x\n\nid: 8\nevent: e\ndata: half");
  reader.reconnected();
  CHECK(reader.last_id() == "7");
  CHECK(shown(reader.feed("\xEF\xBB\xBF"
                          "data: y\n\n"))
        == "message=y|");
  CHECK(reader.last_id() == "7");
}

TEST_CASE("a delay that is no number is ignored", "[connectors]") {
  for (const char* value : {"", "-1", "1s", "x", " 5", "99999999999999999999"}) {
    event_stream reader;
    reader.feed("retry:" + std::string{" "} + value + "\n\n");
    INFO(value);
    CHECK_FALSE(reader.retry().has_value());
  }
}
