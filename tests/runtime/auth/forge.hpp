// Makes tokens as issuers and attackers do: any key, any header, any claims, any bytes.
#pragma once

#include "runtime/auth/jwt.hpp"
#include "runtime/base/id.hpp"
#include "runtime/net/codec.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace behalf::forge {

inline const unsigned char* bytes(std::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

/// A key pair and its public half as a JWK without `kid`.
struct key_pair {
  std::shared_ptr<EVP_PKEY> key;
  json::object jwk;

  json::object named(std::string_view kid, json::object extra = {}) const {
    auto o = jwk;
    o["kid"] = kid;
    merge(o, extra);
    return o;
  }
  std::string pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key.get());
    char* text = nullptr;
    auto size = BIO_get_mem_data(bio, &text);
    std::string copy(text, static_cast<std::size_t>(size));
    BIO_free(bio);
    return copy;
  }
  std::string der() const {
    unsigned char* out = nullptr;
    auto size = i2d_PUBKEY(key.get(), &out);
    std::string copy(reinterpret_cast<char*>(out), static_cast<std::size_t>(size));
    OPENSSL_free(out);
    return copy;
  }
};

inline std::string number_bytes(EVP_PKEY* key, const char* name, int width = 0) {
  BIGNUM* n = nullptr;
  EVP_PKEY_get_bn_param(key, name, &n);
  std::string out(static_cast<std::size_t>(width ? width : BN_num_bytes(n)), '\0');
  BN_bn2binpad(n, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
  BN_free(n);
  return out;
}

inline key_pair rsa(unsigned bits = 2048) {
  key_pair k{{EVP_RSA_gen(bits), EVP_PKEY_free}, {}};
  k.jwk = {{"kty", "RSA"},
           {"n", base64url(number_bytes(k.key.get(), OSSL_PKEY_PARAM_RSA_N))},
           {"e", base64url(number_bytes(k.key.get(), OSSL_PKEY_PARAM_RSA_E))}};
  return k;
}

inline key_pair ec(const char* curve, int width) {
  key_pair k{{EVP_EC_gen(curve), EVP_PKEY_free}, {}};
  k.jwk = {{"kty", "EC"},
           {"crv", curve},
           {"x", base64url(number_bytes(k.key.get(), OSSL_PKEY_PARAM_EC_PUB_X, width))},
           {"y", base64url(number_bytes(k.key.get(), OSSL_PKEY_PARAM_EC_PUB_Y, width))}};
  return k;
}

inline key_pair ed25519() {
  key_pair k{{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free}, {}};
  std::string x(32, '\0');
  std::size_t size = x.size();
  EVP_PKEY_get_raw_public_key(k.key.get(), reinterpret_cast<unsigned char*>(x.data()), &size);
  k.jwk = {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url(x)}};
  return k;
}

/// One pair of each type, made once.
inline const key_pair& rsa_pair() {
  static const auto k = rsa();
  return k;
}
inline const key_pair& p256_pair() {
  static const auto k = ec("P-256", 32);
  return k;
}
inline const key_pair& p384_pair() {
  static const auto k = ec("P-384", 48);
  return k;
}
inline const key_pair& ed_pair() {
  static const auto k = ed25519();
  return k;
}
inline const key_pair& pair_for(signature_algorithm alg) {
  switch (key_type_of(alg)) {
  case key_type::p256:
    return p256_pair();
  case key_type::p384:
    return p384_pair();
  case key_type::ed25519:
    return ed_pair();
  default:
    return rsa_pair();
  }
}

inline const EVP_MD* digest_of(std::string_view alg) {
  return alg.ends_with("256")   ? EVP_sha256()
         : alg.ends_with("384") ? EVP_sha384()
         : alg.ends_with("512") ? EVP_sha512()
                                : nullptr;
}

