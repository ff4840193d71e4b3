#include "runtime/net/codec.hpp"
#include "runtime/net/request_target.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("escapes are decoded, and a plus only where it means a space", "[net]") {
  CHECK(percent_decode("a%20b%2Fc%7e").value() == "a b/c~");
  CHECK(percent_decode("a+b").value() == "a+b");
  CHECK(percent_decode("a+b%2B", true).value() == "a b+");
  CHECK(percent_decode("%E2%82%AC").value() == "\xE2\x82\xAC");
  CHECK(percent_decode("").value().empty());
}

TEST_CASE("what is no escape or no text is refused", "[net]") {
  for (const char* bad : {"%", "%4", "a%", "%zz", "%4z", "% 41", "%%41", "%00", "%ff", "%C0%80",
                          "%ED%A0%80", "%F4%90%80%80", "%E2%82", "\x80"}) {
    INFO(bad);
    const auto decoded = percent_decode(bad);
    REQUIRE_FALSE(decoded);
    CHECK(decoded.error().code == errc::bad_request);
  }
  CHECK(percent_decode("a%00").error().message == "The request target contains a NUL byte");
}

TEST_CASE("encoding is undone by decoding", "[net]") {
  const std::string text = "a b/c?d=e&f+g%\xE2\x82\xAC~-._";
  CHECK(percent_encode(text) == "a%20b%2Fc%3Fd%3De%26f%2Bg%25%E2%82%AC~-._");
  CHECK(percent_decode(percent_encode(text)).value() == text);
}

TEST_CASE("a query keeps order and repetition", "[net]") {
  const auto query = parse_query("mode=values&mode=updates&flag&&empty=&a%3Db=c%26d+e").value();
  CHECK(query.all("mode") == std::vector<std::string>{"values", "updates"});
  CHECK(*query.find("mode") == "values");
  CHECK(query.find("flag")->empty());
  CHECK(query.find("empty")->empty());
  CHECK(*query.find("a=b") == "c&d e");
  CHECK(query.find("absent") == nullptr);
  CHECK(query.pairs().size() == 5);
  CHECK(parse_query("").value().empty());
  CHECK_FALSE(parse_query("a=%"));
  CHECK_FALSE(parse_query("%=a"));
}

TEST_CASE("targets are split before they are decoded", "[net]") {
  using path = std::vector<std::string>;
  CHECK(parse_target("/").value().path.empty());
  CHECK(parse_target("/a/b").value().path == path{"a", "b"});
  CHECK(parse_target("/a%2Fb/c%3Fd").value().path == path{"a/b", "c?d"});
  CHECK(parse_target("/a/").value().path == path{"a", ""});
  CHECK(parse_target("//a").value().path == path{"", "a"});
  CHECK(parse_target("*").value().path.empty());
  CHECK(parse_target("http://h:1/a?b=c").value().path == path{"a"});
  CHECK(parse_target("http://h?b=c").value().query.pairs().size() == 1);
  CHECK(parse_target("http://h").value().path.empty());
  CHECK(parse_target("HTTP://h:1?a=/b").value().authority == "h:1");
  CHECK(parse_target("https://h/a").value().authority == "h");
  CHECK(parse_target("/a?b=http://h").value().authority.empty());
  CHECK(*parse_target("/a?next=http://x/?y").value().query.find("next") == "http://x/?y");
  CHECK(parse_target("/a?b#c").value().query.find("b"));
  for (const char* bad : {"", "a/b", "?a=b", "example.com:443", "/a%", "/a?b=%1", "ftp://h/a",
                          "http:///a", "https://"}) {
    INFO(bad);
    CHECK_FALSE(parse_target(bad));
  }
}
