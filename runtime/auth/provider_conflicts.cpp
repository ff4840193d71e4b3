#include "runtime/auth/provider_conflicts.hpp"

#include <boost/algorithm/string/case_conv.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace behalf {
namespace {

// What tells one kind of provider from another, here.
struct provider_facts {
  std::string issuer;
  const claim_mapping* mapping = nullptr; // null: the keys say it all
  const std::vector<api_key_entry>* keys = nullptr;
  bool alone = false;    // no other provider sees its issuer's tokens
  bool nameless = false; // its issuer is not known
};

provider_facts facts_of(const oidc_settings& p) {
  return {p.rules.issuer, &p.mapping, nullptr, true};
}

provider_facts facts_of(const introspection_settings& p) {
  const bool nameless = p.rules.issuer.empty();
  return {nameless ? "introspection" : p.rules.issuer, &p.mapping, nullptr, false, nameless};
}

provider_facts facts_of(const api_key_settings& p) {
  return {"api_key", nullptr, &p.keys};
}

provider_facts facts_of(const identity_settings& any) {
  return std::visit([](const auto& p) { return facts_of(p); }, any);
}

// What gives identities in one way: a provider, or its API keys of one tenant and prefix.
struct identity_source {
  std::size_t number; // of the provider, from 1
  provider_facts from;
  std::optional<std::string> tenant = {}; // nullopt: a claim decides
  std::string prefix = {}, identity_claim = {};

  bool is_keys() const { return from.keys != nullptr; }
};

std::vector<identity_source> sources_of(const std::vector<identity_settings>& providers) {
  std::vector<identity_source> all;
  for (std::size_t i = 0; i < providers.size(); ++i) {
    identity_source v{i + 1, facts_of(providers[i])};
    if (const auto* m = v.from.mapping) {
      if (m->tenant_claim.empty())
        v.tenant = m->tenant;
      v.prefix = m->identity_prefix;
      v.identity_claim = m->identity_claim;
      all.push_back(std::move(v));
      continue;
    }
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& key : *v.from.keys)
      if (seen.emplace(key.tenant, key.identity_prefix).second) {
        v.tenant = key.tenant;
        v.prefix = key.identity_prefix;
        all.push_back(v);
      }
  }
  return all;
}

bool may_meet(const identity_source& a, const identity_source& b) {
  return !a.tenant || !b.tenant || *a.tenant == *b.tenant;
}

std::string pair_text(const identity_source& a, const identity_source& b) {
  return a.number == b.number
           ? "provider " + std::to_string(a.number)
           : "providers " + std::to_string(a.number) + " and " + std::to_string(b.number);
}

// One issuer, twice: then a subject must be one person, with one identity.
std::optional<std::string> same_issuer_fault(const identity_source& a, const identity_source& b) {
  auto both = pair_text(a, b);
  if (a.from.alone && b.from.alone)
    return both + " have the same issuer: the second would never be asked";
  if (!may_meet(a, b))
    return {};
  if (a.from.nameless || b.from.nameless)
    return both
           + " share a tenant: give each introspection provider its issuer, or equal "
             "subjects would be taken for one user";
  if (a.is_keys() != b.is_keys())
    return both + ": the issuer 'api_key' is that of API keys; name another";
  if (a.prefix != b.prefix || a.identity_claim != b.identity_claim)
    return both + ": the same users need the same identity_prefix and identity_claim";
  return {};
}

std::optional<std::string> fault_between(const identity_source& a, const identity_source& b) {
  if (a.from.issuer == b.from.issuer)
    return same_issuer_fault(a, b);
  if (!may_meet(a, b) || a.prefix != b.prefix)
    return {};
  return pair_text(a, b)
         + " share a tenant: give all but one an identity_prefix (on API keys: each key of that "
           "tenant), or equal subjects would be taken for one user";
}

// A key's identity is known, so it must not begin with what another provider's identities do.
void find_prefixed_keys(const std::vector<identity_source>& sources,
                        std::vector<std::string>& found) {
  for (const auto& keys : sources)
    for (const auto& other : sources) {
      if (!keys.is_keys() || other.is_keys() || !may_meet(keys, other) || other.prefix.empty()
          || other.prefix == keys.prefix)
        continue;
      for (const auto& key : *keys.from.keys)
        if (key.tenant == *keys.tenant && key.identity_prefix == keys.prefix
            && (key.identity_prefix + key.subject).starts_with(other.prefix))
          found.push_back("the API key of '" + key.subject
                          + "' has an identity that begins with the identity_prefix of provider "
                          + std::to_string(other.number));
    }
}

void find_repeated_keys(const std::vector<identity_settings>& providers,
                        std::vector<std::string>& found) {
  std::map<std::string, std::size_t> seen; // by hash: which provider has it
  for (std::size_t i = 0; i < providers.size(); ++i)
    if (const auto* keys = facts_of(providers[i]).keys)
      for (const auto& key : *keys) {
        auto [at, fresh] = seen.emplace(boost::algorithm::to_lower_copy(key.sha256), i + 1);
        if (!fresh && at->second != i + 1) // within one, api_keys::make says so
          found.push_back("the API key of '" + key.subject + "' is configured twice, at providers "
                          + std::to_string(at->second) + " and " + std::to_string(i + 1));
      }
}

// Null for API keys.
claim_mapping* mapping_of(identity_settings& any) {
  return std::visit(
    [](auto& p) -> claim_mapping* {
      if constexpr (requires { p.mapping; })
        return &p.mapping;
      return nullptr;
    },
    any);
}

} // namespace

std::string issuer_of(const identity_settings& provider) {
  return facts_of(provider).issuer;
}

std::vector<std::string> find_provider_conflicts(const std::vector<identity_settings>& providers) {
  std::vector<std::string> found;
  auto sources = sources_of(providers);
  for (auto a = sources.begin(); a != sources.end(); ++a)
    for (auto b = a + 1; b != sources.end(); ++b)
      if (auto fault = fault_between(*a, *b))
        if (std::find(found.begin(), found.end(), *fault) == found.end())
          found.push_back(std::move(*fault));
  find_prefixed_keys(sources, found);
  find_repeated_keys(providers, found);
  return found;
}

void reserve_prefixes(std::vector<identity_settings>& providers) {
  auto sources = sources_of(providers);
  for (std::size_t i = 0; i < providers.size(); ++i) {
    auto* mapping = mapping_of(providers[i]);
    if (!mapping)
      continue;
    std::set<std::string> reserved;
    for (const auto& mine : sources)
      for (const auto& other : sources)
        if (mine.number == i + 1 && mine.prefix != other.prefix && may_meet(mine, other)
            && other.prefix.starts_with(mine.prefix))
          reserved.insert(other.prefix);
    mapping->reserved_prefixes.assign(reserved.begin(), reserved.end());
  }
}

} // namespace behalf
