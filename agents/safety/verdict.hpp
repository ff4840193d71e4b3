// What becomes of a call: by the declaration, by what the conversation has seen, and by what its
// tool was when it was used first.
#pragma once

#include "agents/safety/taint.hpp"
#include "agents/tools/tool_list.hpp"
#include "behalf/agent.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace behalf {

/// What the model learns by a call of the source's tool, whatever the answer says of itself. Words
/// are an attacker's unless a trusted service says that its tool's world is closed; data is private
/// where the service is called in the user's name.
taint taint_by(const tool_source& source, const tool_hints& hints, std::string_view call_id);

/// A call that is about to be made.
struct judged_call {
  const agent_options& agent;
  const tool_source& source;
  std::string_view tool; // as its service calls it
  tool_hints hints;
  const json::object& args;
  const taint& seen; // by the conversation, when the model made the call
};

enum class call_fate : uint8_t { make, ask, refuse };

struct verdict {
  call_fate fate;
  std::string why = {}; // of a refusal, for the model
};

/// The rule of two: words that may be an attacker's, private data, and a call that changes
/// something or tells somebody: of these three a conversation has two without a person's word.
verdict judge(const judged_call& call);

/// What the rule of two makes of calls of the source's tool once both were read, whatever their
/// arguments: `make` where it says nothing.
call_fate fate_after_both(const agent_options& agent, const tool_source& source,
                          std::string_view tool, const tool_hints& hints);

/// For the person who approves a call, what the conversation has seen; empty without untrusted
/// content.
std::string told_of(const taint& seen);

} // namespace behalf
