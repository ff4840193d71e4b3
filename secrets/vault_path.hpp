// Where in Vault a user's credential is: a template and the names that fill it.
#pragma once

#include "secrets/stored_credential.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// A KV version 2 path template such as "secret/data/users/{subject}/{service}".
class vault_path {
public:
  /// `several_issuers`: the path must tell identity providers apart.
  /// Error: invalid_argument that says what is missing or unknown.
  static result<vault_path> parse(std::string_view text, bool several_issuers);

  /// "secret/data/users/alice/github", each name percent-encoded. Error: denied for a name that
  /// could climb or split a path: empty, ".", "..", with "/", "\" or control bytes.
  result<std::string> data(const credential_key& key) const;
  /// The same below "metadata": deletes all versions.
  result<std::string> metadata(const credential_key& key) const;
  /// The folder of all services of a user, below "metadata". Error: invalid_argument when the
  /// template does not end in "/{service}".
  result<std::string> folder(const principal_key& who) const;

private:
  result<std::string> fill(std::string_view text, const credential_key& key) const;

  std::string mount_; // before "/data/"
  std::string rest_;  // after it
};

} // namespace behalf
