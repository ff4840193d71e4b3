#include "runtime/http/net_guard.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/ip/address.hpp>

using namespace behalf;

namespace {

reach of(const char* text) {
  return classify(boost::asio::ip::make_address(text));
}

std::vector<boost::asio::ip::address> list(std::initializer_list<const char*> texts) {
  std::vector<boost::asio::ip::address> out;
  for (auto* text : texts)
    out.push_back(boost::asio::ip::make_address(text));
  return out;
}

} // namespace

TEST_CASE("addresses on the public internet are global", "[net_guard]") {
  for (auto* text : {"1.1.1.1",
                     "8.8.8.8",
                     "9.255.255.255",
                     "11.0.0.0",
                     "93.184.216.34",
                     "100.63.255.255",
                     "100.128.0.0",
                     "126.255.255.255",
                     "128.0.0.0",
                     "169.253.255.255",
                     "169.255.0.0",
                     "172.15.255.255",
                     "172.32.0.0",
                     "192.0.1.0",
                     "192.0.3.0",
                     "192.167.255.255",
                     "192.169.0.0",
                     "198.17.255.255",
                     "198.20.0.0",
                     "223.255.255.255",
                     "2606:4700:4700::1111",
                     "2a00:1450:4001::64",
                     "2001:200::1",
                     "2003::1",
                     "3ffe::1",
                     "::ffff:1.1.1.1",
                     "64:ff9b::8.8.8.8"}) {
    CAPTURE(text);
    CHECK(of(text) == reach::global);
  }
}

TEST_CASE("this machine and private networks are told apart", "[net_guard]") {
  for (auto* text : {"127.0.0.1", "127.0.0.0", "127.1.2.3", "127.255.255.255", "::1",
                     "::ffff:127.0.0.1", "::ffff:7f00:1"}) {
    CAPTURE(text);
    CHECK(of(text) == reach::loopback);
  }
  for (auto* text : {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
                     "192.168.255.255", "100.64.0.1", "100.127.255.255", "fc00::1", "fd12:3456::1",
                     "fdff:ffff::1", "::ffff:10.0.0.1", "::ffff:192.168.1.1"}) {
    CAPTURE(text);
    CHECK(of(text) == reach::private_network);
  }
}

TEST_CASE("reserved addresses and tunnels are forbidden", "[net_guard]") {
  for (auto* text : {"0.0.0.0",
                     "0.1.2.3",
                     "169.254.169.254",
                     "169.254.0.1",
                     "100.100.100.200",
                     "168.63.129.16",
                     "192.0.0.1",
                     "192.0.0.192",
                     "192.0.2.1",
                     "192.88.99.1",
                     "198.18.0.1",
                     "198.19.255.255",
                     "198.51.100.7",
                     "203.0.113.7",
                     "224.0.0.1",
                     "239.255.255.255",
                     "240.0.0.1",
                     "255.255.255.255",
                     "::",
                     "::ffff:0.0.0.0",
                     "::ffff:169.254.169.254",
                     "::ffff:224.0.0.1",
                     "::127.0.0.1",
                     "::8.8.8.8",
                     "::ffff:0:127.0.0.1",
                     "64:ff9b::127.0.0.1",
                     "64:ff9b::10.0.0.1",
                     "64:ff9b::169.254.169.254",
                     "64:ff9b:1::1",
                     "64:ff9b:1::8.8.8.8",
                     "100::1",
                     "2001::1",
                     "2001:0:4136:e378:8000:63bf:3fff:fdd2",
                     "2001:1ff:ffff::1",
                     "2001:db8::1",
                     "2002:7f00:1::1",
                     "2002:808:808::1",
                     "3fff::1",
                     "fd00:ec2::254",
                     "fe80::1",
                     "febf::1",
                     "fec0::1",
                     "ff02::1",
                     "4000::1",
                     "5f00::1",
                     "8000::1"}) {
    CAPTURE(text);
    CHECK(of(text) == reach::forbidden);
  }
}

TEST_CASE("URLs are read and normalised", "[net_guard]") {
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

TEST_CASE("URLs that parsers disagree about are refused", "[net_guard]") {
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

TEST_CASE("a refusal repeats neither path nor query", "[net_guard]") {
  for (auto* text : {"https://user:tok-1@h/tok-2?tok-3", "https://127.1/tok-2?tok-3",
                     "https://h/tok-2?tok-3 ", "https://h/tok-2#tok-3", "xx://h/tok-2"})
    CHECK(check_url(text).error().message.find("tok-") == std::string::npos);
}

TEST_CASE("only declared origins are admitted", "[net_guard]") {
  endpoint_policy policy;
  policy.allowed = {*parse_origin("https://api.example.com/v1"), *parse_origin("https://h:8443"),
                    *parse_origin("http://127.0.0.1:9000")};
  for (auto* text :
       {"https://api.example.com/", "https://API.EXAMPLE.COM.:443/x?y", "https://h:8443/a"}) {
    CAPTURE(text);
    CHECK(admit_url(*check_url(text), policy));
  }
  for (auto* text :
       {"https://api.example.com:8443/", "http://api.example.com/", "http://api.example.com:443/",
        "https://evil.test/", "https://api.example.com.evil.test/", "https://xapi.example.com/",
        "https://example.com/", "https://h/", "https://sub.api.example.com/",
        "https://api-example.com/", "http://127.0.0.1:9000/", "http://127.0.0.2:9000/"}) {
    CAPTURE(text);
    auto ok = admit_url(*check_url(text), policy);
    REQUIRE(!ok);
    CHECK(ok.error().code == errc::denied);
  }
  policy.allow_plain_http = true;
  CHECK(admit_url(*check_url("http://127.0.0.1:9000/"), policy));
  CHECK(!admit_url(*check_url("http://localhost:9000/"), policy));
}

TEST_CASE("every address of a host must be allowed", "[net_guard]") {
  auto tls = *check_url("https://h/");
  auto plain = *check_url("http://h/");
  endpoint_policy outside, inside;
  inside.allow_private = true;
  CHECK(admit_addresses(tls, list({"1.1.1.1", "2606:4700::1"}), outside, true));
  CHECK(admit_addresses(tls, list({"127.0.0.1", "::1"}), inside, true));
  CHECK(admit_addresses(tls, list({"10.0.0.1"}), inside, true));
  CHECK(admit_addresses(plain, list({"10.0.0.1"}), inside, true));
  CHECK(admit_addresses(plain, list({"1.1.1.1"}), inside, false));

  CHECK(!admit_addresses(tls, list({}), inside, true));
  CHECK(!admit_addresses(tls, list({"1.1.1.1", "127.0.0.1"}), outside, true));
  CHECK(!admit_addresses(tls, list({"127.0.0.1"}), outside, false));
  CHECK(!admit_addresses(tls, list({"10.0.0.1"}), outside, false));
  CHECK(!admit_addresses(tls, list({"169.254.169.254"}), inside, false));
  CHECK(!admit_addresses(tls, list({"10.0.0.1", "fe80::1"}), inside, false));
  CHECK(!admit_addresses(plain, list({"1.1.1.1"}), inside, true));
}
