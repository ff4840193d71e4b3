// A certificate authority and server certificates made for one test run.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace behalf::testing {

struct x509_free {
  void operator()(X509* x) const { X509_free(x); }
  void operator()(EVP_PKEY* x) const { EVP_PKEY_free(x); }
};

/// A certificate and its key.
struct identity {
  std::unique_ptr<X509, x509_free> certificate;
  std::unique_ptr<EVP_PKEY, x509_free> key;
};

inline void extend(X509* to, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (!extension)
    throw std::runtime_error{"certificate extension"};
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

/// P-256, valid from an hour ago for `seconds`. Without an issuer it is an authority of its own;
/// `names` is a subjectAltName ("DNS:mail.test,IP:127.0.0.1").
inline identity make_identity(const std::string& common_name, const identity* issuer = nullptr,
                              const std::string& names = {}, long seconds = 3600) {
  identity out;
  out.key.reset(EVP_EC_gen("P-256"));
  out.certificate.reset(X509_new());
  auto* x = out.certificate.get();
  static long serial = 1;
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), seconds);
  X509_set_pubkey(x, out.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  auto* from = issuer ? issuer->certificate.get() : x;
  X509_set_issuer_name(x, X509_get_subject_name(from));
  extend(x, from, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (!issuer)
    extend(x, from, NID_key_usage, "critical,keyCertSign");
  if (!names.empty())
    extend(x, from, NID_subject_alt_name, names);
  if (X509_sign(x, (issuer ? issuer : &out)->key.get(), EVP_sha256()) == 0)
    throw std::runtime_error{"certificate signature"};
  return out;
}

/// Writes the certificate as PEM.
inline void write_pem(const identity& id, const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file{std::fopen(path.c_str(), "w"), &std::fclose};
  if (!file || PEM_write_X509(file.get(), id.certificate.get()) != 1)
    throw std::runtime_error{"cannot write " + path};
}

} // namespace behalf::testing
