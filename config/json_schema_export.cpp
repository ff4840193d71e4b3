#include "config/json_schema_export.hpp"

#include "config/sections.hpp"

#include <algorithm>

namespace behalf {

json::value schema_node::to_json() const {
  const auto element = keys.find("[]");
  const bool list = element != keys.end();
  if (!mapping && !list)
    return own;
  json::object out = own; // what a text instead may be
  json::array types;
  if (list) {
    types.emplace_back("array");
    out["items"] = element->second.to_json();
  }
  if (mapping) {
    types.emplace_back("object");
    add_mapping(out);
  }
  if (text || own.contains("type"))
    types.emplace_back("string");
  if (types.size() == 1)
    out["type"] = types.front();
  else
    out["type"] = std::move(types);
  return out;
}

void schema_node::add_mapping(json::object& out) const {
  json::object properties;
  json::array needed;
  json::value others = false;
  for (const auto& [name, node] : keys) {
    if (name == "*")
      others = node.to_json();
    else if (name != "[]")
      properties[name] = node.to_json();
    if (auto found = required.find(name); found != required.end() && found->second == visits)
      needed.emplace_back(name);
  }
  if (!properties.empty())
    out["properties"] = std::move(properties);
  if (!needed.empty())
    out["required"] = std::move(needed);
  out["additionalProperties"] = std::move(others);
}

std::string dry_choice(std::string_view path, const std::vector<std::string>& choices,
                       unsigned variant) {
  auto inner = std::count(path.begin(), path.end(), '.') % 2 == 1;
  auto wanted = (inner ? variant >> 2 : variant) & 3;
  return choices[std::min<std::size_t>(wanted, choices.size() - 1)];
}

json::object config_schema() {
  schema_node root;
  for (unsigned variant = 0; variant < dry_variants; ++variant) {
    config nowhere;
    std::vector<config_problem> ignored; // a dry run lacks everything
    yaml_section dry{YAML::Node{YAML::NodeType::Undefined}, "", "", ignored, &root, variant};
    read_all(dry, nowhere);
  }
  auto out = root.to_json().get_object();
  out["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  out["title"] = "Configuration of Behalf";
  out["type"] = json::array{"object", "null"}; // an empty file
  return out;
}

} // namespace behalf
