// The server's TLS context, from two PEM files.
#include "runtime/http/server_core.hpp"

#include <openssl/ssl.h>

#include <fstream>

namespace behalf::inbound {
namespace {

// Chooses http/1.1 if the client offers it; other protocols are not supported.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* pick = nullptr;
  if (SSL_select_next_proto(&pick, size, ours, sizeof ours - 1, offered, offered_size)
      != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = pick;
  return SSL_TLSEXT_ERR_OK;
}

error bad_file(std::string_view what, const std::string& path, const error_code& ec) {
  const bool readable = std::ifstream{path}.good();
  return fail(errc::invalid_argument,
              std::string{"cannot use "}.append(what).append(" ").append(path).append(
                readable ? ": " + ec.message() : ": no such file, or not readable"));
}

} // namespace

result<asio::ssl::context> make_tls_context(const std::string& certificate,
                                            const std::string& key) {
  asio::ssl::context context{asio::ssl::context::tls_server};
  auto* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  // Plaintext does not stay in OpenSSL's buffers, and idle streams hold none.
  SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
                                | SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  error_code ec;
  // An encrypted key is an error, not a prompt on the operator's terminal.
  context.set_password_callback([](std::size_t, auto) { return std::string{}; }, ec);
  context.use_certificate_chain_file(certificate, ec);
  if (ec)
    return bad_file("TLS certificate", certificate, ec);
  context.use_private_key_file(key, asio::ssl::context::pem, ec);
  if (ec)
    return bad_file("TLS key", key, ec);
  if (SSL_CTX_check_private_key(native) != 1)
    return fail(errc::invalid_argument,
                "TLS key " + key + " does not belong to certificate " + certificate);
  return context;
}

} // namespace behalf::inbound
