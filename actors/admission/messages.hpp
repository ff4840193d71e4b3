// Messages of admission: request → authenticator → request → authorizer → request. Here and in the
// other rooms: one struct per message, its name is the verb. All are cheap to copy (what is big is
// behind a shared_ptr) and none can hold secret bytes.
#pragma once

#include "actors/caf.hpp"
#include "actors/caller.hpp"
#include "behalf/error.hpp"
#include "runtime/base/filter.hpp"
#include "runtime/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace behalf {

class policy; // runtime/auth/policy.hpp
namespace admission {
struct identity_setup;
}

/// Who is this? Decided from the head of a request alone.
struct authenticate {
  presented_ptr credentials;
  std::size_t body_bytes = 0; // from Content-Length; counted against the caller's limits
  std::string peer = {};      // whose share of unverified tokens it counts to
};
struct authenticated {
  principal_ptr who;
  sealed_ptr sealed;
};
/// The size of a body that had no Content-Length: it counts against the caller's limits too.
struct count_body {
  principal_ptr who;
  std::size_t bytes = 0;
};

/// May this caller do this? `value` is what the operation is about to read or write; handlers
/// may change the fields that `may_change` names.
struct authorize {
  principal_ptr who;
  sealed_ptr sealed;
  std::string resource, action;
  json::object value;
  std::span<const std::string_view> may_change = {}; // static storage
};

/// Allowed, on what `auth_filter` matches. `value` is as the handlers left it.
struct grant {
  principal_ptr who;
  filter auth_filter;
  json::object value;
  sealed_ptr sealed;
};

/// The configuration was read again: these replace the rules or the providers.
struct use_rules {
  std::shared_ptr<const policy> rules;
};
struct use_identity {
  std::shared_ptr<const admission::identity_setup>
    setup; // null: nothing changed, fetch issuers' keys again
};

/// Asks a plugin's `authenticate` handler who sent a request.
struct call_auth_handler {
  presented_ptr credentials;
  std::string peer = {};
};
struct vouched_by_handler {
  principal_ptr who;
  sealed_ptr sealed;
};

/// A handler call's message to itself: its turn on another thread is over, or it may continue.
struct continue_auth_handler {};
struct auth_handler_ended {
  uint64_t number;
  std::shared_ptr<result<vouched_by_handler>> what;
};

} // namespace behalf

BEHALF_MESSAGE(behalf::call_auth_handler)
BEHALF_MESSAGE(behalf::vouched_by_handler)
BEHALF_MESSAGE(behalf::continue_auth_handler)
BEHALF_MESSAGE(behalf::auth_handler_ended)
BEHALF_MESSAGE(behalf::authenticate)
BEHALF_MESSAGE(behalf::authenticated)
BEHALF_MESSAGE(behalf::count_body)
BEHALF_MESSAGE(behalf::authorize)
BEHALF_MESSAGE(behalf::use_rules)
BEHALF_MESSAGE(behalf::use_identity)
BEHALF_MESSAGE(behalf::grant)
