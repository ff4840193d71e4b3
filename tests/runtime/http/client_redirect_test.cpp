#include "tests/support/client_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

TEST_CASE("no redirect is followed and no second server sees the credential", "[client]") {
  raw_server thief{[](peer& p) {
    while (p.request())
      p.reply("caught");
  }};
  std::string location;
  int status = 0;
  raw_server server{[&](peer& p) {
    while (auto request = p.request())
      p.reply("", "Location: " + location + "\r\n", std::to_string(status) + " Moved");
  }};
  // Every name leads here, so a redirect that is followed arrives somewhere.
  client_options options;
  options.resolve = [](const std::string&) {
    return result<std::vector<std::string>>{std::vector<std::string>{"127.0.0.1"}};
  };
  client_fixture f{options};
  auto port = std::to_string(thief.port()), own = std::to_string(server.port());
  const std::string locations[] = {
    thief.url("/steal"),
    "http://evil.test:" + port + "/",
    "https://evil.test:" + port + "/",
    "HTTP://EVIL.TEST:" + port + "/",
    "http://evil.test.:" + port + "/",
    "http://mail.test:" + port + "/",
    "//127.0.0.1:" + port + "/",
    "\\\\127.0.0.1:" + port + "/",
    "http://mail.test:" + own + "@127.0.0.1:" + port + "/",
    "http://user:pw@127.0.0.1:" + port + "/",
    "http://MAIL.TEST:" + own + "/same",
    "http://mail.test.:" + own + "/same",
    "https://mail.test:" + own + "/",
    "http://[::ffff:127.0.0.1]:" + port + "/",
    "http://2130706433:" + port + "/",
    "/same/host",
    "?again",
    "javascript:alert(1)",
    "",
  };
  unsigned calls = 0;
  for (int code : {300, 301, 302, 303, 307, 308})
    for (const auto& to : locations)
      for (auto* method : {"GET", "POST"}) {
        CAPTURE(code, to, method);
        location = to;
        status = code;
        auto request = f.to(server.url_of("mail.test"));
        request.policy.allowed.push_back(*parse_origin(thief.url())); // even if it were declared
        request.call.method = method;
        request.credential = std::make_shared<bearer_writer>("tok-123");
        auto reply = f.send(std::move(request));
        ++calls;
        REQUIRE(reply);
        CHECK(reply->status == static_cast<unsigned>(code));
        CHECK(*find_header(reply->headers, "location") == to);
      }
  CHECK(calls == 6 * 19 * 2);
  CHECK(thief.connections() == 0);
  CHECK(server.connections() == 1);
}

TEST_CASE("a credential in a Location is scrubbed", "[client]") {
  raw_server server{[](peer& p) {
    p.request();
    p.reply("", "Location: http://evil.test/?t=tok-123\r\n", "302 Found");
  }};
  client_fixture f;
  auto request = f.to(server.url());
  request.credential = std::make_shared<bearer_writer>("tok-123");
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(*find_header(reply->headers, "location") == "http://evil.test/?t=[redacted]");
}
