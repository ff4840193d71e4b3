// The authenticator's configuration: providers, limits, and a plugin's handler.
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
  std::vector<identity_settings> providers; // asked in this order
  std::map<std::string, key_set> own_keys;  // by issuer: not fetched (`behalf dev`)
  std::map<std::string, std::shared_ptr<const wiped_string>> client_secrets; // by reference
  limiter_options limits;
  std::size_t cached_tokens = 10'000;

  /// No provider and no handler: every caller is `anonymous`, on loopback only.
  bool open() const { return providers.empty() && !handler; }

  authenticate_fn handler; // of a plugin; if set it decides instead of the providers
};

} // namespace behalf::admission
