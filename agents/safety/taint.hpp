// What a conversation has seen that the rules of safety ask about: content that anybody may have
// written, and data of the user's. Kept with the thread; it only grows.
#pragma once

#include "behalf/channel.hpp"
#include "behalf/json.hpp"
#include "behalf/state.hpp"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Services (or "client", "memory", …) by name, with the ids of the first calls that brought it.
using taint_sources = std::map<std::string, std::vector<std::string>, std::less<>>;

struct taint {
  taint_sources untrusted; // words that may be an attacker's
  taint_sources personal;  // data that was read in the user's name

  bool none() const { return untrusted.empty() && personal.empty(); }
  bool both() const { return !untrusted.empty() && !personal.empty(); }
  /// What either has seen. Keeps so many sources and calls as people read.
  void join(const taint& other);

  bool operator==(const taint&) const = default;
};

/// Adds a source, and the call that brought it.
void add_source(taint_sources& to, std::string_view source, std::string_view call = {});

/// {"untrusted": {source: [call ids]}, "private": {…}}, without what is empty. So it is kept in the
/// channel, in tasks and beside what is stored for later.
json::object to_json(const taint& seen);
/// Null is none. What to_json did not make counts as untrusted, from "unknown".
taint taint_from_json(const json::value* kept);

/// The channel that keeps it: whatever is written is joined to what is there.
inline constexpr std::string_view taint_channel = "taint";
channel keeps_taint();
taint taint_of(const state_view& state);

} // namespace behalf
