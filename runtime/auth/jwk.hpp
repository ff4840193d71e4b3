// Public keys an issuer signs with: a JWK Set (RFC 7517, 7518 6, 8037), ready to verify with.
#pragma once

#include "runtime/base/json.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using EVP_PKEY = struct evp_pkey_st;

namespace behalf {

/// The signature algorithms that exist here (RFC 7518 3.1, 8037 3.1). There is no `none` and no
/// HMAC: a name outside this list cannot be expressed.
enum class signature_algorithm : uint8_t {
  es256,
  es384,
  eddsa,
  ps256,
  ps384,
  ps512,
  rs256,
  rs384,
  rs512,
};

/// "ES256", exact case; nullopt for everything else.
std::optional<signature_algorithm> parse_algorithm(std::string_view name);
std::string_view to_string(signature_algorithm alg);

/// The shapes of key there are; EC and OKP keys are told apart by curve.
enum class key_type : uint8_t { rsa, p256, p384, ed25519 };

/// The only type of key an algorithm works with.
key_type key_type_of(signature_algorithm alg);

/// One public key. Copies share it; safe to use from several threads.
struct public_key {
  std::string id; // `kid`; empty when the key has none
  key_type type = key_type::rsa;
  std::optional<signature_algorithm> only; // its `alg`: good for this one and no other
  std::shared_ptr<EVP_PKEY> key;
};

/// Reads one JWK. Error: invalid_argument saying what is wrong with it: unknown type or curve, RSA
/// below 2048 or above 8192 bits, a point off its curve, `use` or `key_ops` for something other
/// than verifying, an `alg` that does not fit or is not ours, private or symmetric key material.
result<public_key> parse_jwk(const json::value& jwk);

/// An issuer's keys.
class key_set {
public:
  key_set() = default;
  explicit key_set(std::vector<public_key> keys) : keys_(std::move(keys)) {}

  /// Reads {"keys": […]}. A key we cannot use is skipped and counted (RFC 7517 5), so that one
  /// strange key does not lock every user out. Error: upstream when this is no JWK Set, or has
  /// more than 100 keys.
  static result<key_set> parse(const json::value& document);

  /// The key for a token's header. With a `kid` its key, if type and `alg` fit; without one the
  /// only key that fits `alg`. Null when there is none, or no single one.
  const public_key* find(std::optional<std::string_view> kid, signature_algorithm alg) const;

  /// Is there any key of that `kid`, or, without one, of the type `alg` needs? If not, fetching the
  /// set again may help.
  bool knows(std::optional<std::string_view> kid, signature_algorithm alg) const;

  std::size_t size() const { return keys_.size(); }
  std::size_t skipped() const { return skipped_; }

private:
  std::vector<public_key> keys_;
  std::size_t skipped_ = 0;
};

/// True if `signature` (raw, as in a JWS: R||S for ECDSA) over `input` was made by the holder of
/// `key` with `alg` (RFC 7515 5.2). False for every other reason, too.
bool verify_signature(const public_key& key, signature_algorithm alg, std::string_view input,
                      std::string_view signature);

} // namespace behalf
