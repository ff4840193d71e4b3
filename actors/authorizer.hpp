// What a principal may do, decided by rules.
#pragma once

#include "actors/messages.hpp"
#include "runtime/auth/policy.hpp"

namespace behalf {

/// Error: denied, or what a handler says. Takes what it needs out of `m`.
result<grant> decide(const policy& rules, admission& m);

} // namespace behalf
