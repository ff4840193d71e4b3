// Who a message is about, as messages carry it.
#pragma once

#include "behalf/principal.hpp"
#include "secrets/stored_credential.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace behalf {

struct auth_request; // behalf/auth.hpp

using principal_ptr = std::shared_ptr<const principal>;

/// Whose share of what is scarce somebody has who is not known yet: strangers are one tenant, and
/// each peer a user of it.
inline principal_key stranger(std::string peer) {
  return {{}, "peer", std::move(peer)};
}

/// What a client presented; may hold its credentials.
using presented_ptr = std::shared_ptr<const auth_request>;

/// Credentials a custom `authenticate` handler gave with the principal, by field name.
using sealed_fields = std::map<std::string, stored_credential_ptr>;
using sealed_ptr = std::shared_ptr<const sealed_fields>;

} // namespace behalf
