#include "runtime/graph/state.hpp"

#include "runtime/base/json_writer.hpp"
#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/messages.hpp"

#include <algorithm>
#include <atomic>
#include <exception>

namespace behalf {
namespace {

const json::value null_value(nullptr); // braces would make it a list

error invalid_update(std::string message) {
  return {errc::invalid_argument, std::move(message), {}, "InvalidUpdateError"};
}

// The value for changing in place: itself when nobody else can see it, else a copy.
std::shared_ptr<json::value> own(const value_ptr& shared, const json::value* initial) {
  if (!shared)
    return std::make_shared<json::value>(initial ? *initial : null_value);
  if (shared.use_count() == 1) {
    // Whoever let go last on another thread did so before this.
    std::atomic_thread_fence(std::memory_order_acquire);
    return std::const_pointer_cast<json::value>(shared);
  }
  return std::make_shared<json::value>(*shared);
}

// Moves the elements of one write behind `list`.
void extend(json::array& list, json::value&& update) {
  if (!update.is_array()) {
    list.push_back(std::move(update));
    return;
  }
  for (auto& one : update.get_array())
    list.push_back(std::move(one));
}

json::array& as_list(json::value& v) {
  return v.is_array() ? v.get_array() : v.emplace_array();
}

// All that one superstep writes into one channel.
struct channel_batch {
  std::size_t channel;
  std::vector<json::value*> writes;
  json::value latest = nullptr; // the channel's new value, unless it is a list
  json::array joined = {};      // of a list: what it grows by
};

std::vector<channel_batch> by_channel(channel_writes& writes) {
  std::vector<channel_batch> batches;
  for (auto& w : writes) {
    auto at = std::find_if(batches.begin(), batches.end(),
                           [&](const channel_batch& b) { return b.channel == w.channel; });
    if (at == batches.end())
      at = batches.insert(batches.end(), channel_batch{w.channel, {}});
    at->writes.push_back(&w.value);
  }
  return batches;
}

result<void> reduce(channel_batch& batch, const channel& how, const json::value* old) {
  try {
    batch.latest = old ? *old : null_value;
    for (const auto* update : batch.writes)
      batch.latest = how.reduce(batch.latest, *update);
    if (auto ok = check_storable(batch.latest); !ok)
      return invalid_update("At key '" + how.name + "': " + ok.error().message);
  } catch (const std::exception& e) {
    return invalid_update("At key '" + how.name + "': the reducer failed: " + e.what());
  }
  return {};
}

// Works out what the writes come to, without touching the state.
result<void> prepare(channel_batch& batch, const channel& how, const json::value* old) {
  if (how.kind == reducer::custom)
    return reduce(batch, how, old);
  if (how.kind == reducer::last_value) {
    if (batch.writes.size() > 1)
      return invalid_update("At key '" + how.name
                            + "': Can receive only one value per step. Give the channel a reducer "
                              "to take several.");
    batch.latest = std::move(*batch.writes.front());
    return {};
  }
  for (auto* update : batch.writes)
    extend(batch.joined, std::move(*update));
  static const json::array nothing;
  if (how.kind == reducer::messages)
    return check_removals(old && old->is_array() ? old->get_array() : nothing, batch.joined,
                          how.name);
  return {};
}

// What the state weighs without the values that the batches replace.
std::size_t kept_bytes(const channel_table& channels, const std::vector<value_ptr>& values,
                       const std::vector<channel_batch>& batches) {
  std::size_t sum = 0;
  for (std::size_t at = 0; at < values.size(); ++at) {
    const auto kind = channels[at].kind;
    const auto grows = kind == reducer::append || kind == reducer::messages;
    const auto written = std::any_of(batches.begin(), batches.end(),
                                     [&](const channel_batch& b) { return b.channel == at; });
    if (values[at] && (grows || !written))
      sum += json_weight(*values[at]);
  }
  return sum;
}

std::size_t added_bytes(const std::vector<channel_batch>& batches) {
  std::size_t sum = 0;
  for (const auto& batch : batches) {
    sum += json_weight(batch.latest);
    for (const auto& one : batch.joined)
      sum += json_weight(one) + 1;
  }
  return sum;
}

} // namespace

bool channel_table::add(channel c) {
  if (find(c.name) != none)
    return false;
  channels_.push_back(std::move(c));
  return true;
}

std::size_t channel_table::find(std::string_view name) const {
  for (std::size_t i = 0; i < channels_.size(); ++i)
    if (channels_[i].name == name)
      return i;
  return none;
}

graph_state::graph_state(std::shared_ptr<const channel_table> channels)
  : channels_(std::move(channels)), values_(channels_->size()) {}

const json::value* graph_state::find(std::size_t channel) const {
  if (values_[channel])
    return values_[channel].get();
  const auto& initial = (*channels_)[channel].initial;
  return initial ? &*initial : nullptr;
}

const json::value* graph_state::find(std::string_view name) const {
  auto at = channels_ ? channels_->find(name) : channel_table::none;
  return at == channel_table::none ? nullptr : find(at);
}

result<std::vector<channel_change>> graph_state::apply(channel_writes writes) {
  auto batches = by_channel(writes);
  // Everything that can fail comes first.
  for (auto& batch : batches)
    if (auto ok = prepare(batch, (*channels_)[batch.channel], find(batch.channel)); !ok)
      return ok.error();
  const auto more = added_bytes(batches);
  if (more > most_bytes_ || bytes_ > most_bytes_ - more) { // perhaps by what was replaced since
    const auto kept = kept_bytes(*channels_, values_, batches);
    if (more > most_bytes_ || kept > most_bytes_ - more)
      return invalid_update("The state of the thread would have more than "
                            + std::to_string(most_bytes_) + " bytes of JSON");
    bytes_ = kept;
  }
  bytes_ += more;
  std::vector<channel_change> changes;
  changes.reserve(batches.size());
  for (auto& batch : batches)
    changes.push_back(
      assign_channel(batch.channel, std::move(batch.latest), std::move(batch.joined)));
  return changes;
}

channel_change graph_state::assign_channel(std::size_t at, json::value latest, json::array joined) {
  const auto& how = (*channels_)[at];
  auto& value = values_[at];
  if (how.kind == reducer::last_value || how.kind == reducer::custom) {
    value = std::make_shared<json::value>(std::move(latest));
    return {at, false, nullptr};
  }
  auto mine = own(value, how.initial ? &*how.initial : nullptr);
  auto& list = as_list(*mine);
  auto did = message_change::appended;
  if (how.kind == reducer::messages)
    did = join_messages(list, joined);
  else
    list.insert(list.end(), joined.begin(), joined.end());
  value = std::move(mine);
  if (did == message_change::rewritten)
    return {at, false, nullptr};
  return {at, true, json::value(std::move(joined))};
}

std::vector<channel_before> graph_state::before(const channel_writes& writes) const {
  std::vector<channel_before> old;
  old.reserve(writes.size());
  for (const auto& w : writes) {
    const auto& value = values_[w.channel];
    auto kind = (*channels_)[w.channel].kind;
    auto list = !value || value->is_array();
    if (list
        && (kind == reducer::append
            || (kind == reducer::messages && !rewrites(value.get(), w.value))))
      old.push_back({w.channel, nullptr, value ? value->get_array().size() : 0});
    else
      old.push_back({w.channel, value, std::nullopt});
  }
  return old;
}

void graph_state::take_back(std::vector<channel_before> old) {
  for (auto& one : old) {
    if (one.length.value_or(0) > 0) {
      auto mine = own(values_[one.channel], nullptr);
      mine->get_array().resize(*one.length);
      one.value = std::move(mine);
    }
    values_[one.channel] = std::move(one.value);
  }
}

result<channel_writes> to_writes(const channel_table& channels, const json::value& update) {
  channel_writes writes;
  if (update.is_null())
    return writes;
  if (!update.is_object())
    return invalid_update("Expected dict, got " + excerpt(update));
  writes.reserve(channels.size());
  for (const auto& [key, v] : update.get_object()) {
    auto at = channels.find({key.data(), key.size()});
    if (at == channel_table::none)
      continue;
    // What a checkpoint could not be read back with ends the run here, not after a restart.
    if (auto ok = check_storable(v); !ok)
      return invalid_update("At key '" + channels[at].name + "': " + ok.error().message);
    if (channels[at].kind != reducer::messages) {
      writes.push_back({at, v});
      continue;
    }
    auto complete = to_messages(v);
    if (!complete)
      return complete.error();
    writes.push_back({at, json::value(std::move(*complete))});
  }
  return writes;
}

// --- the view ----------------------------------------------------------------------------------

state_view::state_view(graph_state state, std::shared_ptr<const std::vector<bool>> shown)
  : state_(std::make_shared<const graph_state>(std::move(state))), shown_(std::move(shown)) {}

state_view::state_view(json::value sent)
  : sent_(std::make_shared<const json::value>(std::move(sent))) {}

state_view::state_view(value_ptr sent) : sent_(std::move(sent)) {}

const json::value* state_view::find(std::string_view key) const {
  if (sent_)
    return member(*sent_, key);
  if (!state_)
    return nullptr;
  auto at = state_->channels().find(key);
  return at == channel_table::none || (shown_ && !(*shown_)[at]) ? nullptr : state_->find(at);
}

const json::value& state_view::at(std::string_view key) const {
  if (const auto* found = find(key))
    return *found;
  throw std::out_of_range('\'' + std::string(key) + '\'');
}

state_view state_view::only(std::shared_ptr<const std::vector<bool>> channels) const {
  auto part = *this;
  part.shown_ = std::move(channels);
  return part;
}

const json::value& state_view::operator[](std::string_view key) const {
  const auto* found = find(key);
  return found ? *found : null_value;
}

std::string_view state_view::text(std::string_view key, std::string_view otherwise) const {
  const auto* found = find(key);
  if (!found || !found->is_string())
    return otherwise;
  return {found->get_string().data(), found->get_string().size()};
}

int64_t state_view::number(std::string_view key, int64_t otherwise) const {
  const auto* found = find(key);
  constexpr double beyond = 9223372036854775808.0; // 2^63: the first one too large; no NaN compares
  if (found && found->is_double() && found->get_double() >= -beyond && found->get_double() < beyond)
    return static_cast<int64_t>(found->get_double());
  return found && found->is_int64() ? found->get_int64() : otherwise;
}

bool state_view::flag(std::string_view key, bool otherwise) const {
  const auto* found = find(key);
  return found && found->is_bool() ? found->get_bool() : otherwise;
}

const json::array& state_view::list(std::string_view key) const {
  static const json::array none;
  const auto* found = find(key);
  return found && found->is_array() ? found->get_array() : none;
}

const json::value* state_view::last(std::string_view key) const {
  const auto& all = list(key);
  return all.empty() ? nullptr : &all.back();
}

template <class Visit>
void state_view::each(Visit visit) const {
  for (std::size_t i = 0; state_ && i < state_->channels().size(); ++i)
    if (const auto* v = !shown_ || (*shown_)[i] ? state_->find(i) : nullptr)
      visit(state_->channels()[i].name, *v);
}

json::value state_view::to_json() const {
  if (sent_)
    return *sent_;
  json::object all;
  each([&](std::string_view name, const json::value& v) { all.emplace(name, v); });
  return all;
}

void state_view::write(json_writer& out) const {
  if (sent_)
    return static_cast<void>(out.value(*sent_));
  out.object();
  write_members(out);
  out.end();
}

void state_view::write_members(json_writer& out) const {
  each([&](std::string_view name, const json::value& v) { out.member(name, v); });
}

} // namespace behalf
