#include "runtime/auth/rights.hpp"

#include "runtime/base/log.hpp"

namespace behalf {
namespace {

auth_rule owner_rule() {
  auth_rule rule;
  rule.then = auth_rule::effect::owner;
  return rule;
}

auth_rule own_and_system_assistants() {
  auth_rule rule;
  rule.then = auth_rule::effect::filter;
  rule.filter = {
    {"$or", {json::object{{"owner", "{identity}"}}, json::object{{"created_by", "system"}}}}};
  return rule;
}

result<void> add_rules(policy& to, const named_rules& rules) {
  for (const auto& [key, rule] : rules) {
    auto handler = compile(rule);
    if (!handler)
      return handler.error();
    if (auto ok = to.add(key, std::move(*handler)); !ok)
      return ok;
  }
  return {};
}

// A plugin's handler. What it leaves is written down and compared with what was: NaN among it, say,
// would match nothing, or make a record that cannot be read.
on_handler held_to_storable(on_handler handler) {
  return [handler = std::move(handler)](const on_context& ctx, json::object& value) -> on_answer {
    auto answer = handler(ctx, value);
    const auto* filter = std::get_if<json::object>(&answer);
    if (check_storable(value) && (!filter || check_storable(*filter)))
      return answer;
    log::error("authorization_handler_gave_unstorable",
               {{"resource", ctx.resource}, {"action", ctx.action}});
    return fail(errc::internal, "Internal Server Error");
  };
}

bool names_a_field(const json::value& spec) {
  if (spec.is_string())
    return spec.get_string().find('{') != json::string::npos;
  if (spec.is_array())
    for (const auto& one : spec.get_array())
      if (names_a_field(one))
        return true;
  if (spec.is_object())
    for (const auto& [key, v] : spec.get_object())
      if (names_a_field(v))
        return true;
  return false;
}

} // namespace

rights_source rights_from(bool section, bool handlers, bool identity) {
  return section    ? rights_source::section
         : handlers ? rights_source::plugin
         : identity ? rights_source::standard
                    : rights_source::anybody;
}

std::string_view described(rights_source from) {
  switch (from) {
  case rights_source::section:
    return "as the authorization section says; what no rule matches is refused";
  case rights_source::plugin:
    return "as a plugin's handlers say; what none of them matches is allowed";
  case rights_source::standard:
    return "no authorization section: threads, assistants, crons and store items belong to who "
           "made them, and nobody else comes at them; everybody may use the server's assistants "
           "and see their own usage";
  case rights_source::anybody:
    return "no identity and no authorization section: everyone on this machine may do everything";
  }
  return {};
}

const named_rules& standard_rules() {
  static const named_rules rules{{"threads", owner_rule()},
                                 {"crons", owner_rule()},
                                 {"store", owner_rule()},
                                 {"usage.read", owner_rule()},
                                 {"assistants", owner_rule()},
                                 {"assistants.read", own_and_system_assistants()},
                                 {"assistants.search", own_and_system_assistants()}};
  return rules;
}

result<policy> make_policy(rights_source from, const named_rules& rules,
                           const std::map<std::string, on_handler>& handlers) {
  auto open = from == rights_source::plugin || from == rights_source::anybody;
  policy made{open ? unmatched::allowed : unmatched::refused};
  if (auto ok = add_rules(made, from == rights_source::standard ? standard_rules() : rules); !ok)
    return ok.error();
  for (const auto& [key, handler] : handlers)
    if (auto ok = made.add(key, handler ? held_to_storable(handler) : handler); !ok)
      return ok.error();
  return made;
}

bool about_the_caller(const auth_rule& rule) {
  if (rule.then == auth_rule::effect::owner || !rule.require.empty())
    return true;
  for (const auto& label : rule.namespace_prefix)
    if (names_a_field(json::value(label)))
      return true;
  return names_a_field(rule.filter) || names_a_field(rule.metadata);
}

} // namespace behalf
