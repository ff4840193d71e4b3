// What a user has stored for one service, and the names of such things.
#pragma once

#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "secrets/secret.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// Whose credential for which service: the key of every store, cache and flight.
struct credential_key {
  principal_key who;
  std::string service;

  auto operator<=>(const credential_key&) const = default;
};

/// One credential as stored. `value` is a token, or the password where `username` is set.
struct stored_credential {
  secret value;
  std::string username = {}; // for `basic`
  std::optional<time_point> expires_at = {};
  std::vector<std::string> scopes = {};
  int64_t generation = 0; // counts writes of this entry from 1; in Vault the KV version
};

using stored_credential_ptr = std::shared_ptr<const stored_credential>;

/// What may be shown of a stored credential: everything but its bytes.
struct credential_summary {
  std::string service;
  int64_t generation = 0; // 0: the store's list does not tell
  std::string username = {};
  std::optional<time_point> expires_at = {};
  std::vector<std::string> scopes = {};
  std::optional<time_point> updated_at = {};
};

} // namespace behalf
