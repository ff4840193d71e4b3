// Authorization written in the configuration: a handful of rules that become handlers.
#pragma once

#include "behalf/handlers.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// One rule. `require` is checked first; then `then` happens.
///
/// Texts in `filter`, `metadata` and `namespace_prefix` may hold fields of the caller: {identity},
/// {tenant}, {subject}, {issuer}, {display_name}, {permissions} and {custom.<field>}; `{{` and `}}`
/// are braces. A text that is one field only takes its value as it is (a list stays a list). A
/// caller who lacks the field is refused.
struct auth_rule {
  enum class effect : uint8_t {
    deny,
    allow,
    owner,  // metadata.owner is the caller: stamped on what is written, required elsewhere
    filter, // `filter` is required, `metadata` stamped on what is written
    namespace_prefix, // store namespaces begin with `namespace_prefix`
  };
  effect then = effect::deny;
  std::vector<std::string> require; // permissions, all of them
  json::object filter, metadata;
  std::vector<std::string> namespace_prefix;
};

/// Reads "deny", "allow", "owner", {"require": […], "then": <rule>}, {"filter": {…}, "metadata":
/// {…}} or {"namespace_prefix": […]}. Error: invalid_argument naming the member at fault.
result<auth_rule> parse_rule(const json::value& spec);

/// Error: invalid_argument for an unknown field in a text, or a filter with an unknown operator.
/// On the store, `owner` is the namespace prefix {identity}.
result<on_handler> compile(const auth_rule& rule);

/// Fills the fields into `text`. Error: invalid_argument for a field that does not exist, denied
/// for one the caller lacks. A sealed field or an object cannot be filled in: denied.
result<json::value> fill_fields(std::string_view text, const principal& who);

/// Would fill_fields understand `text`? Error: invalid_argument.
result<void> check_fields(std::string_view text);

} // namespace behalf
