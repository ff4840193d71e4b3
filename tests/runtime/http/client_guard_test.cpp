#include "tests/support/client_fixture.hpp"

using namespace behalf;
using namespace behalf::testing;

namespace {

// Answers name lookups from a list, one after the other; the last one stays.
struct scripted_names {
  std::vector<std::vector<std::string>> answers;
  std::atomic<std::size_t> asked{0};
  resolve_function function() {
    return [this](const std::string&) {
      auto n = std::min(asked++, answers.size() - 1);
      return result<std::vector<std::string>>{answers[n]};
    };
  }
};

void hello(peer& p) {
  while (p.request())
    p.reply("hello");
}

} // namespace

TEST_CASE("nothing is connected to that the guard refuses", "[client]") {
  raw_server server{hello};
  client_fixture f;
  auto port = ":" + std::to_string(server.port()) + "/";
  for (std::string host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "127.1",
                           "0x7f.1", "0.0.0.0", "[::]", "[::1]", "user@127.0.0.1", "0177.0.0.1"}) {
    CAPTURE(host);
    auto request = f.to("http://" + host + port);
    request.policy.allow_private = false;
    auto reply = f.send(std::move(request));
    REQUIRE(!reply);
    CHECK(reply.error().code == errc::denied);
  }
  auto undeclared = f.to(server.url());
  undeclared.policy.allowed = {*parse_origin("http://127.0.0.1:1")};
  CHECK(f.send(std::move(undeclared)).error().code == errc::denied);
  auto plain = f.to(server.url());
  plain.policy.allow_plain_http = false;
  CHECK(f.send(std::move(plain)).error().code == errc::denied);
  auto own = f.to(server.url());
  own.call.headers = {{"Authorization", "Bearer mine"}};
  CHECK(f.send(std::move(own)).error().code == errc::denied);
  auto split = f.to(server.url());
  split.call.headers = {{"X", "a\r\nY: b"}};
  CHECK(f.send(std::move(split)).error().code == errc::invalid_argument);
  CHECK(server.connections() == 0);
  CHECK(f.get(server.url()));
}

TEST_CASE("a name that leads to a private address is refused", "[client]") {
  raw_server server{hello};
  for (std::vector<std::string> addresses : {std::vector<std::string>{"127.0.0.1"},
                                             {"1.1.1.1", "127.0.0.1"},
                                             {"127.0.0.1", "1.1.1.1"},
                                             {"::ffff:127.0.0.1"},
                                             {"10.0.0.1"},
                                             {"169.254.169.254"},
                                             {"64:ff9b::7f00:1"},
                                             {"0.0.0.0"}}) {
    CAPTURE(addresses);
    scripted_names names{{addresses}};
    client_options options;
    options.resolve = names.function();
    client_fixture f{options};
    auto request = f.to(server.url_of("rebind.test"));
    request.policy.allow_private = false;
    CHECK(f.send(std::move(request)).error().code == errc::denied);
  }
  CHECK(server.connections() == 0);
}

TEST_CASE("metadata addresses stay closed to services that may go to private ones", "[client]") {
  scripted_names names{{{"169.254.169.254"}}};
  client_options options;
  options.resolve = names.function();
  client_fixture f{options};
  CHECK(f.get("http://metadata.test/").error().code == errc::denied);
  CHECK(f.get("http://169.254.169.254/").error().code == errc::denied);
  CHECK(f.get("http://[fd00:ec2::254]/").error().code == errc::denied);
}

TEST_CASE("a name is looked up once per connection, and that answer is connected to", "[client]") {
  raw_server server{hello};
  // The second answer would be the attack: between check and use nobody asks again.
  scripted_names names{{{"127.0.0.1"}, {"169.254.169.254"}}};
  client_options options;
  options.resolve = names.function();
  client_fixture f{options};
  CHECK(f.get(server.url_of("rebind.test")));
  CHECK(f.get(server.url_of("rebind.test")));
  CHECK(names.asked == 1);
  auto other = f.to(server.url_of("rebind.test"));
  other.pool_key = "somebody else"; // a new connection: the answer is checked again
  CHECK(f.send(std::move(other)).error().code == errc::denied);
  CHECK(server.connections() == 1);
}

TEST_CASE("the next address is tried when one does not answer", "[client]") {
  raw_server server{hello};
  scripted_names names{{{"127.0.0.2", "127.0.0.1"}}}; // the server is on the second alone
  client_options options;
  options.resolve = names.function();
  client_fixture f{options};
  CHECK(f.get(server.url_of("two.test")).value().body == "hello");
}

TEST_CASE("the Host header names the host, not its address", "[client]") {
  std::string head;
  raw_server server{[&](peer& p) {
    head = p.request().value_or("");
    p.reply("");
  }};
  scripted_names names{{{"127.0.0.1"}}};
  client_options options;
  options.resolve = names.function();
  client_fixture f{options};
  CHECK(f.get(server.url_of("Mail.Test.")));
  CHECK(head.find("\r\nHost: mail.test:" + std::to_string(server.port()) + "\r\n")
        != std::string::npos);
}

TEST_CASE("an unknown name, and a resolver that fails, are upstream errors", "[client]") {
  client_options options;
  options.resolve = [](const std::string& host) -> result<std::vector<std::string>> {
    if (host == "throws.test")
      throw std::runtime_error{"broken"};
    if (host == "odd.test")
      return std::vector<std::string>{"not an address"};
    if (host == "empty.test")
      return std::vector<std::string>{};
    return fail(errc::upstream, "unknown host");
  };
  client_fixture f{options};
  auto unknown = f.get("http://nowhere.test/?key=1");
  REQUIRE(!unknown);
  CHECK(unknown.error().code == errc::upstream);
  CHECK(unknown.error().message == "http://nowhere.test:80 could not be resolved (unknown host)");
  for (auto* url : {"http://throws.test/", "http://odd.test/", "http://empty.test/"})
    CHECK(f.get(url).error().code == errc::upstream);
}
