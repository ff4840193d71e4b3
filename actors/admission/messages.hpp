// What is asked about who asks: request → authenticator → request → authorizer → request. Here and
// in the other rooms: one struct per message, its name is the verb. All are cheap to copy (what is
// big sits behind a shared_ptr) and none can hold secret bytes.
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

/// Who is this? Asked with nothing but the head of a request.
struct authenticate {
  presented_ptr credentials;
  std::size_t body_bytes = 0; // as announced; counted against the caller's limits
  std::string peer = {};      // who has a share of the work that finding out takes
};
struct authenticated {
  principal_ptr who;
  sealed_ptr sealed;
};
/// A body that came unannounced: its bytes count as well.
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
  std::span<const std::string_view> may_change = {}; // of a table that stays
};

/// Yes, on what `auth_filter` matches. `value` is as the handlers left it.
struct grant {
  principal_ptr who;
  filter auth_filter;
  json::object value;
  sealed_ptr sealed;
};

/// From now on these decide: the configuration was read again.
struct use_rules {
  std::shared_ptr<const policy> rules;
};
struct use_identity {
  std::shared_ptr<const admission::identity_setup>
    setup; // null: nothing changed, fetch issuers' keys again
};

/// What a plugin's `authenticate` handler makes of a request.
struct judge {
  presented_ptr credentials;
  std::string peer = {};
};
struct judged {
  principal_ptr who;
  sealed_ptr sealed;
};

/// A judgement's note to itself: its turn on another thread is over, or others had theirs.
struct judge_on {};
struct judgement_over {
  uint64_t number;
  std::shared_ptr<result<judged>> what;
};

} // namespace behalf

BEHALF_MESSAGE(behalf::judge)
BEHALF_MESSAGE(behalf::judged)
BEHALF_MESSAGE(behalf::judge_on)
BEHALF_MESSAGE(behalf::judgement_over)
BEHALF_MESSAGE(behalf::authenticate)
BEHALF_MESSAGE(behalf::authenticated)
BEHALF_MESSAGE(behalf::count_body)
BEHALF_MESSAGE(behalf::authorize)
BEHALF_MESSAGE(behalf::use_rules)
BEHALF_MESSAGE(behalf::use_identity)
BEHALF_MESSAGE(behalf::grant)
