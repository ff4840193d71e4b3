#include "agents/agent.hpp"
#include "behalf/agent.hpp"
#include "runtime/base/among.hpp"

namespace behalf {
namespace {

result<agent_options> options_of(const agent_parts& parts) {
  using rule = function_use::rule;
  agent_options made;
  made.name = parts.name;
  made.description = parts.description;
  made.model = parts.model;
  made.prompt = parts.prompt;
  made.limits.model_calls = parts.model_calls;
  made.limits.tool_calls = parts.tool_calls;
  for (const auto& one : parts.tools) {
    const auto free = among(parts.allow, one.what.name);
    made.functions.push_back({one, free ? rule::allow : rule::by_hints});
  }
  for (const auto& one : parts.services) {
    tool_source source;
    source.service = one.service;
    source.allow = one.allow;
    source.ask = one.ask;
    source.deny = one.deny;
    source.trusted = one.trusted;
    made.tools.push_back(std::move(source));
  }
  for (const auto& one : parts.agents) {
    auto options = options_of(one);
    if (!options)
      return options.error();
    auto inside = make_agent(std::move(*options), agent_place::inside);
    if (!inside)
      return inside.error();
    made.agents.push_back({one.name, one.description, std::move(*inside)});
  }
  return made;
}

} // namespace

result<std::shared_ptr<const graph>> build_agent(const agent_parts& parts) {
  auto options = options_of(parts);
  if (!options)
    return options.error();
  return make_agent(std::move(*options));
}

} // namespace behalf
