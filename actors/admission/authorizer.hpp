// What a principal may do, decided by rules.
#pragma once

#include "actors/admission/messages.hpp"
#include "runtime/auth/policy.hpp"

namespace behalf::admission {

/// Error: denied, or what a handler says. Takes what it needs out of `m`.
result<grant> decide(const policy& rules, authorize& m);

} // namespace behalf::admission
