// A graph's state between supersteps, the writes that change it, and the view a node gets.
#pragma once

#include "runtime/graph/channel.hpp"

#include <span>
#include <utility>

namespace behalf {

/// A channel's value as many states share it; null: never written.
using value_ptr = std::shared_ptr<const json::value>;

/// One value on its way into a channel.
struct channel_write {
  std::size_t channel;
  json::value value;
};
using channel_writes = std::vector<channel_write>;

/// How one channel changed in one superstep: what a checkpoint stores.
struct channel_change {
  std::size_t channel;
  bool append;       // the list grew by `value` (a list); else the channel is now the state's value
  json::value value; // of an append; null for a set, whose value is in the state
};

/// What a channel held before a write, for taking the write back.
struct channel_before {
  std::size_t channel;
  value_ptr value;                   // null: never written, or a list that only grows
  std::optional<std::size_t> length; // of such a list, which goes on growing in place
};

/// The values of a graph's channels. Copies share the values: cheap.
class graph_state {
public:
  graph_state() = default;
  explicit graph_state(std::shared_ptr<const channel_table> channels);

  const channel_table& channels() const { return *channels_; }
  const std::shared_ptr<const channel_table>& table() const { return channels_; }

  /// What is visible of a channel: its value, else its initial one, else null.
  const json::value* find(std::size_t channel) const;
  const json::value* find(std::string_view name) const;
  bool written(std::size_t channel) const { return values_[channel] != nullptr; }
  const value_ptr& shared(std::size_t channel) const { return values_[channel]; }
  void set(std::size_t channel, value_ptr value) { values_[channel] = std::move(value); }

  /// From now on writes are refused that would make the state longer than `most` bytes of JSON.
  /// `now`: what it has at most. Both are about: escapes and digits are not counted.
  void limit_bytes(std::size_t most, std::size_t now) {
    most_bytes_ = most;
    bytes_ = now;
  }

  /// Applies the writes of one superstep, in order. The state is unchanged when it fails.
  /// Error: InvalidUpdateError (kind) for a second overwrite of a last_value channel, or a value
  /// the channel cannot take, or that there is no room for.
  result<std::vector<channel_change>> apply(channel_writes writes);

  /// What one task's `writes` are about to change; asked before `apply`, for `take_back`.
  std::vector<channel_before> before(const channel_writes& writes) const;
  void take_back(std::vector<channel_before> old);

private:
  channel_change commit(std::size_t channel, json::value latest, json::array joined);

  std::shared_ptr<const channel_table> channels_;
  std::vector<value_ptr> values_;
  std::size_t bytes_ = 0; // at least as many as it has: what was replaced may be counted
  std::size_t most_bytes_ = static_cast<std::size_t>(-1);
};

/// Turns an object into writes: unknown keys are dropped, messages get their ids and full form.
/// Error: InvalidUpdateError `Expected dict, got …` for anything but an object (null: no writes).
result<channel_writes> to_writes(const channel_table& channels, const json::value& update);

/// The state as a node, a router or an answer reads it. Cheap to copy, immutable, thread-safe.
class state_view {
public:
  state_view() = default;
  /// `shown`: which channels `to_json` and `append_text` give; null: all.
  explicit state_view(graph_state state, std::shared_ptr<const std::vector<bool>> shown = nullptr);
  /// A task made by `send`: the value it was sent is all it sees.
  explicit state_view(json::value sent);
  explicit state_view(value_ptr sent);

  /// The channel's value (of a sent object: the member), or null when absent.
  const json::value* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// As `find`, a JSON null when absent.
  const json::value& operator[](std::string_view key) const;
  std::string_view text(std::string_view key, std::string_view otherwise = {}) const;
  int64_t number(std::string_view key, int64_t otherwise = 0) const;
  bool flag(std::string_view key, bool otherwise = false) const;
  /// The list, or an empty one when the value is absent or no list.
  const json::array& list(std::string_view key) const;

  /// The last element of a list, or null: the newest message, say.
  const json::value* last(std::string_view key) const;

  /// Null unless the task was made by `send`.
  const json::value* sent() const { return sent_.get(); }

  /// Everything, as one object (a sent value: as it is). Copies.
  json::value to_json() const;
  /// Appends compact JSON text of `to_json` without building it.
  void append_text(std::string& out) const;
  /// The same without the braces: `"a":1,"b":2`. Nothing for a sent value.
  void append_members(std::string& out) const;

private:
  template <class Visit>
  void each(Visit visit) const;

  std::shared_ptr<const graph_state> state_;
  std::shared_ptr<const std::vector<bool>> shown_;
  value_ptr sent_;
};

/// Appends compact JSON text.
void append_json(std::string& out, const json::value& v);
void append_json_text(std::string& out, std::string_view text); // as a JSON string

} // namespace behalf
