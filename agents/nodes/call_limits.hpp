// How many calls of tools a run and its user may make.
#pragma once

#include "agents/configured.hpp"
#include "agents/tools/tool_list.hpp"
#include "behalf/context.hpp"
#include "behalf/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// The calls of one run, counted one by one. Those that are refused count, too, except by day.
class call_counter {
public:
  /// `counted`: what `put_into` gave before in this run.
  call_counter(const context& ctx, const agent_options& agent, const agent_settings& settings,
               const json::object& counted);

  /// Why this call ({name, args}) is not made, in words for the model; nothing: it is made, or
  /// refused for what is wrong with it.
  std::optional<std::string> refused(const json::object& call,
                                     const std::vector<agent_tool>& tools);

  /// Adds {"tool_calls", "per_tool": {name: calls}}.
  void put_into(json::object& counted) const;

private:
  const context& ctx_;
  const agent_options& agent_;
  const agent_settings& settings_;
  int64_t all_;
  json::object per_tool_;
};

/// What `limits.per_tool` names and the list has not, in a sentence each.
std::vector<std::string> limits_of_nothing(const agent_limits& limits,
                                           const std::vector<agent_tool>& tools);

} // namespace behalf
