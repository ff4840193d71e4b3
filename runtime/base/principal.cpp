#include "behalf/principal.hpp"

#include <algorithm>

namespace behalf {
namespace {

json::array names(const std::vector<std::string>& all) {
  json::array list;
  for (const auto& one : all)
    list.emplace_back(one);
  return list;
}

} // namespace

std::string principal_key::text() const {
  std::string line;
  for (const auto* part : {&tenant, &issuer, &subject})
    line += std::to_string(part->size()) + ':' + *part;
  return line;
}

bool principal::has(std::string_view permission) const {
  return std::find(permissions.begin(), permissions.end(), permission) != permissions.end();
}

json::object principal::to_auth_user() const {
  json::object user{
    {"identity", identity}, {"is_authenticated", true}, {"display_name", display_name}};
  for (const auto& [key, v] : custom)
    if (!user.contains(key) && key != "permissions")
      user[key] = v;
  user["permissions"] = names(permissions);
  return user;
}

json::object principal::to_json() const {
  return {{"tenant", tenant},
          {"issuer", issuer},
          {"subject", subject},
          {"identity", identity},
          {"display_name", display_name},
          {"permissions", names(permissions)},
          {"custom", custom}};
}

result<principal> principal::from_json(const json::value& v) {
  if (!v.is_object())
    return fail(errc::internal, "a stored principal is no object");
  const auto& o = v.get_object();
  principal who;
  who.tenant = string_or(o, "tenant");
  who.issuer = string_or(o, "issuer");
  who.subject = string_or(o, "subject");
  who.identity = string_or(o, "identity");
  who.display_name = string_or(o, "display_name");
  who.custom = object_or_empty(o, "custom");
  if (const auto* list = member(o, "permissions"); list && list->is_array())
    for (const auto& one : list->get_array())
      if (one.is_string())
        who.permissions.emplace_back(one.get_string());
  // Without identity is who came to a server that asks nobody who they are.
  if (who.tenant.empty() || who.subject.empty())
    return fail(errc::internal, "a stored principal lacks tenant or subject");
  return who;
}

} // namespace behalf
