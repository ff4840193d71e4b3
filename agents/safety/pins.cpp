#include "agents/safety/pins.hpp"

#include "agents/tools/toolbox.hpp"
#include "runtime/base/json.hpp"

#include <string>

namespace behalf {
namespace {

constexpr std::size_t kept_digits = 32;
constexpr std::size_t most_pins = 4'096; // of a thread; tools that come later have none

// Services have no '/' in their names.
std::string key_of(std::string_view service, std::string_view tool) {
  return std::string(service) + "/" + std::string(tool);
}

} // namespace

const json::object& pins_of(const state_view& state) {
  static const json::object none;
  const auto* kept = state.find(pins_channel);
  return kept && kept->is_object() ? kept->get_object() : none;
}

json::object changed_pins(const json::object& given, const json::value& left) {
  json::object changed;
  if (const auto* all = left.if_object())
    for (const auto& [key, hash] : *all)
      if (const auto* before = given.if_contains(key); !before || *before != hash)
        changed[key] = hash;
  return changed;
}

channel keeps_pins() {
  return flow::reduced(
    [](const json::value& old, const json::value& update) -> json::value {
      auto all = old.is_object() ? old.get_object() : json::object{};
      if (const auto* more = update.if_object())
        for (const auto& [key, hash] : *more)
          if (all.contains(key) || all.size() < most_pins)
            all[key] = hash;
      return all;
    },
    json::object{});
}

json::object new_pins(const state_view& state, const std::vector<agent_tool>& tools) {
  const auto& known = pins_of(state);
  json::object all;
  for (const auto& one : tools)
    if (!is_own(one.service) && !known.contains(key_of(one.service, one.name)))
      add_pin(all, one.service, one.name, one.hash);
  return all;
}

bool is_changed(const state_view& state, std::string_view service, std::string_view tool,
                std::string_view hash) {
  if (is_own(service)) // older threads have pins of these, too
    return false;
  const auto pinned = string_or(pins_of(state), key_of(service, tool));
  return !pinned.empty() && pinned != hash.substr(0, kept_digits);
}

void add_pin(json::object& to, std::string_view service, std::string_view tool,
             std::string_view hash) {
  to[key_of(service, tool)] = json::string(hash.substr(0, kept_digits));
}

} // namespace behalf
