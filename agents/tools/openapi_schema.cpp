#include "agents/tools/openapi_schema.hpp"

#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/schema_reference.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace behalf {
namespace {

constexpr int most_hops = 8;
constexpr std::size_t longest_definition_name = 64;

// What holds schemas of its own, and how.
constexpr std::array by_name{"properties", "patternProperties", "dependentSchemas", "$defs",
                             "definitions"};
constexpr std::array in_lists{"allOf", "anyOf", "oneOf", "prefixItems"};
constexpr std::array single{"items",
                            "additionalItems",
                            "unevaluatedItems",
                            "additionalProperties",
                            "unevaluatedProperties",
                            "propertyNames",
                            "contains",
                            "not",
                            "if",
                            "then",
                            "else"};
// Of documentation, of other places, or said anew.
constexpr std::array left_out{"$ref",     "example",      "examples",      "xml",
                              "nullable", "externalDocs", "discriminator", "readOnly",
                              "$schema",  "writeOnly",    "$id",           "$anchor",
                              "$comment", "$dynamicRef",  "$dynamicAnchor"};

} // namespace

const json::object* followed(const json::object& document, const json::value& v) {
  const auto* from = v.if_object();
  return from ? followed(document, *from) : nullptr;
}

const json::object* followed(const json::object& document, const json::object& from) {
  const auto* at = &from;
  for (int hop = 0; at && hop < most_hops; ++hop) {
    const auto* ref = member(*at, "$ref");
    if (!ref || !ref->is_string())
      return at;
    at = schema_at(document, ref->get_string());
  }
  return nullptr;
}

bool schema_taker::in_requests(const json::value& schema) const {
  const auto* o = schema.if_object();
  const auto* target = followed(document_, schema);
  return !(o && bool_or(*o, "readOnly")) && !(target && bool_or(*target, "readOnly"));
}

// Counted before anything is copied, so that nobody pays for what is too long.
json::object schema_taker::take(const json::object& schema) {
  const auto bytes = text_bytes(schema, left_);
  if (bytes > left_)
    return {};
  left_ -= bytes;
  return copy(schema);
}

json::object schema_taker::definitions() {
  json::object all;
  for (; !open_.empty(); open_.pop_front())
    all[names_.at(open_.front())] = take(*open_.front());
  return all;
}

json::value schema_taker::copy_any(const json::value& schema) {
  if (const auto* from = schema.if_object())
    return copy(*from);
  return schema.is_bool() ? schema : json::object{};
}

json::object schema_taker::copy(const json::object& from) {
  json::object to;
  if (const auto* ref = member(from, "$ref"); ref && ref->is_string()) {
    to = refer(ref->get_string());
    if (version_3_0_) // what stands beside a reference is not read there
      return to;
  }
  for (const auto& [key, value] : from) {
    const std::string_view name{key.data(), key.size()};
    if (among(left_out, name) || name.starts_with("x-"))
      continue;
    if (name == "properties")
      copy_properties(from, to);
    else if (among(by_name, name))
      to[key] = copy_members(value);
    else if (among(in_lists, name) || (name == "items" && value.is_array()))
      to[key] = copy_list(value);
    else if (among(single, name))
      to[key] = copy_any(value);
    else if (!to.contains(key)) // properties have their `required` with them
      to[key] = value;
  }
  if (version_3_0_)
    say_anew(from, to);
  return to;
}

json::value schema_taker::copy_members(const json::value& schemas) {
  json::object all;
  if (const auto* from = schemas.if_object())
    for (const auto& [key, value] : *from)
      all[key] = copy_any(value);
  return all;
}

json::value schema_taker::copy_list(const json::value& schemas) {
  json::array all;
  if (const auto* from = schemas.if_array())
    for (const auto& each : *from)
      all.push_back(copy_any(each));
  return all;
}

// Whatever is required of the service's answers alone is not required of a request.
void schema_taker::copy_properties(const json::object& from, json::object& to) {
  json::object properties;
  std::set<std::string_view> hidden;
  for (const auto& [key, value] : object_or_empty(from, "properties"))
    if (in_requests(value))
      properties[key] = copy_any(value);
    else
      hidden.insert({key.data(), key.size()});
  to["properties"] = std::move(properties);
  const auto* required = member(from, "required");
  if (!required || !required->is_array())
    return;
  json::array kept;
  for (const auto& each : required->get_array())
    if (each.is_string() && !hidden.contains(each.get_string()))
      kept.push_back(each);
  to["required"] = std::move(kept);
}

json::object schema_taker::refer(std::string_view reference) {
  const auto* target = schema_at(document_, reference);
  if (!target)
    return {};
  auto [known, fresh] = names_.try_emplace(target);
  if (fresh) {
    std::string name(reference.substr(reference.rfind('/') + 1, longest_definition_name));
    for (auto& c : name)
      if (!is_letter_or_digit(c) && c != '-' && c != '.')
        c = '_';
    known->second = name;
    for (int n = 2; !taken_.insert(known->second).second; ++n)
      known->second = name + "_" + std::to_string(n);
    open_.push_back(target);
  }
  return {{"$ref", "#/$defs/" + known->second}};
}

// `nullable`, and bounds that are excluded: words of 3.0 alone.
void schema_taker::say_anew(const json::object& from, json::object& to) {
  for (const auto& [bound, excluded] :
       {std::pair{"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}}) {
    const auto* flag = member(from, excluded);
    if (!flag || !flag->is_bool())
      continue;
    to.erase(excluded);
    const auto* value = member(from, bound);
    if (!flag->get_bool() || !value)
      continue;
    to[excluded] = *value;
    to.erase(bound);
  }
  if (!bool_or(from, "nullable"))
    return;
  if (auto* values = member(to, "enum") ? to["enum"].if_array() : nullptr;
      values && std::find(values->begin(), values->end(), nullptr) == values->end())
    values->push_back(nullptr);
  if (const auto type = string_or(from, "type"); !type.empty())
    to["type"] = json::array{json::string(type), "null"};
  else if (!to.contains("enum"))
    to = {{"anyOf", {std::move(to), {{"type", "null"}}}}};
}

} // namespace behalf
