// A graph's state between supersteps, and the writes that change it.
#pragma once

#include "behalf/channel.hpp"
#include "behalf/state.hpp"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// The channels of one graph by position; shared by every state of it.
class channel_table {
public:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  /// False when the name is taken.
  bool add(channel c);

  std::size_t size() const { return channels_.size(); }
  const channel& operator[](std::size_t i) const { return channels_[i]; }
  std::size_t find(std::string_view name) const;

private:
  std::vector<channel> channels_;
};

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
  channel_change assign_channel(std::size_t channel, json::value latest, json::array joined);

  std::shared_ptr<const channel_table> channels_;
  std::vector<value_ptr> values_;
  std::size_t bytes_ = 0; // at least as many as it has: what was replaced may be counted
  std::size_t most_bytes_ = static_cast<std::size_t>(-1);
};

/// Turns an object into writes: unknown keys are dropped, messages get their ids and full form.
/// Error: InvalidUpdateError `Expected dict, got …` for anything but an object (null: no writes).
result<channel_writes> to_writes(const channel_table& channels, const json::value& update);

} // namespace behalf
