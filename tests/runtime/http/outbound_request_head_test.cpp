#include "runtime/http/outbound_request_head.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

outbound_call call(std::string method = "GET", header_list headers = {}) {
  outbound_call c;
  c.method = std::move(method);
  c.headers = std::move(headers);
  return c;
}

// Writes whatever it is told, as a broken or hostile credential would.
struct any_writer : credential_writer {
  std::string lines, query;
  explicit any_writer(std::string lines, std::string query = {})
    : lines(std::move(lines)), query(std::move(query)) {}
  void write_head(wiped_string& head) const override { head.append(lines); }
  void write_target(wiped_string& target) const override { target.append(query); }
  std::unique_ptr<reply_scrubber> scrubber() const override { return nullptr; }
};

result<wiped_string> head(const outbound_call& c, const credential_writer* credential = nullptr,
                          std::size_t body = 0) {
  return write_request_head(c, *check_url("https://h:8443/a?b=c"), "test/1", body, credential);
}

} // namespace

TEST_CASE("a head is written in full", "[outbound_request_head]") {
  any_writer credential{"X-Key: k\r\nX-Other: o\r\n", "&key=v"};
  auto written = head(call("POST", {{"X-A", "b"}, {"Accept", "text/plain"}}), &credential, 12);
  REQUIRE(written);
  CHECK(written->view()
        == "POST /a?b=c&key=v HTTP/1.1\r\nHost: h:8443\r\nUser-Agent: test/1\r\n"
           "Accept-Encoding: identity\r\nX-A: b\r\nAccept: text/plain\r\n"
           "X-Key: k\r\nX-Other: o\r\nContent-Length: 12\r\n\r\n");
}

TEST_CASE("a call's own user agent replaces ours", "[outbound_request_head]") {
  auto written = head(call("GET", {{"user-agent", "theirs"}}));
  REQUIRE(written);
  CHECK(written->view().find("test/1") == std::string_view::npos);
  CHECK(written->view().find("Content-Length") == std::string_view::npos);
}

TEST_CASE("headers that could end a line are refused", "[outbound_request_head]") {
  using namespace std::literals;
  for (auto value : {"a\r\nX: y"s, "a\nX: y"s, "a\rb"s, "a\0b"s, "\r\n"s, "\r"s, "a\x01"s, "a\x7f"s,
                     "a\r\n\r\nGET /admin HTTP/1.1\r\n"s}) {
    auto ok = check_call(call("GET", {{"X-A", value}}));
    REQUIRE(!ok);
    CHECK(ok.error().code == errc::invalid_argument);
    CHECK(ok.error().message.find('\n') == std::string::npos);
  }
  for (auto name : {""s, "X A"s, "X:"s, "X-A\r\nX"s, "X\0"s, "X\t"s, "(X)"s, "X\xc3\xbc"s, " X"s})
    CHECK(check_call(call("GET", {{name, "b"}})).error().code == errc::invalid_argument);
  CHECK(check_call(call("GET", {{"X-A", "tab\tand \xc3\xbc are text"}, {"X_b.c~", ""}})));
}

TEST_CASE("methods are upper-case words", "[outbound_request_head]") {
  for (auto* method : {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"})
    CHECK(check_call(call(method)));
  for (auto* method : {"", "get", "GET ", "GET /x HTTP/1.1\r\nX: ", "G\nT", "CONNECT", "TRACE",
                       "G1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
    CHECK(check_call(call(method)).error().code == errc::invalid_argument);
}

TEST_CASE("a call may not carry a credential of its own", "[outbound_request_head]") {
  for (auto* name : {"Authorization", "authorization", "AUTHORIZATION", "Cookie", "Cookie2",
                     "Proxy-Authorization", "Proxy-Connection", "proxy-x"}) {
    auto ok = check_call(call("GET", {{name, "tok-1"}}));
    REQUIRE(!ok);
    CHECK(ok.error().code == errc::denied);
    CHECK(ok.error().message.find("tok-1") == std::string::npos);
  }
}

TEST_CASE("a call with a credential may not ask for a part of its reply",
          "[outbound_request_head]") {
  for (auto* name : {"Range", "range", "If-Range", "IF-RANGE"}) {
    CHECK(check_call(call("GET", {{name, "bytes=0-9"}}), true).error().code == errc::denied);
    CHECK(check_call(call("GET", {{name, "bytes=0-9"}}), false));
  }
}

TEST_CASE("a call may not set what frames the message", "[outbound_request_head]") {
  for (auto* name :
       {"Host", "host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE",
        "Trailer", "Upgrade", "Expect", "Accept-Encoding", "HTTP2-Settings"})
    CHECK(check_call(call("GET", {{name, "x"}})).error().code == errc::invalid_argument);
}

TEST_CASE("a credential cannot break the head it is written into", "[outbound_request_head]") {
  for (auto* lines :
       {"Authorization: Bearer a", "Authorization: Bearer a\n", "\r\n", "X: a\r\n\r\n",
        "X: a\r\n\r\nGET / HTTP/1.1\r\n", "no colon\r\n", "X: a\r\nb\r\n", "X : a\r\n",
        "X: a\nY: b\r\n", "X: a\x01\r\n", "Host: evil.test\r\n", "Content-Length: 9\r\n",
        "Transfer-Encoding: chunked\r\n", "connection: close\r\n", ": a\r\n"}) {
    CAPTURE(lines);
    any_writer credential{lines};
    auto written = head(call(), &credential);
    REQUIRE(!written);
    CHECK(written.error().code == errc::internal);
  }
  for (auto* query : {"&k=a b", "&k=a\r\nX: y", " HTTP/1.1\r\nX: y", "&k=\x7f", "&k=\xc3\xbc"}) {
    any_writer credential{"", query};
    CHECK(head(call(), &credential).error().code == errc::internal);
  }
}

TEST_CASE("a call may not set the header of its credential", "[outbound_request_head]") {
  any_writer credential{"X-Api-Key: k\r\n"};
  CHECK(head(call(), &credential));
  auto both = head(call("GET", {{"x-api-key", "mine"}}), &credential);
  REQUIRE(!both);
  CHECK(both.error().code == errc::denied);
}
