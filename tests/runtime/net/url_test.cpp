#include "runtime/net/url.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <tuple>

using namespace behalf;

TEST_CASE("URLs are read and normalised", "[net]") {
  struct row {
    const char *url, *where, *target;
  };
  const row rows[] = {
    {"https://api.example.com", "https://api.example.com:443", "/"},
    {"HTTPS://API.Example.COM/", "https://api.example.com:443", "/"},
    {"https://api.example.com./a", "https://api.example.com:443", "/a"},
    {"https://api.example.com:443/a", "https://api.example.com:443", "/a"},
    {"https://api.example.com:0443/a", "https://api.example.com:443", "/a"},
    {"https://api.example.com:8443/a/b?c=d&e", "https://api.example.com:8443", "/a/b?c=d&e"},
    {"https://api.example.com?x=1", "https://api.example.com:443", "/?x=1"},
    {"http://localhost:2024/p%20q", "http://localhost:2024", "/p%20q"},
    {"http://mail_server/", "http://mail_server:80", "/"},
    {"http://127.0.0.1/", "http://127.0.0.1:80", "/"},
    {"http://[::1]:8080/", "http://[::1]:8080", "/"},
    {"http://[0:0:0:0:0:0:0:1]/", "http://[::1]:80", "/"},
    {"http://[2606:4700:4700:0::1111]/", "http://[2606:4700:4700::1111]:80", "/"},
    {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example:443", "/"},
    {"https://a.b-c.d1/@x:y//z", "https://a.b-c.d1:443", "/@x:y//z"},
    {"https://h/a/../b", "https://h:443", "/a/../b"},
    {"https://h/?next=http://evil.test/", "https://h:443", "/?next=http://evil.test/"},
    {"https://h/?", "https://h:443", "/?"},
    // a host that begins like an address is a name, whole
    {"http://127.0.0.1.evil.test/", "http://127.0.0.1.evil.test:80", "/"},
    {"http://1.2.3.4x/", "http://1.2.3.4x:80", "/"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.url);
    auto url = check_url(row.url);
    REQUIRE(url);
    CHECK(url->where.text() == row.where);
    CHECK(url->target == row.target);
  }
  CHECK(check_url("https://h:443/")->where.authority() == "h");
  CHECK(check_url("http://h:443/")->where.authority() == "h:443");
  CHECK(check_url("http://[::1]/")->where.authority() == "[::1]");
}

TEST_CASE("URLs that parsers disagree about are refused", "[net]") {
  for (std::string_view text :
       {// no absolute http URL
        "", "/path", "api.example.com", "//api.example.com/", "https:", "https:/", "https://",
        "https:///x", "https:h", "http:/h/", "ftp://h/", "file:///etc/passwd", "gopher://h/",
        "javascript:x", "data:text/html,x", "ws://h/", "unix://h/", "https+x://h/",
        // user information
        "https://user@h/", "https://user:pw@h/", "https://@h/", "https://:@h/",
        "https://api.example.com@evil.test/", "https://api.example.com%40evil.test/",
        "https://api.example.com:443@evil.test/", "https://evil.test#@api.example.com/",
        "https://evil.test\\@api.example.com/",
        // fragments
        "https://h/#", "https://h/a#b",
        // numeric hosts that are not four plain decimal numbers
        "http://2130706433/", "http://0/", "http://127.1/", "http://127.0.1/", "http://0177.0.0.1/",
        "http://0x7f.0.0.1/", "http://0x7f000001/", "http://0X7F000001/", "http://017700000001/",
        "http://127.0.0.01/", "http://127.0.0.0x1/", "http://127.0.0.1./", "http://00127.0.0.1/",
        "http://256.0.0.1/", "http://1.2.3.4.5/", "http://127.0.0.256/", "http://169.254.43518/",
        "http://0xa9fea9fe/", "http://2852039166/", "http://1.1.1.1.../", "http://a.1/",
        "http://example.0x10/", "http://0x/",
        // IPv6 that is not plain
        "http://[::1/", "http://::1/", "http://[]/", "http://[::1]x/", "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/", "http://[::1%2525]/", "http://[v1.fe80]/", "http://[127.0.0.1]/",
        "http://[:::1]/", "http://[12345::1]/", "http://[::1]1/", "http://[::1]@h/",
        "http://[::ffff:1.2.3]/",
        // names that are none
        "http://.h/", "http://h../", "http://./", "http://a..b/", "http://-a.b/", "http://a-.b/",
        "http://a%2eb/", "http://%61/", "http://%00/", "http://a b/", "http://a,b/", "http://a*b/",
        "http://a!b/", "http://a'b/", "http://(a)/", "http://a;b/", "http://a=b/", "http://a&b/",
        "http://a+b/", "http://a~b/", "http://$a/", "http://a|b/", "http://a^b/", "http://a`b/",
        "http://<a>/", "http://{a}/",
        // bytes outside ASCII, in any spelling of one to four
        "http://b\xc3\xbc"
        "cher.example/",
        "http://\xe2\x91\xa0\xe2\x91\xa6.0.0.1/",
        "http://127\xe3\x80\x82"
        "0.0.1/",
        "http://h/\xc3\xbc", "http://h/\xff",
        // ports
        "http://h:/", "http://h:0/", "http://h:65536/", "http://h:99999/", "http://h:123456/",
        "http://h:-1/", "http://h:80a/", "http://h:+80/", "http://h:80:90/", "http://h: 80/",
        "http://h:0x50/",
        // line ends, spaces and broken escapes
        "http://h/\r\nX: y", "http://h/ HTTP/1.1", "http://h/\t", "http://h/a b", " http://h/",
        "http://h/ ", "http://h/\x7f", "http://h\r\n/", "http://h/?a=\n", "http://h/%",
        "http://h/%zz", "http://h/%2", "http://h/\"", "http://h/<x>", "http://h/{x}"}) {
    CAPTURE(std::string{text});
    auto url = check_url(text);
    REQUIRE(!url);
    CHECK(url.error().code == errc::denied);
  }
  using namespace std::literals;
  CHECK(!check_url("http://h/\0x"sv));
  CHECK(!check_url("http://h\0.evil.test/"sv));
  CHECK(!check_url("http://" + std::string(64, 'a') + "/"));
  CHECK(check_url("http://" + std::string(63, 'a') + "/"));
  std::string name = "a";
  while (name.size() < 253)
    name += ".a";
  CHECK(check_url("http://" + name + "/"));
  CHECK(!check_url("http://" + name + ".a/"));
  CHECK(!check_url("http://h/" + std::string(20'000, 'a')));
}

TEST_CASE("a refusal repeats neither path nor query", "[net]") {
  for (auto* text : {"https://user:tok-1@h/tok-2?tok-3", "https://127.1/tok-2?tok-3",
                     "https://h/tok-2?tok-3 ", "https://h/tok-2#tok-3", "xx://h/tok-2"})
    CHECK(check_url(text).error().message.find("tok-") == std::string::npos);
}

TEST_CASE("a path is put behind the base", "[net]") {
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

TEST_CASE("a path that leaves the base or breaks a line is refused", "[net]") {
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

TEST_CASE("names of this machine are told from others", "[net]") {
  for (const char* name : {"localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"})
    CHECK(is_local_name(name));
  for (const char* name :
       {"", "10.0.0.1", "localhost.evil.example", "[::2]", "127.1", "[127.0.0.1"})
    CHECK_FALSE(is_local_name(name));
  CHECK(is_ip_literal("[fe80::1]"));
  CHECK_FALSE(is_ip_literal("a.b"));
}
