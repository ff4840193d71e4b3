// Channels: the named values a graph's state is made of, and how each takes what nodes write.
#pragma once

#include "behalf/json.hpp"

#include <functional>
#include <optional>
#include <string>

namespace behalf {

/// How a channel joins what it holds and what a node writes.
enum class reducer : uint8_t {
  last_value, // overwrite; two writes in one superstep are an InvalidUpdateError
  append,     // list concatenation; one value appends itself
  messages,   // append, replace by equal id, remove by {"type": "remove", "id"}
  custom,     // a function of (old, update)
};

/// Joins `old` (null before the first write) and `update`. Must be a pure function of both.
using reducer_fn = std::function<json::value(const json::value& old, const json::value& update)>;

/// One channel as a graph declares it. Made by the functions of `flow` below.
struct channel {
  std::string name = {};
  reducer kind = reducer::last_value;
  reducer_fn reduce = {};                  // custom only
  std::optional<json::value> initial = {}; // shown before the first write; unset: absent
  json::object schema = {};                // JSON Schema of the value, for /schemas
};

namespace flow {

/// Holds the latest write; absent until written.
inline channel last_value(json::object schema = {}) {
  return {{}, reducer::last_value, {}, {}, std::move(schema)};
}

/// A list that grows; [] until written.
inline channel append(json::object schema = {}) {
  return {{}, reducer::append, {}, json::array{}, std::move(schema)};
}

/// A conversation; [] until written. Takes every input form of a message (messages.hpp).
inline channel messages() {
  return {{}, reducer::messages, {}, json::array{}, {}};
}

/// Joined by `reduce`; holds `initial` until written.
inline channel reduced(reducer_fn reduce, json::value initial = nullptr, json::object schema = {}) {
  return {{}, reducer::custom, std::move(reduce), std::move(initial), std::move(schema)};
}

} // namespace flow

} // namespace behalf
