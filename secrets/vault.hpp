// HashiCorp Vault or OpenBao as the secret store: KV version 2, with the user's own token as the
// key (JWT login: no standing power over absent users), or AppRole.
#pragma once

#include "secrets/secret_source.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace behalf {

enum class vault_login_kind : uint8_t { jwt, approle };

struct vault_options {
  std::string address;         // "https://vault.example.com:8200"
  std::string name_space = {}; // X-Vault-Namespace; empty: none

  vault_login_kind login = vault_login_kind::jwt;
  std::string mount = {};  // of the auth method; empty: "jwt" or "approle"
  std::string role = {};   // jwt: the role to log in to; empty: the method's default
  secret_ptr role_id = {}; // approle
  secret_ptr secret_id = {};

  /// Where a user's credential is. {subject}, {tenant} and {service} are percent-encoded;
  /// {subject_sha256}, {issuer_sha256} and {principal_sha256} (tenant, issuer and subject) are
  /// hexadecimal digests. A subject that could climb out of its place (".."; "/") is refused.
  std::string path = "secret/data/users/{subject}/{service}";
  // Fields of the entry. Without `value_field` but with `password_field`, that is the value.
  std::string value_field = "token";
  std::string username_field = "username";
  std::string password_field = "password";
  std::string expires_field = "expires_at"; // ISO 8601 text, or seconds since 1970
  std::string scopes_field = "scopes";      // list, or text with spaces

  std::chrono::milliseconds timeout{10'000}; // of one call
  std::size_t sessions = 10'000;             // Vault tokens kept, one per user and token
};

class vault_store final : public secret_source {
public:
  /// Checks address and path. `several_issuers`: users come from more than one identity provider,
  /// so the path must tell them apart ({issuer_sha256} or {principal_sha256}).
  /// Error: invalid_argument, naming the option.
  static result<std::unique_ptr<vault_store>> create(vault_options options,
                                                     bool several_issuers = false);
  ~vault_store() override;

  std::unique_ptr<secret_operation> read(const credential_key& key,
                                         inbound_token_ptr token) override;
  std::unique_ptr<secret_operation> list(const principal_key& who,
                                         inbound_token_ptr token) override;
  std::unique_ptr<secret_operation> write(const credential_key& key, stored_credential what,
                                          std::optional<int64_t> expected,
                                          inbound_token_ptr token) override;
  std::unique_ptr<secret_operation> erase(const credential_key& key,
                                          inbound_token_ptr token) override;
  endpoint_policy policy() const override;
  void sweep(time_point now) override;

private:
  class core;
  explicit vault_store(std::shared_ptr<core> c);
  std::shared_ptr<core> core_;
};

} // namespace behalf
