#include "agents/models/strict_schema.hpp"

#include <algorithm>
#include <set>

namespace behalf {
namespace {

bool fits(const json::object& schema);

bool fits(const json::value& schema) {
  return schema.is_object() && fits(schema.get_object());
}

bool all_fit(const json::value* schemas) {
  if (!schemas)
    return true;
  if (const auto* many = schemas->if_object())
    return std::all_of(many->begin(), many->end(),
                       [](const auto& one) { return fits(one.value()); });
  const auto* many = schemas->if_array();
  return many && std::all_of(many->begin(), many->end(), [](const auto& one) { return fits(one); });
}

bool closed(const json::object& schema) {
  const auto* more = member(schema, "additionalProperties");
  if (!more || !more->is_bool() || more->get_bool())
    return false;
  std::set<json::string_view> required;
  if (const auto* names = member(schema, "required"); names && names->is_array())
    for (const auto& name : names->get_array())
      if (name.is_string())
        required.insert(name.get_string());
  const auto& properties = object_or_empty(schema, "properties");
  return std::all_of(properties.begin(), properties.end(),
                     [&](const auto& one) { return required.contains(one.key()); });
}

bool fits(const json::object& schema) {
  for (const auto* unknown :
       {"allOf", "oneOf", "not", "if", "patternProperties", "dependentRequired", "prefixItems"})
    if (schema.contains(unknown))
      return false;
  const bool object = string_or(schema, "type") == "object" || schema.contains("properties");
  const auto* items = member(schema, "items");
  return (!object || closed(schema)) && (!items || fits(*items))
         && all_fit(member(schema, "properties")) && all_fit(member(schema, "anyOf"))
         && all_fit(member(schema, "$defs")) && all_fit(member(schema, "definitions"));
}

} // namespace

bool fits_strict(const json::object& schema) {
  return string_or(schema, "type") == "object" && fits(schema);
}

} // namespace behalf
