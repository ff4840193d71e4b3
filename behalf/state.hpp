// What a node, a router or an answer reads of a graph's state.
#pragma once

#include "behalf/json.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

class graph_state;
template <class Text>
class basic_json_writer;

/// A channel's value as many states share it; null: never written.
using value_ptr = std::shared_ptr<const json::value>;

/// The state as a node, a router or an answer reads it. Cheap to copy, immutable, thread-safe.
class state_view {
public:
  state_view() = default;
  /// `shown`: which channels it has; null: all.
  explicit state_view(graph_state state, std::shared_ptr<const std::vector<bool>> shown = nullptr);
  /// A task made by `send`: the value it was sent is all it sees.
  explicit state_view(json::value sent);
  explicit state_view(value_ptr sent);

  /// The channel's value (of a sent object: the member), or null when absent.
  const json::value* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The same; throws std::out_of_range when absent, which ends a node as Python's KeyError does.
  const json::value& at(std::string_view key) const;

  /// As `find`, a JSON null when absent.
  const json::value& operator[](std::string_view key) const;
  std::string_view text(std::string_view key, std::string_view otherwise = {}) const;
  /// Of a number with a fraction what is before it; `otherwise` also for what no int64_t holds.
  int64_t number(std::string_view key, int64_t otherwise = 0) const;
  bool flag(std::string_view key, bool otherwise = false) const;
  /// The list, or an empty one when the value is absent or no list.
  const json::array& list(std::string_view key) const;

  /// The last element of a list, or null: the newest message, say.
  const json::value* last(std::string_view key) const;

  /// The same state, of these channels alone.
  state_view only(std::shared_ptr<const std::vector<bool>> channels) const;

  /// Null unless the task was made by `send`.
  const json::value* sent() const { return sent_.get(); }

  /// Everything, as one object (a sent value: as it is). Copies.
  json::value to_json() const;
  /// Writes what `to_json` gives without building it.
  void write(basic_json_writer<std::string>& out) const;
  /// The same into an object that is begun. Nothing for a sent value.
  void write_members(basic_json_writer<std::string>& out) const;

private:
  template <class Visit>
  void each(Visit visit) const;

  std::shared_ptr<const graph_state> state_;
  std::shared_ptr<const std::vector<bool>> shown_;
  value_ptr sent_;
};

} // namespace behalf
