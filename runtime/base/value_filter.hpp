// The condition on an item's value that a store search may carry.
#pragma once

#include "runtime/base/json.hpp"

namespace behalf {

/// {"field": x} or {"field": {"$eq"|"$ne"|"$gt"|"$gte"|"$lt"|"$lte": x, …}}; all must hold.
/// Objects without operators recurse. Ordering compares numbers with numbers and text with text;
/// anything else is no match.
class value_filter {
public:
  value_filter() = default; // matches everything

  /// Error: bad_request `Unsupported operator: $in`.
  static result<value_filter> parse(const json::object& spec);

  bool unrestricted() const { return spec_.empty(); }
  bool matches(const json::object& value) const;

private:
  json::object spec_;
};

} // namespace behalf
