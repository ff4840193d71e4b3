// Who may vouch for callers, as configured. The first responsible provider decides: one that is
// not responsible is passed over, one that refuses ends the search.
#pragma once

#include "runtime/auth/api_keys.hpp"
#include "runtime/auth/introspection.hpp"
#include "runtime/auth/jwks_cache.hpp"
#include "runtime/auth/mapping.hpp"

#include <string>
#include <variant>
#include <vector>

namespace behalf {

/// Responsible for JWTs whose `iss` is its issuer.
struct oidc_settings {
  issuer_rules rules;
  claim_mapping mapping;
  jwks_cache_options keys;
  std::string jwks_uri; // empty: from the discovery document
  bool userinfo = false;
  bool allow_http = false; // plain http to other machines
};

/// Responsible for every bearer token no other provider is responsible for.
struct introspection_settings {
  introspection_rules rules;
  claim_mapping mapping;
  std::string endpoint; // empty: from the discovery document of rules.issuer
  std::string client_id;
  std::string client_secret; // a reference (`file:…`, `env:…`), never the secret
  bool allow_http = false;
};

/// Responsible for X-Api-Key, and for bearer tokens shaped like our keys.
struct api_key_settings {
  std::vector<api_key_entry> keys;
};

using identity_settings = std::variant<oidc_settings, introspection_settings, api_key_settings>;

} // namespace behalf
