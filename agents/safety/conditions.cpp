#include "agents/safety/conditions.hpp"

#include "agents/tools/arguments.hpp"
#include "runtime/base/among.hpp"

#include <algorithm>

namespace behalf {

std::optional<tool_approval> approval_of_call(const tool_source& source, std::string_view tool,
                                              const tool_hints& hints, const json::object& args) {
  const auto otherwise = approval_of(source, tool, hints);
  auto holds = [&](tool_rule rule) {
    const auto least = rule == tool_rule::allow ? arguments_fit::yes : arguments_fit::unknown;
    return std::any_of(source.conditions.begin(), source.conditions.end(), [&](const auto& one) {
      return one.rule == rule && one.tool == tool && fit_of(one.arguments, args) >= least;
    });
  };
  if (!otherwise || holds(tool_rule::deny))
    return std::nullopt;
  if (holds(tool_rule::ask))
    return tool_approval::ask;
  return !among(source.ask, tool) && holds(tool_rule::allow) ? tool_approval::allow : *otherwise;
}

} // namespace behalf
