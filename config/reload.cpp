#include "config/reload.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace behalf {
namespace {

// What `running_system::reload` and the log take while they run.
constexpr std::array<std::string_view, 7> live_keys{"log.level",    "log.format",    "log.file",
                                                    "identity",     "authorization", "limits.user",
                                                    "limits.tenant"};
// How much a user may have is asked by others, who are not told.
constexpr std::array<std::string_view, 4> not_live{"concurrent_runs", "assistants", "threads",
                                                   "items"};

bool is_live(std::string_view key) {
  if (key.starts_with("limits.")
      && std::find(not_live.begin(), not_live.end(), key.substr(key.rfind('.') + 1))
           != not_live.end())
    return false;
  return std::any_of(live_keys.begin(), live_keys.end(), [&](std::string_view live) {
    return key == live
           || (key.starts_with(live) && (key[live.size()] == '.' || key[live.size()] == '['));
  });
}

} // namespace

std::vector<config_change> changes(const config_places& before, const config_places& after) {
  std::set<std::string> keys;
  for (const auto* places : {&before, &after})
    for (const auto& [key, text] : places->values)
      keys.insert(key);
  auto text_in = [](const config_places& places, const std::string& key) {
    auto at = places.values.find(key);
    return at == places.values.end() ? nullptr : &at->second;
  };
  std::vector<config_change> found;
  for (const auto& key : keys) {
    const auto *was = text_in(before, key), *is = text_in(after, key);
    if (!was || !is || *was != *is)
      found.push_back({key, is_live(key)});
  }
  return found;
}

config_places taken_over(const config_places& before, config_places after) {
  std::erase_if(after.values, [](const auto& one) { return !is_live(one.first); });
  for (const auto& [key, text] : before.values)
    if (!is_live(key))
      after.values.emplace(key, text);
  return after;
}

std::string lost(const config_places& before, const config_places& after) {
  if (!before.lines.empty() && after.lines.empty())
    return "the file";
  const auto has = [](const config_places& in, std::string_view section) {
    return std::any_of(in.values.begin(), in.values.end(), [&](const auto& one) {
      return one.first.starts_with(section) && one.first.size() > section.size()
             && (one.first[section.size()] == '.' || one.first[section.size()] == '[');
    });
  };
  for (const auto* section : {"authorization", "agents"})
    if (has(before, section) && !has(after, section))
      return section;
  return {};
}

// What only a restart changes is told at each reload until then, and must do nothing each time.
bool concern_callers(const std::vector<config_change>& changed) {
  return std::any_of(changed.begin(), changed.end(), [](const config_change& one) {
    return one.live && (one.key.starts_with("identity") || one.key.starts_with("limits"));
  });
}

} // namespace behalf
