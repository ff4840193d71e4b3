// Asking people about tool calls, on the wire of LangChain's human-in-the-loop middleware: the
// interrupt's value, and the answers that its clients give.
#pragma once

#include "behalf/json.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

enum class decision_type : uint8_t {
  approve, // call it as it is
  edit,    // call it with other arguments
  reject,  // do not call it, and say so to the model
  respond, // do not call it; the model gets the person's text as its result
};

/// A call that waits for a person.
struct gated_call {
  std::string id, name; // the model's; the name it was told
  json::object args;
  std::string description = {}; // what the person reads; empty: the tool and its arguments
  std::vector<decision_type> allowed = {decision_type::approve, decision_type::edit,
                                        decision_type::reject, decision_type::respond};
  std::string notes = {};       // behind the description: why the person is asked
  json::object tainted_by = {}; // the same for programs: as to_json(taint) gives it
};

/// A person's word on one call.
struct call_decision {
  decision_type type = decision_type::reject;
  json::object args = {};   // of an edit: all of the arguments
  std::string message = {}; // of a reject (may be empty) and of a respond
};

/// HITLRequest: {"action_requests": [{name, args, description, tainted_by?}], "review_configs":
/// [{action_name, allowed_decisions}]}, one of each per call.
json::object hitl_request(const std::vector<gated_call>& calls);

/// The decisions that a resume value holds, one per call in their order. It is one of
///   {"decisions": [{"type": "approve" | "edit" | "reject" | "respond", …}]}, by position;
///   [{"type": "accept" | "edit" | "ignore" | "response", "args": …}], by position;
///   {call id: decision}, of every call;
///   a decision alone, when one call waits;
///   {"__agui_cancelled__": true}, which rejects them all, whatever is beside it.
/// One that has two of these forms is refused.
/// An edit has `edited_action` or `editedAction`: {name, args}; or `args`: {action, args}.
/// Error: invalid_argument with a sentence for whoever answered; nothing was decided then.
result<std::vector<call_decision>> read_decisions(const json::value& resume,
                                                  const std::vector<gated_call>& calls);

} // namespace behalf
