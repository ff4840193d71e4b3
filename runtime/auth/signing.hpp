// The signing side, for the development issuer and tests: an ES256 key and compact JWS.
#pragma once

#include "runtime/base/json.hpp"

#include <filesystem>
#include <memory>
#include <string>

using EVP_PKEY = struct evp_pkey_st;

namespace behalf {

/// A P-256 private key with the `kid` its public half is published under (RFC 7638 thumbprint).
class signing_key {
public:
  static result<signing_key> generate();
  /// PKCS #8 PEM. Error: internal; a file others can read (mode beyond 0600) is refused.
  static result<signing_key> load(const std::filesystem::path& file);
  /// Loads the file, or generates a key and saves it there with mode 0600.
  static result<signing_key> load_or_create(const std::filesystem::path& file);
  /// Never overwrites. Error: internal.
  result<void> save(const std::filesystem::path& file) const;

  const std::string& id() const { return id_; }
  json::object public_jwk() const;
  /// {"keys": [public_jwk]}
  json::object jwks() const;

  /// header.payload.signature; `alg` and `kid` are put into the header.
  std::string sign(json::object header, const json::object& payload) const;

private:
  explicit signing_key(std::shared_ptr<EVP_PKEY> key);

  std::shared_ptr<EVP_PKEY> key_;
  std::string id_, x_, y_;
};

} // namespace behalf
