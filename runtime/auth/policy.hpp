// May this principal do this? The one `on` handler that fits best decides.
#pragma once

#include "behalf/handlers.hpp"
#include "runtime/base/filter.hpp"

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace behalf {

/// Yes, for what `auth_filter` matches: a resource's metadata (of a run: its thread's) or, for the
/// store, an item's value with its namespace and key.
struct decision {
  filter auth_filter;
};

/// What happens where no handler fits.
enum class unmatched : uint8_t { refused, allowed };

/// The handlers, by what they are for. Filled while loading, read-only afterwards.
class policy {
public:
  explicit policy(unmatched otherwise = unmatched::refused) : otherwise_(otherwise) {}

  /// `key` is "threads.create", "threads", "*.create" or "*" (":" may stand for "."). Error:
  /// invalid_argument for a resource or action that does not exist, and for a key that has a
  /// handler already.
  result<void> add(std::string_view key, on_handler handler);

  /// Asks exactly one handler: resource.action, else resource, else *.action, else *. The handler
  /// may change `value`, what the operation is about to read or write, in the fields that
  /// `may_change` names and in new ones; any other it must leave as it is, for the operation does
  /// not look at them again. Error: denied when it says no, its own error when it gives one,
  /// internal when it throws, changes what it must not, or gives a filter we do not understand.
  result<decision> decide(const principal& who, std::string_view resource, std::string_view action,
                          json::object& value,
                          std::span<const std::string_view> may_change = {}) const;

private:
  const on_handler* select(std::string_view resource, std::string_view action) const;

  std::map<std::string, on_handler, std::less<>> handlers_;
  unmatched otherwise_;
};

} // namespace behalf
