// Which rules a server decides by: the configuration's, a plugin's, or its defaults.
#pragma once

#include "runtime/auth/policy.hpp"
#include "runtime/auth/rules.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

using named_rules = std::vector<std::pair<std::string, auth_rule>>;

/// Which rules apply to an operation without a rule (docs/decisions/0017-secure-by-default.md).
enum class rights_source : uint8_t {
  section,  // an authorization section: what no rule matches is refused
  plugin,   // a plugin's `on` handlers alone: what none matches is allowed
  standard, // neither, but callers have an identity: the standard rules
  anybody,  // no rules and no authentication: everything is allowed, on loopback only
};

rights_source rights_from(bool section, bool handlers, bool identity);

/// One sentence for people, as `validate` and the start say it.
std::string_view described(rights_source from);

/// Threads, assistants, crons and store items belong to who made them; assistants that the server
/// made of its graphs can be read.
const named_rules& standard_rules();

/// Error: invalid_argument for a rule that is none, or two for one key.
result<policy> make_policy(rights_source from, const named_rules& rules,
                           const std::map<std::string, on_handler>& handlers);

/// Does the rule look at who the caller is? Where nobody has an identity it refuses everybody.
bool about_the_caller(const auth_rule& rule);

} // namespace behalf
