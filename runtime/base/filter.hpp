// What an authorization handler may answer: a condition on a resource's metadata.
#pragma once

#include "runtime/base/json.hpp"

#include <string>
#include <utility>
#include <vector>

namespace behalf {

/// {"owner": "u1"}, {"owner": {"$eq": "u1"}}, {"tags": {"$contains": "x"}} (or a list: all of
/// them), {"$or": [f, …]}, {"$and": [f, …]}; all keys together must hold. A missing key never
/// matches. Anything else is refused when parsed: an operator we do not know must not let
/// everybody in.
class filter {
public:
  filter() = default; // matches everything

  /// Error: internal with the operator's name; the caller answers 500.
  static result<filter> parse(const json::value& spec);

  bool unrestricted() const { return spec_.empty(); }
  bool matches(const json::object& metadata) const;

  /// The top-level equalities on scalars: what a storage can look up in an index. Every match
  /// satisfies all of them; `matches` still decides.
  std::vector<std::pair<std::string, json::value>> equalities() const;

  const json::object& spec() const { return spec_; }

private:
  json::object spec_;
};

} // namespace behalf
