// Could two providers give one identity to two people? Found when the configuration is read, where
// it can be known, and kept from happening afterwards where it cannot.
#pragma once

#include "runtime/auth/providers.hpp"

#include <string>
#include <vector>

namespace behalf {

/// Whom a provider's subjects belong to in a principal: its issuer, "introspection" for an
/// introspection provider that names none, "api_key".
std::string issuer_of(const identity_settings& provider);

/// One sentence per pair of providers (by number, from 1) or keys that could take two people for
/// one: in a tenant they share, equal identities under different issuers (rules compare
/// identities), or equal issuers for different people (stored tokens go by tenant, issuer and
/// subject). A tenant taken from a claim may be any tenant. Also what would never be used: a
/// second OIDC provider of one issuer, an API key given twice. Empty: no fault.
std::vector<std::string> find_provider_conflicts(const std::vector<identity_settings>& providers);

/// Fills `reserved_prefixes` of every mapping: with `identity_prefix: "b:"` on one provider, a
/// subject "b:eve" of one without a prefix would be another's "eve". Idempotent.
void reserve_prefixes(std::vector<identity_settings>& providers);

} // namespace behalf
