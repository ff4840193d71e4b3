#include "config/told_about.hpp"

#include "agents/safety/verdict.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace behalf {
namespace {

// ", but asked about when its arguments match {…} or {…}"; empty without such a condition.
std::string when(const tool_source& source, std::string_view tool, tool_rule rule,
                 std::string_view what) {
  constexpr std::size_t longest_condition = 120;
  std::string all;
  for (const auto& one : source.conditions) {
    if (one.rule != rule || one.tool != tool)
      continue;
    const auto whole = dump(one.arguments);
    const auto shown = cut_utf8(whole, longest_condition);
    all += all.empty() ? ", " + std::string(what) + " when its arguments match " : " or ";
    all += std::string(shown) + (shown.size() < whole.size() ? "…" : "");
  }
  return all;
}

} // namespace

std::string told_about(const agent_options& agent, const tool_source& source,
                       const agent_tool& tool) {
  const bool asks = tool.approval == tool_approval::ask;
  std::string said = asks ? "asked about" : "called at once";
  std::string others;
  if (!asks)
    others = when(source, tool.name, tool_rule::ask, "but asked about");
  else if (!among(source.ask, tool.name))
    others = when(source, tool.name, tool_rule::allow, "but called at once");
  const bool may_be_free = !asks || !others.empty();
  said += others + when(source, tool.name, tool_rule::deny, "refused");
  const auto fate = fate_after_both(agent, source, tool.name, tool.hints);
  constexpr std::string_view once = " once strangers' words and private data were read";
  if (fate == call_fate::refuse)
    said += "; refused" + std::string(once);
  else if (fate == call_fate::ask && may_be_free)
    said += "; asked about" + std::string(once);
  return said;
}

} // namespace behalf