/// What OpenSSL makes of it: DER for ECDSA. `alg` decides digest and padding, the key the rest.
inline std::string sign_der(const key_pair& k, std::string_view alg, std::string_view input) {
  auto* ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX* details = nullptr;
  std::string out(1100, '\0');
  auto size = out.size();
  bool eddsa = k.jwk.at("kty") == "OKP";
  bool ok =
    EVP_DigestSignInit(ctx, &details, eddsa ? nullptr : digest_of(alg), nullptr, k.key.get()) == 1;
  if (ok && alg.starts_with("PS"))
    ok = EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) == 1
         && EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) == 1;
  ok = ok
       && EVP_DigestSign(ctx, reinterpret_cast<unsigned char*>(out.data()), &size, bytes(input),
                         input.size())
            == 1;
  EVP_MD_CTX_free(ctx);
  if (!ok)
    throw std::runtime_error("forge cannot sign");
  out.resize(size);
  return out;
}

/// As a JWS has it: R||S for ECDSA.
inline std::string sign(const key_pair& k, std::string_view alg, std::string_view input) {
  auto der = sign_der(k, alg, input);
  if (k.jwk.at("kty") != "EC")
    return der;
  auto width = static_cast<int>((EVP_PKEY_get_bits(k.key.get()) + 7) / 8);
  const auto* at = bytes(der);
  auto* sig = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  std::string raw(static_cast<std::size_t>(2 * width), '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, width);
  BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + width, width);
  ECDSA_SIG_free(sig);
  return raw;
}

inline std::string hmac(std::string_view alg, std::string_view secret, std::string_view input) {
  std::string out(64, '\0');
  unsigned size = 0;
  HMAC(digest_of(alg), secret.data(), static_cast<int>(secret.size()), bytes(input), input.size(),
       reinterpret_cast<unsigned char*>(out.data()), &size);
  out.resize(size);
  return out;
}

inline time_point noon() {
  return from_micros(1'700'000'000'000'000);
}
inline int64_t noon_seconds() {
  return 1'700'000'000;
}

inline json::object header(std::string_view alg = "ES256", std::string_view kid = "p256") {
  return {{"alg", alg}, {"kid", kid}, {"typ", "at+jwt"}};
}

inline json::object payload() {
  return {{"iss", "https://id.example.com"},
          {"aud", "behalf"},
          {"sub", "alice"},
          {"exp", noon_seconds() + 300},
          {"iat", noon_seconds()},
          {"jti", "j1"},
          {"client_id", "web"},
          {"scope", "threads:read threads:write"}};
}

/// A text `segment.segment` with a signature over exactly it.
inline std::string seal(std::string input, const key_pair& k = p256_pair(),
                        std::string_view alg = "ES256") {
  auto sig = sign(k, alg, input);
  return input + '.' + base64url(sig);
}

inline std::string token(const json::object& h = header(), const json::object& p = payload(),
                         const key_pair& k = p256_pair(), std::string_view alg = "ES256") {
  return seal(base64url(dump(h)) + '.' + base64url(dump(p)), k, alg);
}

/// Header and payload as texts that no JSON library would write.
inline std::string raw_token(std::string_view h, std::string_view p) {
  return seal(base64url(h) + '.' + base64url(p));
}

inline issuer_rules rules() {
  issuer_rules r;
  r.issuer = "https://id.example.com";
  r.audiences = {"behalf", "https://agents.example.com"};
  return r;
}

inline issuer_rules all_algorithms() {
  using enum signature_algorithm;
  auto r = rules();
  r.algorithms = {es256, es384, eddsa, ps256, ps384, ps512, rs256, rs384, rs512};
  return r;
}

inline json::object jwks() {
  json::array list;
  list.push_back(p256_pair().named("p256", {{"use", "sig"}}));
  list.push_back(p384_pair().named("p384", {{"key_ops", json::array{"verify"}}}));
  list.push_back(rsa_pair().named("rsa"));
  list.push_back(ed_pair().named("ed"));
  return {{"keys", list}};
}

inline const key_set& keys() {
  static const auto k = key_set::parse(jwks()).value();
  return k;
}

inline std::string kid_for(signature_algorithm alg) {
  switch (key_type_of(alg)) {
  case key_type::p256:
    return "p256";
  case key_type::p384:
    return "p384";
  case key_type::ed25519:
    return "ed";
  default:
    return "rsa";
  }
}

} // namespace behalf::forge
