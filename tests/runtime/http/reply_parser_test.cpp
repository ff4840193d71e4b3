// What stands between the chunks of a reply is bounded, however it arrives.
#include "runtime/http/reply_parser.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

constexpr reply_limits limits{4096, 0};
const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

struct outcome {
  std::string body, error;
  bool done = false;
  std::size_t waiting = 0, most_waiting = 0;
};

outcome read(const std::string& bytes, std::size_t piece) {
  reply_parser parser{limits, nullptr, nullptr, false};
  wiped_string in;
  outcome o;
  for (std::size_t at = 0; at < bytes.size() && o.error.empty() && !parser.done(); at += piece) {
    in.append(std::string_view{bytes}.substr(at, piece));
    for (int again = 0; again < 2; ++again) // a pull tries what is left before it reads on
      if (auto fed = parser.feed(in); !fed)
        o.error = fed.error().message;
    o.body += parser.take_body();
    o.waiting = in.view().size();
    o.most_waiting = std::max(o.most_waiting, o.waiting);
  }
  o.done = parser.done();
  return o;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i)
    all += text;
  return all;
}

constexpr auto too_much = "answered more than 4096 bytes of chunk extensions or trailers";

} // namespace

TEST_CASE("a chunked reply means the same in pieces of any size", "[client]") {
  const auto trailers = "X-T: " + std::string(3000, 't') + "\r\nX-U: u\r\n";
  const auto piece = GENERATE(1u, 2u, 3u, 4u, 5u, 7u, 1000u, 100'000u);
  CAPTURE(piece);
  for (const auto& tail : {std::string{}, trailers}) {
    auto whole = read(head + "5;a=b\r\nhello\r\n1\r\n!\r\n0;c\r\n" + tail + "\r\n", piece);
    CHECK(whole.error.empty());
    CHECK(whole.done);
    CHECK(whole.body == "hello!");
    CHECK(whole.waiting == 0);
    auto empty = read(head + "0\r\n" + tail + "\r\n", piece);
    CHECK(empty.error.empty());
    CHECK(empty.done);
  }
}

TEST_CASE("bytes of a chunk are handed on as they come, before its end", "[client]") {
  reply_parser parser{limits, nullptr, nullptr, false};
  wiped_string in;
  in.append(head + "8\r\nabc");
  REQUIRE(parser.feed(in));
  CHECK(parser.take_body() == "abc");
  in.append("d");
  REQUIRE(parser.feed(in));
  CHECK(parser.take_body() == "d");
}

TEST_CASE("trailers without end are left at the limit of the header", "[client][limits]") {
  const auto piece = GENERATE(1u, 13u, 1000u);
  const auto answer = head + "5\r\nhello\r\n0\r\n";
  for (const auto& bytes : {answer + repeated("X-T: tttttttttt\r\n", 3000),
                            answer + "X-T: " + std::string(50'000, 't')}) {
    auto o = read(bytes, piece);
    CHECK(o.error == too_much);
    CHECK(o.body == "hello");
    CHECK(o.most_waiting <= limits.header_bytes + piece);
  }
  // Whole, but in one read.
  CHECK(read(answer + repeated("X-T: tttttttttt\r\n", 3000) + "\r\n", 100'000).error == too_much);
}

TEST_CASE("chunk extensions without end are left", "[client][limits]") {
  const auto piece = GENERATE(1u, 1000u, 100'000u);
  CAPTURE(piece);
  for (const auto& bytes :
       {head + "5;a=" + std::string(50'000, 'e'), head + "0;a=" + std::string(50'000, 'e'),
        head + std::string(50'000, '0'), head + "5\r\nhello\r\n" + std::string(50'000, '0') + "5",
        // each line short, and next to no body
        head + repeated("1;a=" + std::string(100, 'e') + "\r\nx\r\n", 500)}) {
    auto o = read(bytes, piece);
    CHECK(o.error == too_much);
    CHECK(o.most_waiting <= limits.header_bytes + piece);
  }
}

TEST_CASE("chunks as small as can be are read for as long as they come", "[client][limits]") {
  for (const std::string chunk : {"1\r\nx\r\n", "00000001\r\nx\r\n"}) {
    auto o = read(head + repeated(chunk, 20'000) + "0\r\n\r\n", 1000);
    CHECK(o.error.empty());
    CHECK(o.body.size() == 20'000);
    CHECK(o.done);
  }
  // An extension to each chunk is read too, where the chunk outweighs it.
  auto signed_chunk =
    "40;chunk-signature=" + std::string(64, 'a') + "\r\n" + std::string(64, 'x') + "\r\n";
  auto o = read(head + repeated(signed_chunk, 2000) + "0\r\n\r\n", 1000);
  CHECK(o.error.empty());
  CHECK(o.done);
}
