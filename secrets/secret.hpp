// What a secret is: bytes that are wiped, never copied, printed or compared, and kept out of core
// dumps. `grep -rn 'expose('` finds every place that looks inside.
#pragma once

#include "behalf/wiped.hpp"
#include "runtime/base/id.hpp"

#include <openssl/crypto.h>

#include <memory>
#include <string>
#include <string_view>

namespace behalf {

/// Secret bytes. Move-only; there is no ==, no <<, no conversion and no copy. They lie in
/// guarded memory (runtime/base/guarded_memory.hpp) and are overwritten when the secret ends.
class secret {
public:
  secret() noexcept = default;
  explicit secret(std::string_view bytes) : bytes_(bytes) {}
  explicit secret(wiped_string bytes) noexcept : bytes_(std::move(bytes)) {}

  secret(secret&&) noexcept = default;
  secret& operator=(secret&&) noexcept = default;
  secret(const secret&) = delete;
  secret& operator=(const secret&) = delete;
  ~secret() = default;

  /// The only access to the bytes. The view is valid until the secret is moved or assigned to.
  std::string_view expose() const noexcept { return bytes_.view(); }

  std::size_t size() const noexcept { return bytes_.size(); }
  bool empty() const noexcept { return bytes_.empty(); }

private:
  wiped_string bytes_;
};

using secret_ptr = std::shared_ptr<const secret>;

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
