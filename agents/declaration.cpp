#include "agents/declaration.hpp"

#include "agents/configured.hpp"
#include "agents/tools/arguments.hpp"
#include "agents/tools/builtin.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>
#include <set>

namespace behalf {
namespace {

constexpr std::size_t longest_name = 64; // it is a label of the namespace of its memories

error wrong(const agent_options& agent, const std::string& why) {
  return fail(errc::invalid_argument, "the agent '" + agent.name + "': " + why);
}

result<void> check_rules(const agent_options& agent, const tool_source& source) {
  std::set<std::string> named;
  for (const auto* list : {&source.allow, &source.ask, &source.deny, &source.reads})
    for (const auto& tool : *list)
      if (!named.insert(tool).second)
        return wrong(agent, "the tool '" + tool + "' of '" + source.service
                              + "' stands in two of allow, ask, deny and reads");
  for (const auto& one : source.conditions) {
    if (one.tool.empty() || one.tool == "*")
      return wrong(agent, "a condition of '" + source.service + "' is about no single tool");
    if (auto unread = unread_keyword(one.arguments))
      return wrong(agent, "the condition of '" + one.tool + "' uses '" + *unread
                            + "', which is not understood, so that nothing would depend on it");
  }
  return {};
}

// Rules are found by the name of whom they are about.
result<void> check_names(const agent_options& agent) {
  std::set<std::string> services, functions, others, builtin;
  for (const auto& one : agent.tools) {
    if (one.service.empty())
      return wrong(agent, "a service has no name");
    if (one.a2a && !one.assistant.empty())
      return wrong(agent, "'" + one.service + "' is asked by `a2a` or as an `assistant`, not both");
    if (!services.insert(one.service).second)
      return wrong(agent, "the service '" + one.service + "' stands twice");
  }
  for (const auto& one : agent.functions)
    if (!functions.insert(one.what.what.name).second)
      return wrong(agent, "the function '" + one.what.what.name + "' stands twice");
  for (const auto& one : agent.agents)
    if (!others.insert(one.name).second)
      return wrong(agent, "the agent '" + one.name + "' stands twice");
  for (const auto& name : agent.hand_offs)
    if (name == agent.name || !others.insert(name).second)
      return wrong(agent, "the agent '" + name + "' stands twice, or is itself");
  for (const auto& name : agent.builtin)
    if (!among(builtin_names(), name) || !builtin.insert(name).second)
      return wrong(agent, "the built-in tool '" + name + "' stands twice, or is none");
  return {};
}

bool is_negative(const spending_limits& l) {
  return l.tokens_per_run < 0 || l.tokens_per_user_per_day < 0 || !(l.cost_per_run >= 0)
         || !(l.cost_per_user_per_day >= 0) || !(l.cost_per_tenant_per_day >= 0)
         || !(l.cost_per_day >= 0);
}

result<void> check_numbers(const agent_options& agent) {
  const auto& l = agent.limits;
  if (l.model_calls < 1 || l.tool_calls < 0 || l.tool_calls_per_user_per_day < 0
      || is_negative(l.spending))
    return wrong(agent, "a limit is negative, or it may not ask its model once");
  for (const auto& [tool, calls] : l.per_tool) {
    if (calls < 0)
      return wrong(agent, "the limit of '" + tool + "' is negative");
    if (auto why = no_such_tool(agent, tool); !why.empty())
      return wrong(agent, "of per_tool there is " + why);
  }
  const auto& m = agent.memory;
  if (m.summarise_above < 0 || m.trim_above < 0 || m.clear_tool_results_above < 0)
    return wrong(agent, "a number of tokens of its memory is negative");
  const auto too_short = [](std::chrono::milliseconds time) { return time.count() < 0; };
  for (const auto& one : agent.functions)
    if (too_short(one.timeout))
      return wrong(agent, "the timeout of '" + one.what.what.name + "' is negative");
  for (const auto& one : agent.tools)
    if (too_short(one.timeout)
        || std::any_of(one.timeouts.begin(), one.timeouts.end(),
                       [&](const auto& each) { return too_short(each.second); }))
      return wrong(agent, "a timeout of '" + one.service + "' is negative");
  return {};
}

} // namespace

result<void> check_agent_name(std::string_view name) {
  if (name.empty() || name.size() > longest_name || !made_of(name, "-_"))
    return fail(errc::invalid_argument,
                "the name of an agent must be 1 to 64 letters, digits, '-' or '_'");
  return {};
}

result<void> check_declaration(const agent_options& agent) {
  if (auto ok = check_agent_name(agent.name); !ok)
    return ok;
  if (agent.model.empty())
    return wrong(agent, "it has no model");
  if (const auto& form = agent.response.schema;
      !form.empty() && string_or(form, "type") != "object")
    return wrong(agent, "its response must have a JSON Schema of an object");
  if (auto ok = check_names(agent); !ok)
    return ok;
  for (const auto& source : agent.tools)
    if (auto ok = check_rules(agent, source); !ok)
      return ok;
  return check_numbers(agent);
}

} // namespace behalf
