// Maps an issuer's claims to a principal.
#pragma once

#include "behalf/principal.hpp"
#include "runtime/auth/jwt.hpp"

#include <string>
#include <utility>
#include <vector>

namespace behalf {

/// Claim names may be paths: `realm_access.roles`. A claim whose own name has dots is found first.
struct claim_mapping {
  std::string tenant = "default";     // used unless tenant_claim is set
  std::string tenant_claim;           // a token without it is refused
  std::string identity_claim = "sub"; // what policies call {identity}; users must not choose it
  std::string identity_prefix; // "acme:", to tell apart equal subjects of two issuers in a tenant
  std::vector<std::string> reserved_prefixes; // other providers': no identity here begins so
  std::vector<std::string> display_name_claims{"name", "preferred_username", "email"};
  std::string permissions_claim = "scope";                 // text separated by spaces, or a list
  std::vector<std::pair<std::string, std::string>> custom; // our field's name, its claim
};

/// Error: invalid_argument for a custom field that would hide one of ours.
result<void> check_mapping(const claim_mapping& mapping);

/// Error: unauthenticated when the tenant or identity claim is absent or no text, or the identity
/// begins with another provider's prefix.
result<principal> to_principal(const claims& from, const claim_mapping& mapping);

/// Adds what the userinfo endpoint said; claims of the token win. Its `sub` must equal the
/// token's (OpenID Connect Core 5.3.2). Error: unauthenticated.
result<void> merge_userinfo(claims& into, const json::value& userinfo);

/// The value at a path of names joined with dots, or null.
const json::value* find_claim(const json::object& all, std::string_view path);

} // namespace behalf
