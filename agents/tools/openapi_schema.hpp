// Schemas of an OpenAPI document, taken out of it.
#pragma once

#include "behalf/json.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace behalf {

/// What a reference in the document leads to, however many there are in a row; `v` itself when it
/// is none. Null when it leads nowhere, or to itself.
const json::object* followed(const json::object& document, const json::value& v);
const json::object* followed(const json::object& document, const json::object& from);

/// Copies schemas of one tool's arguments as JSON Schema (2020-12): references lead to `$defs`
/// beside them, what only OpenAPI 3.0 says is said anew, and what no request may hold (readOnly)
/// is left out.
class schema_taker {
public:
  /// `bytes`: of all that is copied, as text; schemas beyond are {}.
  schema_taker(const json::object& document, bool version_3_0, std::size_t bytes)
    : document_(document), version_3_0_(version_3_0), left_(bytes) {}

  json::object take(const json::object& schema);
  /// The schemas that those taken refer to, by name. Called last, once.
  json::object definitions();
  /// May a request hold a property of this schema?
  bool in_requests(const json::value& schema) const;
  std::size_t left() const { return left_; }

private:
  json::object copy(const json::object& from);
  json::value copy_any(const json::value& schema);
  json::value copy_members(const json::value& schemas);
  json::value copy_list(const json::value& schemas);
  json::object refer(std::string_view reference);
  void copy_properties(const json::object& from, json::object& to);
  static void say_anew(const json::object& from, json::object& to);

  const json::object& document_;
  const bool version_3_0_;
  std::size_t left_;
  std::map<const json::object*, std::string> names_; // of definitions
  std::set<std::string> taken_;
  std::deque<const json::object*> open_;
};

} // namespace behalf
