#include "tests/support/client_fixture.hpp"

#include <filesystem>

using namespace behalf;
using namespace behalf::testing;

namespace {

void hello(peer& p) {
  while (p.request())
    p.reply("hello");
}

// A server behind a certificate, and a client that trusts one authority.
struct tls_fixture {
  explicit tls_fixture(const std::string& names, bool trusted = true, long seconds = 3600)
    : leaf(make_identity("mail.test", &authority, names, seconds)) {
    auto other = make_identity("another authority");
    write_pem(trusted ? authority : other, file.string());
    client_options options;
    options.ca_file = file.string();
    options.resolve = [](const std::string&) {
      return result<std::vector<std::string>>{std::vector<std::string>{"127.0.0.1"}};
    };
    client.emplace(options);
  }
  ~tls_fixture() { std::filesystem::remove(file); }

  result<outbound_reply> get(const std::string& host) {
    auto request = client->to(server.url_of(host));
    request.credential = std::make_shared<bearer_writer>("tok-123");
    return client->send(std::move(request));
  }

  std::filesystem::path file =
    std::filesystem::temp_directory_path() / ("behalf-ca-" + std::to_string(::getpid()) + ".pem");
  identity authority = make_identity("test authority");
  identity leaf;
  std::atomic<int> requests{0};
  raw_server server{[this](peer& p) {
                      while (p.request()) {
                        ++requests;
                        p.reply("hello");
                      }
                    },
                    &leaf};
  std::optional<client_fixture> client;
};

void check_refused(tls_fixture& f, const std::string& host, std::string_view why) {
  auto reply = f.get(host);
  REQUIRE(!reply);
  CHECK(reply.error().code == errc::upstream);
  CHECK(reply.error().message.find("https://" + host) == 0);
  CAPTURE(reply.error().message);
  CHECK(reply.error().message.find(why) != std::string::npos);
  CHECK(f.requests == 0); // no byte of a request went there
}

} // namespace

TEST_CASE("a trusted certificate for the right name is accepted", "[client][tls]") {
  tls_fixture f{"DNS:mail.test,DNS:*.wild.test,IP:127.0.0.1"};
  for (auto* host : {"mail.test", "a.wild.test", "127.0.0.1", "mail.test"}) {
    CAPTURE(host);
    auto reply = f.get(host);
    REQUIRE(reply);
    CHECK(reply->body == "hello");
  }
  CHECK(f.server.connections() == 3); // the last call found its connection again
}

TEST_CASE("a certificate for another name is refused", "[client][tls]") {
  tls_fixture f{"DNS:mail.test,DNS:*.wild.test,DNS:part*.test"};
  for (auto* host : {"evil.test", "a.mail.test", "a.b.wild.test", "wild.test", "partial.test"})
    check_refused(f, host, "hostname mismatch");
  check_refused(f, "127.0.0.1", "IP address mismatch");
}

TEST_CASE("a common name alone does not make a certificate valid", "[client][tls]") {
  tls_fixture f{""};
  check_refused(f, "mail.test", "hostname mismatch");
}

TEST_CASE("a certificate of an unknown authority is refused", "[client][tls]") {
  tls_fixture f{"DNS:mail.test", false};
  check_refused(f, "mail.test", "unable to get local issuer certificate");
}

TEST_CASE("an expired certificate is refused", "[client][tls]") {
  tls_fixture f{"DNS:mail.test", true, -60};
  check_refused(f, "mail.test", "certificate has expired");
}

TEST_CASE("the system's authorities do not vouch for a test certificate", "[client][tls]") {
  auto own = make_identity("mail.test", nullptr, "IP:127.0.0.1");
  raw_server server{hello, &own};
  client_fixture f;
  auto reply = f.get(server.url());
  REQUIRE(!reply);
  CHECK(reply.error().message.find("self-signed certificate") != std::string::npos);
}

TEST_CASE("a server that does not speak TLS is an upstream error", "[client][tls]") {
  raw_server server{[](peer& p) { p.say("HTTP/1.1 400 Bad Request\r\n\r\n"); }};
  client_fixture f;
  auto reply = f.get("https://127.0.0.1:" + std::to_string(server.port()) + "/");
  REQUIRE(!reply);
  CHECK(reply.error().code == errc::upstream);
  CHECK(reply.error().message.find("TLS") != std::string::npos);
}

TEST_CASE("a server silent in the handshake is left after the connect timeout", "[client][tls]") {
  raw_server server{[](peer& p) { p.wait_for_end(); }};
  client_options options;
  options.connect_timeout = milliseconds{50};
  client_fixture f{options};
  auto reply = f.get("https://127.0.0.1:" + std::to_string(server.port()) + "/");
  CHECK(reply.error().code == errc::timeout);
}

TEST_CASE("authorities that cannot be read are an error at the start", "[client][tls]") {
  boost::asio::io_context io;
  client_options options;
  options.ca_file = "/nonexistent/ca.pem";
  auto made = client::create(io, options);
  REQUIRE(!made);
  CHECK(made.error().message == "no certificate authority can be read from /nonexistent/ca.pem");
}

TEST_CASE("large bodies go both ways over TLS", "[client][tls]") {
  auto authority = make_identity("test authority");
  auto leaf = make_identity("x", &authority, "IP:127.0.0.1");
  auto file = std::filesystem::temp_directory_path()
              / ("behalf-ca-large-" + std::to_string(::getpid()) + ".pem");
  write_pem(authority, file.string());
  raw_server server{[](peer& p) {
                      while (auto request = p.request())
                        p.reply(request->substr(request->find("\r\n\r\n") + 4));
                    },
                    &leaf};
  client_options options;
  options.ca_file = file.string();
  client_fixture f{options};
  std::filesystem::remove(file);
  auto request = f.to(server.url());
  request.call.method = "POST";
  request.call.body.assign(1'000'000, 'x');
  auto reply = f.send(std::move(request));
  REQUIRE(reply);
  CHECK(reply->body.size() == 1'000'000);
  CHECK(f.get(server.url()));
  CHECK(server.connections() == 1);
}
