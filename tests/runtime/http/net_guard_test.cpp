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
