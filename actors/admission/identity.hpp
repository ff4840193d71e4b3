// What the authenticator is made of: the providers, the limits, and a plugin's handler.
#pragma once

#include "behalf/plugin.hpp"
#include "behalf/wiped.hpp"
#include "runtime/auth/limiter.hpp"
#include "runtime/auth/policy.hpp"
#include "runtime/auth/providers.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace behalf::admission {

struct identity_setup {
  std::vector<identity_settings> providers; // in the order they are asked
  std::map<std::string, key_set> own_keys;  // by issuer: ours, never fetched (`behalf dev`)
  std::map<std::string, std::shared_ptr<const wiped_string>> client_secrets; // by reference
  limiter_options limits;
  std::size_t cached_tokens = 10'000;

  /// No provider and no handler: everyone is the same nameless principal, on loopback only.
  bool open() const { return providers.empty() && !handler; }

  authenticate_fn handler; // of a plugin; judges every request when there is one
};

} // namespace behalf::admission
