// What counts as a request, and what is refused because two servers could read it differently.
#include "runtime/http/request_parser.hpp"
#include "tests/runtime/http/server_fixture.hpp"

using namespace behalf;

namespace {

unsigned status_of(running_server& server, std::string_view bytes) {
  auto client = server.connect();
  client.send(bytes);
  const auto reply = client.read_reply();
  if (reply.status >= 400) {
    CHECK(reply.header("connection") == "close");
    CHECK(reply.body.starts_with(R"({"detail":")"));
    CHECK(reply.header("x-request-id").size() == 36);
    CHECK(client.read_all().empty()); // nothing behind it is taken for a request
  }
  return reply.status;
}

} // namespace

TEST_CASE("requests that could be read in two ways are refused", "[http][security]") {
  running_server server{[](exchange_ptr ex) {
    with_body(ex, [ex](const std::string&) { ex->respond(200, {}, "{}"); });
  }};
  const std::string post = "POST /x HTTP/1.1\r\nHost: t\r\n";
  const auto [why, bytes, status] = GENERATE_COPY(table<const char*, std::string, unsigned>({
    {"both lengths", post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400u},
    {"both, other order", post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
     400u},
    {"two different lengths", post + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400u},
    {"two equal lengths", post + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400u},
    {"list of lengths", post + "Content-Length: 4, 4\r\n\r\nabcd", 400u},
    {"signed length", post + "Content-Length: +4\r\n\r\nabcd", 400u},
    {"negative length", post + "Content-Length: -4\r\n\r\nabcd", 400u},
    {"hexadecimal length", post + "Content-Length: 0x4\r\n\r\nabcd", 400u},
    {"empty length", post + "Content-Length:\r\n\r\nabcd", 400u},
    {"overflowing length", post + "Content-Length: 99999999999999999999999\r\n\r\n", 400u},
    {"unknown encoding", post + "Transfer-Encoding: gzip\r\n\r\n", 501u},
    {"chunked not last", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501u},
    {"chunked behind gzip", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501u},
    {"encoding twice",
     post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400u},
    {"encoding with a tab",
     post
       + "Transfer-Encoding: \x0b"
         "chunked\r\n\r\n0\r\n\r\n",
     400u},
    {"encoding under HTTP/1.0",
     "POST / HTTP/1.0\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400u},
    {"space before the colon", post + "Content-Length : 4\r\n\r\nabcd", 400u},
    {"folded field", post + "X-Long: a\r\n b\r\n\r\n", 400u},
    {"folded with a tab", post + "X-Long: a\r\n\tb\r\n\r\n", 400u},
    {"folded encoding", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400u},
    {"bare line feeds", "GET / HTTP/1.1\r\nHost: t\nX: 1\r\n\r\n", 400u},
    {"bare carriage return", "GET / HTTP/1.1\r\nHost: t\r\nX: a\rb\r\n\r\n", 400u},
    {"NUL in a value", std::string{"GET / HTTP/1.1\r\nHost: t\r\nX: a\0b\r\n\r\n", 35}, 400u},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400u},
    {"two origins",
     "GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://localhost\r\nOrigin: http://b\r\n\r\n", 400u},
    {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400u},
    {"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", 400u},
    {"chunk longer than said", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
     400u},
    {"endless chunk size", post + "Transfer-Encoding: chunked\r\n\r\n" + std::string(20'000, '0'),
     400u},
    {"not HTTP", "\x16\x03\x01\x02\r\n\r\n", 400u},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505u},
    {"bad escape", "GET /a%zz HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"cut escape", "GET /a%4 HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"escaped NUL", "GET /a%00b HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"bad escape in the query", "GET /a?x=%f HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"not UTF-8", "GET /a%ff HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"compressed body", post + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", 415u},
    {"compressed chunks",
     post + "Transfer-Encoding: chunked\r\nContent-Encoding: br\r\n\r\n0\r\n\r\n", 415u},
    {"encoded twice",
     post + "Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
     415u},
    {"asterisk for another method", "GET * HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"absolute form without a host", "GET http:///a HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"absolute form of another scheme", "GET ftp://t/a HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
    {"authority form", "CONNECT example.com:443 HTTP/1.1\r\nHost: t\r\n\r\n", 400u},
  }));
  INFO(why);
  CHECK(status_of(server, bytes) == status);
}

TEST_CASE("unusual but lawful requests are accepted", "[http]") {
  running_server server{[](exchange_ptr ex) {
    std::string text;
    for (const auto& segment : ex->req().path)
      text += "/" + segment;
    ex->respond(200, {}, std::move(text));
  }};
  CHECK(server.ask("\r\n\r\nGET /late HTTP/1.1\r\nHost: t\r\n\r\n").body == "/late");
  CHECK(server.ask("GET http://elsewhere.example/abs?x=1 HTTP/1.1\r\nHost: t\r\n\r\n").body
        == "/abs");
  CHECK(server.ask("OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n").status == 200);
  CHECK(server.ask("GET /a%2Fb/%C3%A4 HTTP/1.1\r\nHost: t\r\n\r\n").body == "/a/b/\xC3\xA4");
  CHECK(server.ask("GET /plain HTTP/1.1\r\nHost: t\r\nContent-Encoding: gzip\r\n\r\n").body
        == "/plain");
  CHECK(server
          .ask("POST /e HTTP/1.1\r\nHost: t\r\nContent-Encoding: identity\r\n"
               "Content-Length: 1\r\n\r\na")
          .status
        == 200);
  CHECK(server.ask("BREW /pot HTTP/1.1\r\nHost: t\r\n\r\n").status == 200);
  CHECK(server.ask("POST /e HTTP/1.1\r\nhost:t\r\ncontent-length:   0  \r\n\r\n").body == "/e");
}

TEST_CASE("the end of a head is found wherever it is cut", "[http]") {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: t\r\n\r\nrest";
  for (std::size_t step = 1; step < bytes.size(); ++step) {
    std::size_t searched = 0, found = 0;
    for (std::size_t size = step; found == 0 && size < bytes.size() + step; size += step)
      found = inbound::head_length(std::string_view{bytes}.substr(0, size), searched);
    CHECK(found == bytes.size() - 4);
  }
}
