// How messages name a caller: presented credentials, principal, and sealed fields.
#pragma once

#include "behalf/principal.hpp"

#include <map>
#include <memory>
#include <string>
#include <utility>

namespace behalf {

struct auth_request;      // behalf/auth.hpp
struct stored_credential; // secrets/stored_credential.hpp

using principal_ptr = std::shared_ptr<const principal>;

/// The key of a caller who is not authenticated, for shares of budgets and turns: all such callers
/// are one tenant, each peer is a user of it.
inline principal_key stranger(std::string peer) {
  return {{}, "peer", std::move(peer)};
}

/// The credentials that a client presented.
using presented_ptr = std::shared_ptr<const auth_request>;

/// Credentials a custom `authenticate` handler gave with the principal, by field name.
using sealed_fields = std::map<std::string, std::shared_ptr<const stored_credential>>;
using sealed_ptr = std::shared_ptr<const sealed_fields>;

} // namespace behalf
