#include "runtime/http/sse.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("an event is event, data, id and a blank line", "[http][sse]") {
  CHECK(sse_frame("metadata", R"({"run_id":"r","attempt":1})")
        == "event: metadata\r\ndata: {\"run_id\":\"r\",\"attempt\":1}\r\n\r\n");
  CHECK(sse_frame("values", "{}", "1795238613951-0")
        == "event: values\r\ndata: {}\r\nid: 1795238613951-0\r\n\r\n");
  CHECK(sse_frame("custom", "") == "event: custom\r\ndata: \r\n\r\n");
}

TEST_CASE("nothing in an event can begin another field or event", "[http][sse]") {
  CHECK(
    sse_frame("a\r\nid: 7\n", "x\r\ny\nz\rw\n",
              std::string_view{"1\n2\0"
                               "3",
                               5})
    == "event: aid: 7\r\ndata: x\r\ndata: y\r\ndata: z\r\ndata: w\r\ndata: \r\nid: 123\r\n\r\n");
}

TEST_CASE("events are appended", "[http][sse]") {
  std::string out{sse_heartbeat};
  append_sse(out, "a", "1");
  append_sse(out, "b", "2");
  CHECK(out == ": heartbeat\r\n\r\nevent: a\r\ndata: 1\r\n\r\nevent: b\r\ndata: 2\r\n\r\n");
  const auto headers = sse_headers();
  CHECK(*find_header(headers, "content-type") == "text/event-stream; charset=utf-8");
}
