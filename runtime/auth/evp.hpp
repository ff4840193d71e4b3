// Owners for OpenSSL's objects; for the .cpp files of this folder.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

namespace behalf::evp {

template <auto Free>
struct free_with {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

using number = std::unique_ptr<BIGNUM, free_with<BN_free>>;
using md_context = std::unique_ptr<EVP_MD_CTX, free_with<EVP_MD_CTX_free>>;
using key_context = std::unique_ptr<EVP_PKEY_CTX, free_with<EVP_PKEY_CTX_free>>;
using ecdsa_signature = std::unique_ptr<ECDSA_SIG, free_with<ECDSA_SIG_free>>;
using param_builder = std::unique_ptr<OSSL_PARAM_BLD, free_with<OSSL_PARAM_BLD_free>>;
using params = std::unique_ptr<OSSL_PARAM, free_with<OSSL_PARAM_free>>;

/// OpenSSL leaves the reasons of a failure in a queue of the thread. A bad token is no reason to
/// let it grow, or for a TLS connection on the same thread to trip over it.
struct clean_errors {
  ~clean_errors() { ERR_clear_error(); }
};

inline const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

} // namespace behalf::evp
