#include "runtime/auth/policy.hpp"

#include "behalf/node.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/log.hpp"

#include <array>
#include <vector>

namespace behalf {
namespace {

struct resource_actions {
  std::string_view resource;
  std::vector<std::string_view> actions;
};

const std::vector<resource_actions>& known() {
  static const std::vector<resource_actions> all{
    {"assistants", {"create", "read", "update", "delete", "search"}},
    {"threads", {"create", "read", "update", "delete", "search", "create_run"}},
    {"crons", {"create", "read", "update", "delete", "search"}},
    {"store", {"put", "get", "search", "delete", "list_namespaces"}},
    {"usage", {"read", "search"}},
  };
  return all;
}

error bad_key(std::string_view key, std::string why) {
  return fail(errc::invalid_argument,
              "authorization key '" + std::string(key) + "': " + std::move(why));
}

std::string listed(const std::vector<std::string_view>& names) {
  std::string text;
  for (auto n : names)
    text += (text.empty() ? "" : ", ") + std::string(n);
  return text;
}

result<void> check_key(std::string_view key, std::string_view resource, std::string_view action) {
  std::vector<std::string_view> resources;
  bool fits = false;
  for (const auto& r : known()) {
    resources.push_back(r.resource);
    if (resource != "*" && resource != r.resource)
      continue;
    if (resource == r.resource && action != "*" && !among(r.actions, action))
      return bad_key(key, std::string(resource) + " has only the actions " + listed(r.actions));
    fits = fits || action == "*" || among(r.actions, action);
  }
  if (fits)
    return {};
  return resource == "*" ? bad_key(key, "no resource has such an action")
                         : bad_key(key, "expected *, or one of the resources " + listed(resources)
                                          + ", and perhaps .<action>");
}

std::string join(std::string_view resource, std::string_view action) {
  std::string key;
  key.reserve(resource.size() + action.size() + 1);
  return key.append(resource).append(1, '.').append(action);
}

// What the answer means; the one place that turns a handler's word into yes or no.
struct reading {
  result<filter> operator()(std::monostate) const { return filter{}; }
  result<filter> operator()(bool allowed) const {
    if (allowed)
      return filter{};
    return fail(errc::denied, "Forbidden");
  }
  result<filter> operator()(json::object& spec) const { return filter::parse(std::move(spec)); }
  result<filter> operator()(error& why) const { return std::move(why); }
};

on_answer call(const on_handler& handler, const on_context& ctx, json::object& value) {
  try {
    return handler(ctx, value);
  } catch (...) { // of a plugin: whatever it was, it is not a yes
    // The exception's text is not passed on: it may hold confidential values.
    log::error("authorization_handler_threw", {{"resource", ctx.resource},
                                               {"action", ctx.action},
                                               {"error", error_class(current_exception_error())}});
    return fail(errc::internal, "Internal Server Error");
  }
}

// What a handler has to leave as it is: all that the operation does not take from its hands again.
json::object fixed_part(const json::object& value, std::span<const std::string_view> may_change) {
  json::object fixed;
  for (const auto& [key, v] : value)
    if (!among(may_change, std::string_view{key.data(), key.size()}))
      fixed[key] = v;
  return fixed;
}

result<void> check_unchanged(const on_context& ctx, const json::object& fixed,
                             const json::object& value) {
  for (const auto& [key, v] : fixed) {
    const auto* left = member(value, std::string_view{key.data(), key.size()});
    if (left && contains(*left, v)) // new members inside are a handler's own affair
      continue;
    log::error("authorization_handler_changed_a_fixed_field",
               {{"resource", ctx.resource}, {"action", ctx.action}, {"field", std::string(key)}});
    return fail(errc::internal, "Internal Server Error");
  }
  return {};
}

} // namespace

result<void> policy::add(std::string_view key, on_handler handler) {
  auto at = key.find_first_of(".:");
  auto resource = key.substr(0, at);
  std::string_view action = at == key.npos ? "*" : key.substr(at + 1);
  if (!handler)
    return bad_key(key, "there is no handler");
  if (auto ok = check_key(key, resource, action); !ok)
    return ok;
  if (!handlers_.emplace(join(resource, action), std::move(handler)).second)
    return bad_key(key, "there is a handler for it already");
  return {};
}

const on_handler* policy::select(std::string_view resource, std::string_view action) const {
  const std::array<std::array<std::string_view, 2>, 4> by_precision{
    {{resource, action}, {resource, "*"}, {"*", action}, {"*", "*"}}};
  for (const auto& [r, a] : by_precision)
    if (auto found = handlers_.find(join(r, a)); found != handlers_.end())
      return &found->second;
  return nullptr;
}

result<decision> policy::decide(const principal& who, std::string_view resource,
                                std::string_view action, json::object& value,
                                std::span<const std::string_view> may_change) const {
  const auto* handler = select(resource, action);
  // What others have spent is shown where somebody says so, nowhere else.
  const bool of_others = resource == "usage" && action == "search";
  if (!handler && otherwise_ == unmatched::allowed && !of_others)
    return decision{};
  if (!handler)
    return fail(errc::denied, "no authorization rule allows " + join(resource, action));
  const on_context ctx{who, resource, action};
  const auto fixed = fixed_part(value, may_change);
  auto answer = call(*handler, ctx, value);
  auto auth_filter = std::visit(reading{}, answer);
  if (!auth_filter)
    return auth_filter.error();
  if (auto ok = check_unchanged(ctx, fixed, value); !ok)
    return ok.error();
  return decision{std::move(*auth_filter)};
}

} // namespace behalf
