#include "runtime/auth/mapping.hpp"

#include "runtime/auth/challenge.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr std::array reserved{"identity", "is_authenticated", "display_name", "permissions"};

// Text, or a number written as text: some directories number their tenants and users.
std::string text_claim(const json::object& all, std::string_view path) {
  const auto* v = find_claim(all, path);
  if (!v)
    return {};
  if (v->is_string())
    return std::string(v->get_string());
  return v->is_int64() || v->is_uint64() ? dump(*v) : std::string{};
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    auto end = std::min(text.find(' '), text.size());
    if (end > 0)
      words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::vector<std::string> permissions(const json::object& all, std::string_view path) {
  const auto* v = path.empty() ? nullptr : find_claim(all, path);
  if (!v)
    return {};
  if (v->is_string())
    return split_words({v->get_string().data(), v->get_string().size()});
  std::vector<std::string> list;
  if (v->is_array())
    for (const auto& one : v->get_array())
      if (one.is_string())
        list.emplace_back(one.get_string());
  return list;
}

error lacks(std::string_view claim) {
  return invalid_token("the token lacks the claim " + std::string(claim)
                       + ", which this server needs");
}

} // namespace

const json::value* find_claim(const json::object& all, std::string_view path) {
  if (const auto* v = member(all, path))
    return v;
  for (auto dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1)) {
    const auto* outer = member(all, path.substr(0, dot));
    if (!outer || !outer->is_object())
      continue;
    if (const auto* v = find_claim(outer->get_object(), path.substr(dot + 1)))
      return v;
  }
  return nullptr;
}

result<void> check_mapping(const claim_mapping& mapping) {
  for (const auto& [field, claim] : mapping.custom) {
    if (field.empty() || claim.empty())
      return fail(errc::invalid_argument, "a custom field needs a name and a claim");
    if (std::find(reserved.begin(), reserved.end(), field) != reserved.end())
      return fail(errc::invalid_argument, "custom field '" + field
                                            + "' would hide a field every user has; choose "
                                              "another name");
  }
  if (mapping.identity_claim.empty())
    return fail(errc::invalid_argument, "'identity_claim' must not be empty");
  if (mapping.tenant.empty() && mapping.tenant_claim.empty())
    return fail(errc::invalid_argument, "'tenant' must not be empty");
  return {};
}

result<principal> to_principal(const claims& from, const claim_mapping& mapping) {
  principal who;
  who.issuer = from.issuer;
  who.subject = from.subject;
  who.tenant =
    mapping.tenant_claim.empty() ? mapping.tenant : text_claim(from.all, mapping.tenant_claim);
  if (who.tenant.empty())
    return lacks(mapping.tenant_claim);
  auto identity =
    mapping.identity_claim == "sub" ? from.subject : text_claim(from.all, mapping.identity_claim);
  if (identity.empty())
    return lacks(mapping.identity_claim);
  who.identity = mapping.identity_prefix + identity;
  for (const auto& reserved : mapping.reserved_prefixes)
    if (who.identity.starts_with(reserved))
      return invalid_token("the token's identity begins as those of another provider do");
  for (const auto& name : mapping.display_name_claims)
    if (who.display_name.empty())
      who.display_name = text_claim(from.all, name);
  if (who.display_name.empty())
    who.display_name = who.identity;
  who.permissions = permissions(from.all, mapping.permissions_claim);
  for (const auto& [field, claim] : mapping.custom)
    if (const auto* v = find_claim(from.all, claim))
      who.custom[field] = *v;
  return who;
}

result<void> merge_userinfo(claims& into, const json::value& userinfo) {
  if (!userinfo.is_object() || string_or(userinfo.get_object(), "sub") != into.subject)
    return invalid_token("the provider's userinfo is about somebody else");
  for (const auto& [name, v] : userinfo.get_object())
    if (!into.all.contains(name))
      into.all[name] = v;
  return {};
}

} // namespace behalf
