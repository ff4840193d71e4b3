// The configuration's JSON Schema, told by the loader itself: it runs over nothing, and whatever it
// asks for is a key.
#pragma once

#include "runtime/base/json.hpp"

#include <map>
#include <string>
#include <string_view>

namespace behalf {

/// What a yaml_section was asked for, in one place of the file.
struct schema_node {
  json::object own;                        // type, limits and default of a value
  std::map<std::string, schema_node> keys; // of a mapping; "*": names are the user's own;
                                           // "[]": an element of a list
  std::map<std::string, unsigned> required;
  unsigned visits = 0; // a key is required when every visit required it
  bool mapping = false;
  bool text = false; // a text is the short form of the mapping

  json::value to_json() const;

private:
  void add_mapping(json::object& out) const;
};

/// Which of `choices` a dry run takes, so that `variants` of them see every branch of the loader:
/// two bits of `variant` for the outer choices, two for those inside a section, and so on in turn.
std::string dry_choice(std::string_view path, const std::vector<std::string>& choices,
                       unsigned variant);
inline constexpr unsigned dry_variants = 16;

/// JSON Schema (2020-12) of the configuration file. Where a key depends on a `type`, the schema
/// allows it for every type; `behalf validate` is stricter.
json::object config_schema();

} // namespace behalf
