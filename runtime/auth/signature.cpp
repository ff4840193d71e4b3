#include "runtime/auth/evp.hpp"
#include "runtime/auth/jwk.hpp"

#include <openssl/rsa.h>

namespace behalf {
namespace {

using enum signature_algorithm;

struct scheme {
  const EVP_MD* digest; // null: the algorithm hashes by itself
  bool pss = false;
  std::size_t half = 0; // ECDSA: bytes of R, and of S
};

scheme scheme_of(signature_algorithm alg) {
  switch (alg) {
  case es256:
    return {EVP_sha256(), false, 32};
  case es384:
    return {EVP_sha384(), false, 48};
  case eddsa:
    return {nullptr};
  case ps256:
    return {EVP_sha256(), true};
  case ps384:
    return {EVP_sha384(), true};
  case ps512:
    return {EVP_sha512(), true};
  case rs256:
    return {EVP_sha256()};
  case rs384:
    return {EVP_sha384()};
  case rs512:
    return {EVP_sha512()};
  }
  return {nullptr};
}

// R||S as a JWS has it (RFC 7518 3.4) into the DER that OpenSSL wants. Empty: not that long.
std::string to_der(std::string_view raw, std::size_t half) {
  if (raw.size() != 2 * half)
    return {};
  auto width = static_cast<int>(half);
  evp::ecdsa_signature sig{ECDSA_SIG_new()};
  auto* r = BN_bin2bn(evp::bytes(raw), width, nullptr);
  auto* s = BN_bin2bn(evp::bytes(raw) + half, width, nullptr);
  if (!sig || !r || !s || ECDSA_SIG_set0(sig.get(), r, s) != 1)
    return {};
  unsigned char buffer[112]; // two integers of at most 49 bytes, and their headers
  auto* end = buffer;
  auto size = i2d_ECDSA_SIG(sig.get(), &end);
  return size > 0 ? std::string(reinterpret_cast<char*>(buffer), static_cast<std::size_t>(size))
                  : std::string{};
}

} // namespace

bool verify_signature(const public_key& key, signature_algorithm alg, std::string_view input,
                      std::string_view signature) {
  if (!key.key || key.type != key_type_of(alg) || (key.only && *key.only != alg))
    return false;
  evp::clean_errors clean;
  auto how = scheme_of(alg);
  std::string der;
  if (how.half) {
    der = to_der(signature, how.half);
    signature = der;
  }
  if (signature.empty())
    return false;
  evp::md_context ctx{EVP_MD_CTX_new()};
  EVP_PKEY_CTX* details = nullptr; // belongs to ctx
  if (!ctx || EVP_DigestVerifyInit(ctx.get(), &details, how.digest, nullptr, key.key.get()) != 1)
    return false;
  // RFC 7518 3.5: the salt is as long as the digest, MGF1 uses the same digest.
  if (how.pss
      && (EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) != 1
          || EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) != 1
          || EVP_PKEY_CTX_set_rsa_mgf1_md(details, how.digest) != 1))
    return false;
  return EVP_DigestVerify(ctx.get(), evp::bytes(signature), signature.size(), evp::bytes(input),
                          input.size())
         == 1;
}

} // namespace behalf
