// The token a user presents: a secret of another kind.
#pragma once

#include "runtime/base/id.hpp"
#include "runtime/base/secret.hpp"

#include <openssl/crypto.h>

#include <memory>
#include <string>
#include <string_view>

namespace behalf {

/// The token a user presented to us. It can only log in to a secret store: it does not convert to a
/// `secret` and has no expose(), so it can never become an outbound credential (which OAuth calls
/// token passthrough).
class inbound_token {
public:
  explicit inbound_token(std::string_view bytes) : bytes_(bytes) {}

  inbound_token(inbound_token&&) noexcept = default;
  inbound_token& operator=(inbound_token&&) noexcept = default;
  inbound_token(const inbound_token&) = delete;
  inbound_token& operator=(const inbound_token&) = delete;
  ~inbound_token() = default;

  bool empty() const noexcept { return bytes_.empty(); }

  /// SHA-256 in hexadecimal: tells tokens apart without keeping them.
  std::string digest() const { return sha256_hex(bytes_.view()); }

  /// Whether both are the same token; two that are absent (null) are.
  static bool same(const std::shared_ptr<const inbound_token>& a,
                   const std::shared_ptr<const inbound_token>& b) noexcept {
    if (!a || !b)
      return a == b;
    auto x = a->bytes_.view(), y = b->bytes_.view();
    return x.size() == y.size() && CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
  }

private:
  friend class vault_login; // puts it into the body of Vault's JWT login (secrets/vault_login.hpp)

  wiped_string bytes_;
};

using inbound_token_ptr = std::shared_ptr<const inbound_token>;

} // namespace behalf
