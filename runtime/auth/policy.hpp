// May this principal do this? The one `on` handler that fits best decides.
#pragma once

#include "runtime/base/filter.hpp"
#include "runtime/base/handlers.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Yes, for what `visible` matches.
struct decision {
  /// What `visible` is a condition on: a resource's metadata (of a run: its thread's), or, for the
  /// store, the item as `store_item_view` shows it.
  enum class subject : uint8_t { metadata, item };

  filter visible;
  subject of = subject::metadata;
};

/// What a store filter looks at: the item's value with `namespace` and `key` in front, which a
/// value cannot override. put: an item that would not match is refused (403), one that is there
/// and does not match is hidden (404); get and delete: 404; search and list_namespaces: narrowed.
json::object store_item_view(const json::array& name_space, std::string_view key,
                             const json::object& value);

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
  /// The keys that have a handler, as "resource.action".
  std::vector<std::string> keys() const;

private:
  const on_handler* select(std::string_view resource, std::string_view action) const;

  std::map<std::string, on_handler, std::less<>> handlers_;
};

} // namespace behalf
