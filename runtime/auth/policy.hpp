// May this principal do this? The one `on` handler that fits best decides.
#pragma once

#include "runtime/base/filter.hpp"
#include "runtime/base/handlers.hpp"

#include <map>
#include <string>
#include <string_view>

namespace behalf {

/// Yes, for what `visible` matches: a resource's metadata (of a run: its thread's) or, for the
/// store, an item's value with its namespace and key.
struct decision {
  filter visible;
};

/// The handlers, by what they are for. Filled while loading, read-only afterwards.
class policy {
public:
  /// `key` is "threads.create", "threads", "*.create" or "*" (":" may stand for "."). Error:
  /// invalid_argument for a resource or action that does not exist, and for a key that has a
  /// handler already.
  result<void> add(std::string_view key, on_handler handler);

  /// Asks exactly one handler: resource.action, else resource, else *.action, else *. None fits:
  /// allowed. The handler may change `value`, what the operation is about to read or write.
  /// Error: denied when it says no, its own error when it gives one, internal when it throws or
  /// its filter is not one we understand.
  result<decision> decide(const principal& who, std::string_view resource, std::string_view action,
                          json::object& value) const;

  bool empty() const { return handlers_.empty(); }

private:
  const on_handler* select(std::string_view resource, std::string_view action) const;

  std::map<std::string, on_handler, std::less<>> handlers_;
};

} // namespace behalf
