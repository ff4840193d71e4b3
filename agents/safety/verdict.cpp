#include "agents/safety/verdict.hpp"

#include "agents/safety/conditions.hpp"
#include "runtime/base/among.hpp"
#include "runtime/base/text.hpp"

namespace behalf {
namespace {

// It changes something, or what is in its arguments may reach others. What a service says of its
// tools counts if it is trusted, and what the operator says always.
bool has_effects(const tool_source& source, std::string_view tool, const tool_hints& hints) {
  if (among(source.reads, tool)
      || (among(source.reads, "*") && !among(source.allow, tool) && !among(source.ask, tool)))
    return false;
  return !source.trusted || !hints.read_only || hints.open_world;
}

// "'mail' (calls c1, c2), 'web'". Ids are a model's: only plain ones are repeated.
std::string listed(const taint_sources& sources) {
  std::string all;
  for (const auto& [source, calls] : sources) {
    std::string ids;
    std::size_t count = 0;
    for (const auto& id : calls)
      if (made_of(id, "-_.")) {
        ids += (ids.empty() ? "" : ", ") + id;
        ++count;
      }
    all += (all.empty() ? "'" : ", '") + source + "'";
    if (count != 0)
      all += (count == 1 ? " (call " : " (calls ") + ids + ")";
  }
  return all;
}

} // namespace

taint taint_by(const tool_source& source, const tool_hints& hints, std::string_view call_id) {
  taint seen;
  if (!source.trusted || hints.open_world)
    add_source(seen.untrusted, source.service, call_id);
  if (source.personal)
    add_source(seen.personal, source.service, call_id);
  return seen;
}

verdict judge(const judged_call& call) {
  const auto approval = approval_of_call(call.source, call.tool, call.hints, call.args);
  if (!approval)
    return {call_fate::refuse, "the agent is not allowed to call it with these arguments."};
  const auto fate = call.seen.both()
                      ? fate_after_both(call.agent, call.source, call.tool, call.hints)
                      : call_fate::make;
  if (fate == call_fate::refuse)
    return {fate, "the conversation holds both content that is not trusted and private data; after "
                  "that it is not allowed to call tools that change something or reach others."};
  if (fate == call_fate::ask)
    return {fate};
  return {*approval == tool_approval::allow ? call_fate::make : call_fate::ask};
}

call_fate fate_after_both(const agent_options& agent, const tool_source& source,
                          std::string_view tool, const tool_hints& hints) {
  if (agent.rule_of_two == tainted_calls::off || !has_effects(source, tool, hints))
    return call_fate::make;
  return agent.rule_of_two == tainted_calls::deny ? call_fate::refuse : call_fate::ask;
}

std::string told_of(const taint& seen) {
  if (seen.untrusted.empty())
    return {};
  auto text = "Untrusted content was read from " + listed(seen.untrusted) + ".";
  if (!seen.personal.empty())
    text += " Private data was read from " + listed(seen.personal)
            + ". This call may do what the untrusted content asks for, and may give away private "
              "data: look at its arguments.";
  return text;
}

} // namespace behalf
