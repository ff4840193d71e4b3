// Whether a principal may do something, decided by rules.
#pragma once

#include "actors/admission/messages.hpp"
#include "runtime/auth/policy.hpp"

namespace behalf::admission {

/// Error: denied, or the handler's error. Moves `m.value` into the grant.
result<grant> decide(const policy& rules, authorize& m);

} // namespace behalf::admission
