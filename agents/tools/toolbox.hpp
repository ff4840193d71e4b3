// Where an agent's tools come from: something that lists tools for a user, and makes their calls.
#pragma once

#include "agents/safety/taint.hpp"
#include "behalf/coroutine.hpp"
#include "behalf/json.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

class context;
struct function_tool;
struct sub_agent;
struct tool_definition;
struct tool_hints;
struct tool_source;

/// A call of a tool, as the model made it or a person changed it.
struct requested_call {
  std::string id, name; // the model's; the name it was told
  std::string tool;     // as its toolbox calls it
  json::object args;    // match the tool's schema
  taint known = {};     // what the conversation had seen when the model made it
  json::object pins =
    {}; // and what its tools were, where the toolbox runs agents (safety/pins.hpp)
};

/// A file of a result that its message only names.
struct left_file {
  json::object file; // {"name", "mime_type", "base64", "bytes", "uri"?}
  bool is_readable;  // by models, each by itself
  std::size_t note;  // in the message's content: which block names it; of a text, the byte behind
};

/// What the message of a result leaves out, and may be kept.
struct left_parts {
  json::string text = {};     // the whole of it; empty when the message has it all
  std::size_t text_shown = 0; // bytes of that which the message has
  std::vector<left_file> files = {};

  bool empty() const { return text.empty() && files.empty(); }
};

/// What became of a call.
struct tool_outcome {
  json::object message; // the tool message that answers it
  flow::update changes; // of the agent's other channels
  taint seen = {};      // what the model learns by it, beside what its toolbox stands for
  left_parts left = {}; // of the message

  tool_outcome(json::object answer) : message(std::move(answer)) {}
};

/// Lists tools for the run's user, and makes their calls, within a node. Shared by all runs.
class toolbox {
public:
  explicit toolbox(std::string name) : name_(std::move(name)) {}
  virtual ~toolbox() = default;
  toolbox(const toolbox&) = delete;
  toolbox& operator=(const toolbox&) = delete;

  /// Unique in an agent: a service's name, or one that no service can have.
  const std::string& name() const { return name_; }
  /// {"tools": [{name, description, inputSchema, annotations}]}, as MCP's tools/list gives them:
  /// whatever is in it, it is checked and bounded by who asks. Errors are those of a service.
  virtual coroutine<result<json::value>> list(context ctx) const = 0;
  /// The same where it is known without asking anybody; else null.
  virtual const json::value* known() const { return nullptr; }
  /// Whatever becomes of the call is told to the model: a failed one is a message, too. May ask a
  /// person (`ctx.interrupt`), and runs again from its top then.
  virtual coroutine<tool_outcome> call(context ctx, requested_call what) const = 0;
  /// Its calls are made by agents of this program, which go on from what the conversation knows.
  virtual bool runs_agents() const { return false; }
  /// A call that runs again finds what it has begun, by its task: that is stored before it leaves.
  virtual bool finds_its_calls() const { return false; }

private:
  std::string name_;
};

/// A toolbox's name that no service can have: its tools are this server's, and the operator's
/// words.
inline bool is_own(std::string_view toolbox) {
  return toolbox.starts_with(':') || toolbox.starts_with('@');
}

/// One whose tools are the same for everybody, and known here: {"tools": […]}.
class known_toolbox : public toolbox {
public:
  known_toolbox(std::string name, json::value listed)
    : toolbox(std::move(name)), listed_(std::move(listed)) {}

  coroutine<result<json::value>> list(context ctx) const override;
  const json::value* known() const override { return &listed_; }

private:
  const json::value listed_;
};

/// {name, description, inputSchema, annotations}, as a toolbox lists a tool.
json::object listed_tool(const tool_definition& what, const tool_hints& hints);

/// The tools of an MCP service, called as the run's user.
std::shared_ptr<const toolbox> mcp_toolbox(std::string service);

/// The tool `ask_NAME` of an agent of another server, by the A2A protocol: gives it a message, as
/// the run's user, and waits until it is done with it, 10 minutes at most.
std::shared_ptr<const toolbox> a2a_toolbox(const tool_source& source);

/// The tool `ask_NAME` of an assistant of another server, by the Agent Server API: gives it a
/// message, as the run's user, and waits until it is done with it, 10 minutes at most. Its
/// questions are the run's.
std::shared_ptr<const toolbox> agent_server_toolbox(const tool_source& source);

/// It takes the account of what the conversation has read, and so can be asked to keep the rules.
bool knows_taint(const graph& flow);

/// The name of the tool that task_toolbox has.
inline constexpr std::string_view task_tool_name = "task";

/// The tool `task`, as UIs know it: {description, subagent_type}. Runs that agent's graph inside
/// the node, in a namespace of its own, and answers with what it said last. Its questions are the
/// run's.
std::shared_ptr<const toolbox> task_toolbox(std::string_view of_agent,
                                            std::vector<sub_agent> agents);

/// An agent that a conversation may be handed over to, as models are told of it.
struct hand_off_target {
  std::string name, description;
};

/// The channel with the name of who has the conversation; not there while nobody got it.
inline constexpr std::string_view active_agent_channel = "active_agent";

/// "transfer_to_NAME", as LangGraph's swarms call it.
std::string hand_off_tool_name(std::string_view to);

/// Tools `transfer_to_NAME`: the conversation's next turn, and all behind it, are that agent's.
std::shared_ptr<const toolbox> hand_off_toolbox(std::vector<hand_off_target> to);

/// The operations of the OpenAPI document that `source` has, called on its service as the run's
/// user.
std::shared_ptr<const toolbox> openapi_toolbox(const tool_source& source);

/// Functions of this program, by their own names.
std::shared_ptr<const toolbox> function_toolbox(std::vector<function_tool> tools);

/// Whether an error of the kind "needs_auth" is the service's own refusal: nobody has to give
/// access first. One without a message is.
bool refused_access(const error& why, std::string_view service);

/// The message of a call that its service did not take: why, in words for the model.
json::object failed_call(const context& ctx, const requested_call& call, const error& why,
                         std::string_view service);

/// Likewise of one that a crash or a stop of this server may have cut: it is not made again.
json::object unknown_call(const context& ctx, const requested_call& call, std::string_view service);

/// For the operator. `outcome`: one word.
void log_tool_failed(const context& ctx, std::string_view service, std::string_view tool,
                     std::string_view outcome);

} // namespace behalf
