#include "agents/models/anthropic_schema.hpp"

#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/net/schema_reference.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace behalf {
namespace {

constexpr std::array named{"properties", "$defs", "definitions"}; // schemas by name
constexpr std::array values{"const", "default", "examples"};      // no schemas

class fitting {
public:
  explicit fitting(const json::object& root) : root_(root) {}

  bool fits(const json::object& schema) {
    return std::all_of(schema.begin(), schema.end(),
                       [&](const auto& one) { return fits(one.key(), one.value()); });
  }

private:
  bool fits(std::string_view key, const json::value& value) {
    if (key == "$ref")
      return value.is_string() && leads_on(value.get_string());
    if (key == "enum")
      return value.is_array()
             && !std::any_of(value.get_array().begin(), value.get_array().end(),
                             [](const auto& one) { return one.is_object() || one.is_array(); });
    if (key == "additionalProperties")
      return !value.is_object(); // a map, whose names are not known
    if (among(values, key))
      return true;
    if (const auto* many = value.if_array())
      return std::all_of(many->begin(), many->end(), [&](const auto& one) {
        return !one.is_object() || fits(one.get_object());
      });
    const auto* one = value.if_object();
    if (!one)
      return true;
    if (!among(named, key))
      return fits(*one);
    return std::all_of(one->begin(), one->end(), [&](const auto& each) {
      return !each.value().is_object() || fits(each.value().get_object());
    });
  }

  bool leads_on(std::string_view reference) {
    const auto* to = schema_at(root_, reference);
    if (!to || open_.contains(to))
      return false;
    if (known_.contains(to))
      return true;
    open_.insert(to);
    const bool ok = fits(*to);
    open_.erase(to);
    known_.insert(to);
    return ok;
  }

  const json::object& root_;
  std::set<const json::object*> open_; // which led here: none may come again
  std::set<const json::object*> known_;
};

} // namespace

bool fits_anthropic(const json::object& schema) {
  return fitting{schema}.fits(schema);
}

json::value anthropic_schema(const json::value& schema) {
  constexpr std::array refused{"minimum",   "maximum",   "exclusiveMinimum", "exclusiveMaximum",
                               "minLength", "maxLength", "multipleOf",       "maxItems"};
  if (schema.is_array()) {
    json::array all;
    for (const auto& one : schema.get_array())
      all.push_back(anthropic_schema(one));
    return all;
  }
  if (!schema.is_object())
    return schema;
  json::object fitted;
  for (const auto& [key, value] : schema.get_object())
    if (among(named, key) && value.is_object()) {
      json::object each;
      for (const auto& [name, one] : value.get_object())
        each[name] = anthropic_schema(one);
      fitted[key] = std::move(each);
    } else if (key == "enum" || among(values, key)) {
      fitted[key] = value;
    } else if (!among(refused, key) && !(key == "minItems" && value != 0 && value != 1)) {
      fitted[key] = anthropic_schema(value);
    }
  if (string_or(fitted, "type") == "object")
    fitted["additionalProperties"] = false;
  return fitted;
}

} // namespace behalf
