#include "runtime/auth/rules.hpp"

#include "runtime/base/filter.hpp"

#include <algorithm>

namespace behalf {
namespace {

// --- filling in ----------------------------------------------------------------------------------

result<json::value> fill(const json::value& spec, const principal& who);

result<json::value> fill_array(const json::array& list, const principal& who) {
  json::array filled;
  for (const auto& one : list) {
    auto v = fill(one, who);
    if (!v)
      return v;
    filled.push_back(std::move(*v));
  }
  return json::value(std::move(filled));
}

result<json::value> fill(const json::value& spec, const principal& who) {
  if (spec.is_string())
    return fill_fields({spec.get_string().data(), spec.get_string().size()}, who);
  if (spec.is_array())
    return fill_array(spec.get_array(), who);
  if (!spec.is_object())
    return spec;
  json::object filled;
  for (const auto& [key, v] : spec.get_object()) {
    auto one = fill(v, who);
    if (!one)
      return one;
    filled[key] = std::move(*one);
  }
  return json::value(std::move(filled));
}

// --- effects -------------------------------------------------------------------------------------

bool writes(std::string_view action) {
  return action == "create" || action == "update" || action == "create_run";
}

// What the rule sets overrides what the client sent: an owner cannot be changed by a client.
void stamp(json::object& value, const json::object& with) {
  auto& metadata = value["metadata"];
  if (!metadata.is_object())
    metadata = json::object{};
  merge(metadata.get_object(), with);
}

on_answer apply_filter(const auth_rule& rule, const on_context& ctx, json::object& value) {
  auto visible = fill(rule.filter, ctx.who);
  if (!visible)
    return visible.error();
  auto metadata = fill(rule.metadata, ctx.who);
  if (!metadata)
    return metadata.error();
  if (writes(ctx.action) && !rule.metadata.empty())
    stamp(value, metadata->get_object());
  return std::move(visible->get_object());
}

bool begins_with(const json::array& list, const json::array& prefix) {
  return list.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), list.begin());
}

// A namespace that has the prefix already stays as it is: it is what our own answers show.
void put_in_front(json::value& name_space, const json::array& prefix) {
  json::array whole = prefix;
  if (name_space.is_array()) {
    const auto& given = name_space.get_array();
    if (begins_with(given, prefix))
      return;
    whole.insert(whole.end(), given.begin(), given.end());
  }
  name_space = std::move(whole);
}

// A label of the store may hold no '.', NUL or unit separator, and the first is not "langgraph";
// "*" would stand for everybody's where namespaces are listed. A '%' is written so only where it
// would be read as one of these: no two texts meet.
std::string store_label(std::string_view text, bool first) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  auto digit = [&](std::size_t at) {
    return at < text.size() && digits.find(text[at]) != digits.npos;
  };
  std::string label;
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto c = static_cast<unsigned char>(text[at]);
    const bool written = c == '.' || c == '\0' || c == '\x1f'
                         || (c == '%' && digit(at + 1) && digit(at + 2))
                         || (first && at == 0 && text == "langgraph") || text == "*";
    if (written)
      label += {'%', digits[c >> 4], digits[c & 15]};
    else
      label += text[at];
  }
  return label;
}

on_answer apply_prefix(const std::vector<std::string>& labels, const on_context& ctx,
                       json::object& value) {
  json::array prefix;
  for (const auto& label : labels) {
    auto v = fill_fields(label, ctx.who);
    if (!v)
      return v.error();
    if (!v->is_string() || v->get_string().empty())
      return fail(errc::denied, "a part of your store namespace is not text");
    prefix.emplace_back(store_label(v->get_string(), prefix.empty()));
  }
  bool found = false;
  for (auto name : {"namespace", "namespace_prefix"})
    if (auto* v = value.if_contains(name)) {
      put_in_front(*v, prefix);
      found = true;
    }
  if (!found)
    value["namespace"] = std::move(prefix);
  return std::monostate{};
}

on_answer apply(const auth_rule& rule, const on_context& ctx, json::object& value) {
  using effect = auth_rule::effect;
  switch (rule.then) {
  case effect::deny:
    return false;
  case effect::allow:
    return std::monostate{};
  case effect::owner: {
    if (ctx.resource == "store")
      return apply_prefix({"{identity}"}, ctx, value);
    static const auth_rule owned{
      effect::filter, {}, {{"owner", "{identity}"}}, {{"owner", "{identity}"}}, {}};
    return apply_filter(owned, ctx, value);
  }
  case effect::filter:
    return apply_filter(rule, ctx, value);
  case effect::namespace_prefix:
    if (ctx.resource != "store")
      return fail(errc::denied, "Forbidden");
    return apply_prefix(rule.namespace_prefix, ctx, value);
  }
  return false;
}

