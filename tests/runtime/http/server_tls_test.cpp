// The inbound door over TLS, with a certificate made for the test.
#include "tests/runtime/http/server_fixture.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

using namespace behalf;
namespace ssl = boost::asio::ssl;

namespace {

// A folder that ends with the test.
struct folder {
  std::filesystem::path path;
  folder() {
    auto name = (std::filesystem::temp_directory_path() / "behalf-tls-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~folder() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
};

// Writes a P-256 key and a self-signed certificate for 127.0.0.1's "localhost".
void make_identity(const std::string& certificate, const std::string& key_file) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  const std::unique_ptr<X509, decltype(&X509_free)> cert{X509_new(), X509_free};
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
  X509_set_pubkey(cert.get(), key.get());
  auto* name = X509_get_subject_name(cert.get());
  const auto* cn = reinterpret_cast<const unsigned char*>("localhost");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, cn, -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  REQUIRE(X509_sign(cert.get(), key.get(), EVP_sha256()) > 0);
  const std::unique_ptr<BIO, decltype(&BIO_free)> c{BIO_new_file(certificate.c_str(), "w"),
                                                    BIO_free};
  const std::unique_ptr<BIO, decltype(&BIO_free)> k{BIO_new_file(key_file.c_str(), "w"), BIO_free};
  REQUIRE(PEM_write_bio_X509(c.get(), cert.get()) == 1);
  REQUIRE(PEM_write_bio_PrivateKey(k.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

server_options tls_options(const folder& at) {
  auto options = test_options();
  options.tls_certificate = at.file("cert.pem");
  options.tls_key = at.file("key.pem");
  make_identity(options.tls_certificate, options.tls_key);
  return options;
}

using tls_socket = ssl::stream<boost::asio::ip::tcp::socket>;

struct tls_client : basic_raw_client<tls_socket> {
  tls_client(running_server& server, ssl::context& context)
    : basic_raw_client(server.client_io(), context) {
    socket().next_layer().connect({boost::asio::ip::make_address("127.0.0.1"), server.port});
    limit_waits(socket().next_layer());
  }
};

// Trusts exactly the certificate in the file.
ssl::context trusting(const std::string& certificate) {
  ssl::context context{ssl::context::tls_client};
  context.load_verify_file(certificate);
  context.set_verify_mode(ssl::verify_peer);
  return context;
}

} // namespace

TEST_CASE("requests and streams work over TLS", "[http][tls]") {
  const folder at;
  const auto options = tls_options(at);
  awaited<exchange_ptr> held;
  awaited<bool> told;
  running_server server(options, [&](exchange_ptr ex) {
    if (ex->req().path[0] == "watched") {
      ex->begin_stream(200, {});
      ex->write("begun", {});
      ex->on_gone([&] { told.set(true); });
      return held.set(std::move(ex));
    }
    with_body(ex, [ex](std::string body) {
      ex->respond(200, {}, ex->req().secure ? std::move(body) : "plain");
    });
  });
  auto context = trusting(options.tls_certificate);
  tls_client client{server, context};
  client.socket().handshake(tls_socket::client);
  const std::string large(300'000, 'x');
  for (const auto& body : {std::string{"small"}, large}) {
    client.send(post_request("/echo", body));
    CHECK(client.read_reply().body == body);
  }
  client.send(get_request("/watched") + post_request("/echo", "pipelined"));
  auto ex = held.get().value();
  ex->write(" and ended", {});
  ex->finish();
  CHECK(client.read_reply().body == "begun and ended");
  CHECK(client.read_reply().body == "pipelined");
  CHECK_FALSE(told.is_set());
}

TEST_CASE("a TLS client that leaves is noticed", "[http][tls]") {
  const folder at;
  const auto options = tls_options(at);
  awaited<exchange_ptr> held;
  awaited<bool> told;
  running_server server(options, [&](exchange_ptr ex) {
    ex->on_gone([&] { told.set(true); });
    held.set(std::move(ex));
  });
  auto context = trusting(options.tls_certificate);
  tls_client client{server, context};
  client.socket().handshake(tls_socket::client);
  client.send(get_request("/"));
  auto ex = held.get().value();
  client.socket().next_layer().close();
  CHECK(told.get() == true);
}

TEST_CASE("Connection: close over TLS ends with close_notify", "[http][tls]") {
  const folder at;
  const auto options = tls_options(at);
  running_server server(options, [](exchange_ptr ex) { ex->respond(200, {}, "{}"); });
  auto context = trusting(options.tls_certificate);
  tls_client client{server, context};
  client.socket().handshake(tls_socket::client);
  client.send(get_request("/", "Connection: close\r\n"));
  CHECK(client.read_reply().status == 200);
  char byte = 0;
  boost::system::error_code ec;
  client.socket().read_some(boost::asio::buffer(&byte, 1), ec);
  CHECK(ec == boost::asio::error::eof); // and not stream_truncated
}

TEST_CASE("plain HTTP and old TLS get nowhere on a TLS port", "[http][tls]") {
  const folder at;
  auto options = tls_options(at);
  options.handshake_timeout = std::chrono::milliseconds{50};
  running_server server(options, [](exchange_ptr ex) { ex->respond(200, {}, "{}"); });
  CHECK(server.ask(get_request("/")).status == 0);
  ssl::context old{ssl::context::tls_client};
  SSL_CTX_set_max_proto_version(old.native_handle(), TLS1_1_VERSION);
  tls_client client{server, old};
  boost::system::error_code ec;
  client.socket().handshake(tls_socket::client, ec);
  CHECK(ec);
  CHECK(server.connect().read_all().empty()); // silent: closed after the handshake's time
}

TEST_CASE("http/1.1 is chosen by ALPN, and nothing else is", "[http][tls]") {
  const folder at;
  const auto options = tls_options(at);
  running_server server(options, [](exchange_ptr ex) { ex->respond(200, {}, "{}"); });
  const auto negotiate = [&](std::basic_string<unsigned char> offer) {
    auto context = trusting(options.tls_certificate);
    SSL_CTX_set_alpn_protos(context.native_handle(), offer.data(),
                            static_cast<unsigned>(offer.size()));
    tls_client client{server, context};
    boost::system::error_code ec;
    client.socket().handshake(tls_socket::client, ec);
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.socket().native_handle(), &chosen, &size);
    return ec ? "refused" : std::string{reinterpret_cast<const char*>(chosen), size};
  };
  using bytes = std::basic_string<unsigned char>;
  const auto text = [](const char* s) { return bytes{s, s + std::char_traits<char>::length(s)}; };
  CHECK(negotiate(text("\x02h2\x08http/1.1")) == "http/1.1");
  CHECK(negotiate(text("\x02h2")) == "refused");
}

TEST_CASE("a key that does not fit its certificate is named before a port opens", "[http][tls]") {
  const folder at;
  auto options = tls_options(at);
  make_identity(at.file("other.pem"), at.file("other_key.pem"));
  boost::asio::io_context io;
  const auto message = [&](const std::string& key) {
    options.tls_key = key;
    server s;
    const auto started = s.start(io, options, [](exchange_ptr) {});
    return started ? std::string{"started"} : started.error().message;
  };
  CHECK(message(at.file("other_key.pem")).find("key") != std::string::npos);
  CHECK(message(options.tls_certificate).starts_with("cannot use TLS key "));
}

TEST_CASE("a certificate that was exchanged is served to who comes next", "[http][tls]") {
  const folder at;
  const auto options = tls_options(at);
  running_server server(options, [](exchange_ptr ex) { ex->respond(200, {}, "{}"); });
  auto before = trusting(options.tls_certificate);
  tls_client early{server, before};
  early.socket().handshake(tls_socket::client);
  make_identity(options.tls_certificate, options.tls_key);
  REQUIRE(server.get().reload_certificate());
  auto after = trusting(options.tls_certificate);
  tls_client late{server, after};
  late.socket().handshake(tls_socket::client);
  tls_client stubborn{server, before};
  boost::system::error_code ec;
  stubborn.socket().handshake(tls_socket::client, ec);
  CHECK(ec);
  early.send(get_request("/")); // who was here goes on
  CHECK(early.read_reply().status == 200);
  make_identity(at.file("other.pem"), options.tls_key);
  CHECK_FALSE(server.get().reload_certificate());
  tls_client still{server, after};
  still.socket().handshake(tls_socket::client);
}
