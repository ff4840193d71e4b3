#include "connectors/join_url.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <tuple>

using namespace behalf;

TEST_CASE("a path is put behind the base", "[connectors]") {
  const std::tuple<const char*, const char*, const char*> rows[]{
    {"https://h", "/items", "https://h/items"},
    {"https://h/", "/items", "https://h/items"},
    {"https://h/v1", "/items", "https://h/v1/items"},
    {"https://h/v1/", "/items", "https://h/v1/items"},
    {"https://h/v1", "items", "https://h/v1/items"},
    {"https://h/v1/", "items", "https://h/v1/items"},
    {"https://h/v1", "", "https://h/v1"},
    {"https://h/v1/", "", "https://h/v1/"},
    {"https://h/v1", "?q=1", "https://h/v1?q=1"},
    {"https://h", "/", "https://h/"},
    {"https://h/v1", "/a/", "https://h/v1/a/"},
    {"https://h/v1", "/a//b", "https://h/v1/a//b"},
    {"https://h/v1", "/a?x=1&y=%20z&u=http://other/../..",
     "https://h/v1/a?x=1&y=%20z&u=http://other/../.."},
    {"https://h/v1", "/a?text=line%0D%0Anext", "https://h/v1/a?text=line%0D%0Anext"},
    {"https://h/v1", "/a%20b/%E2%82%AC", "https://h/v1/a%20b/%E2%82%AC"},
    {"https://h/v1", "/a%2Fb", "https://h/v1/a%2Fb"},
    {"https://h/v1", "/100%25", "https://h/v1/100%25"},
    {"https://h/v1", "/.well-known/x", "https://h/v1/.well-known/x"},
    {"https://h/v1", "/...", "https://h/v1/..."},
    {"https://h/v1", "/a..b/c.", "https://h/v1/a..b/c."},
    {"https://h/v1", "/users/a:b", "https://h/v1/users/a:b"},
    {"https://h/v1", "/users/@me", "https://h/v1/users/@me"},
    {"https://h/v1", "/mail;v=2", "https://h/v1/mail;v=2"},
  };
  for (const auto& [base, path, url] : rows) {
    INFO(base << " + " << path);
    CHECK(join_url(base, path).value() == url);
  }
}

TEST_CASE("a path that leaves the base or breaks a line is refused", "[connectors]") {
  const std::string rows[]{
    "//other.example/x",
    "///other.example",
    "http://other.example/x",
    "https://other.example/x",
    "https:other",
    "file:/etc/passwd",
    "javascript:x",
    "\\\\other.example\\x",
    "/\\other.example",
    "/a\\..\\..\\b",
    "..",
    ".",
    "../x",
    "/..",
    "/.",
    "/../x",
    "/a/../../x",
    "/a/..",
    "/a/./b",
    "/%2e%2e/x",
    "/%2E%2e/x",
    "/.%2e/x",
    "/%2e./x",
    "/a/%2e",
    "/..%2fadmin",
    "/%2e%2e%2fadmin",
    "/a%2f..%2f..%2fadmin",
    "/..%5cadmin",
    "/%252e%252e/x",
    "/%25252e%25252e/x",
    "/..;/admin",
    "/a/..;x=1/b",
    "/..%3b/admin",
    "/a\r\nHost: other",
    "/a?x=1\r\nX: y",
    "/a\nb",
    std::string("/a\0b", 4),
    "/a\tb",
    "/a b",
    "/a?x=a b",
    "/a#part",
    "/a?x#part",
    "/caf\xC3\xA9",
    "/a\x7f",
    "/%",
    "/%4",
    "/%zz",
    "/a?x=%",
    "/a?x=%g1",
    "/a%00",
    "/a%0d%0ab",
    "/a%7f",
    "/a%250a",
    "/" + std::string(8192, 'a'),
  };
  for (const auto& path : rows) {
    INFO(path);
    const auto joined = join_url("https://h/v1", path);
    REQUIRE_FALSE(joined.has_value());
    CHECK(joined.error().code == errc::invalid_argument);
    CHECK(joined.error().message.find('\n') == std::string::npos);
  }
}