on_answer enforce(const auth_rule& rule, const on_context& ctx, json::object& value) {
  for (const auto& permission : rule.require)
    if (!ctx.who.has(permission))
      return fail(errc::denied, "this needs the permission " + permission);
  return apply(rule, ctx, value);
}

// --- reading -------------------------------------------------------------------------------------

error bad(std::string why) {
  return fail(errc::invalid_argument, std::move(why));
}

result<std::vector<std::string>> texts(const json::value& list, std::string_view name) {
  std::vector<std::string> found;
  if (list.is_array())
    for (const auto& one : list.get_array())
      if (one.is_string() && !one.get_string().empty())
        found.emplace_back(one.get_string());
  if (found.empty() || found.size() != list.get_array().size())
    return bad("'" + std::string(name) + "' must be a list of texts, and not empty");
  return found;
}

result<auth_rule> parse_word(std::string_view word) {
  auth_rule rule;
  if (word == "deny")
    rule.then = auth_rule::effect::deny;
  else if (word == "allow")
    rule.then = auth_rule::effect::allow;
  else if (word == "owner")
    rule.then = auth_rule::effect::owner;
  else
    return bad("unknown rule '" + std::string(word) + "': expected deny, allow or owner");
  return rule;
}

result<void> only(const json::object& o, std::initializer_list<std::string_view> names) {
  for (const auto& [key, v] : o)
    if (std::find(names.begin(), names.end(), std::string_view{key.data(), key.size()})
        == names.end())
      return bad("unexpected '" + std::string(key) + "' in a rule");
  return {};
}

result<auth_rule> parse_require(const json::object& o) {
  if (auto ok = only(o, {"require", "then"}); !ok)
    return ok.error();
  auto permissions = texts(o.at("require"), "require");
  if (!permissions)
    return permissions.error();
  const auto* then = member(o, "then");
  auto rule = then ? parse_rule(*then) : parse_word("allow");
  if (rule)
    rule->require.insert(rule->require.begin(), permissions->begin(), permissions->end());
  return rule;
}

result<auth_rule> parse_filter(const json::object& o) {
  if (auto ok = only(o, {"filter", "metadata"}); !ok)
    return ok.error();
  auth_rule rule;
  rule.then = auth_rule::effect::filter;
  for (auto [name, into] : {std::pair{"filter", &rule.filter}, {"metadata", &rule.metadata}})
    if (const auto* v = member(o, name)) {
      if (!v->is_object())
        return bad("'" + std::string(name) + "' must be an object");
      *into = v->get_object();
    }
  return rule;
}

result<void> check_texts(const json::value& spec) {
  if (spec.is_string())
    return check_fields({spec.get_string().data(), spec.get_string().size()});
  if (spec.is_array())
    for (const auto& one : spec.get_array())
      if (auto ok = check_texts(one); !ok)
        return ok;
  if (spec.is_object())
    for (const auto& [key, v] : spec.get_object())
      if (auto ok = check_texts(v); !ok)
        return ok;
  return {};
}

} // namespace

result<auth_rule> parse_rule(const json::value& spec) {
  if (spec.is_string())
    return parse_word({spec.get_string().data(), spec.get_string().size()});
  if (!spec.is_object())
    return bad("a rule is deny, allow, owner, or a mapping");
  const auto& o = spec.get_object();
  if (o.contains("require"))
    return parse_require(o);
  if (o.contains("filter") || o.contains("metadata"))
    return parse_filter(o);
  if (!o.contains("namespace_prefix"))
    return bad("a rule has one of 'require', 'filter', 'metadata' or 'namespace_prefix'");
  if (auto ok = only(o, {"namespace_prefix"}); !ok)
    return ok.error();
  auto labels = texts(o.at("namespace_prefix"), "namespace_prefix");
  if (!labels)
    return labels.error();
  auth_rule rule;
  rule.then = auth_rule::effect::namespace_prefix;
  rule.namespace_prefix = std::move(*labels);
  return rule;
}

result<on_handler> compile(const auth_rule& rule) {
  if (auto ok = filter::parse(rule.filter); !ok)
    return bad(ok.error().message);
  for (const auto* o : {&rule.filter, &rule.metadata})
    if (auto ok = check_texts(*o); !ok)
      return ok.error();
  for (const auto& label : rule.namespace_prefix)
    if (auto ok = check_fields(label); !ok)
      return ok.error();
  if (rule.then == auth_rule::effect::namespace_prefix && rule.namespace_prefix.empty())
    return bad("'namespace_prefix' must not be empty");
  return on_handler{
    [rule](const on_context& ctx, json::object& value) { return enforce(rule, ctx, value); }};
}

} // namespace behalf
