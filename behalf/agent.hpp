// An agent as a part of a program: a model that calls tools until it has an answer. What `agents:`
// of the configuration declares is read into the same options.
//
//   agent_options helper{"helper"};
//   helper.model = "main";
//   helper.prompt = "You help {display_name} with mail.";
//   helper.tools = {{"mail", {}, {"send"}}}; // a service; asks before `send`
//   helper.functions = {{add}};
//   registry.graph(make_agent(helper));
#pragma once

#include "behalf/spending_limits.hpp"
#include "behalf/tools.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// The operations of an OpenAPI document.
struct api_document;

/// Reads an OpenAPI document (version 3.0 to 3.2), for tool_source::document.
/// `credential_place`: the header or query parameter that the service's credential is written to,
/// which is no argument. Error: invalid_argument with what is wrong with the document as a whole.
result<std::shared_ptr<const api_document>>
make_api_document(const json::value& document, std::string_view credential_place = {});

enum class tool_rule : uint8_t { allow, ask, deny };

/// A rule about calls of a tool whose arguments match a JSON Schema (`if`).
struct tool_condition {
  tool_rule rule;
  std::string tool;
  json::object arguments;
};

/// Tools of one service that an agent may use. Without `allow`, `ask` and `reads` all of its tools
/// are offered; else those they name. "*" names all that no list names.
struct tool_source {
  std::string service;                                      // of the configuration
  std::vector<std::string> allow = {}, ask = {}, deny = {}; // tools, by the service's names
  bool trusted = false; // its annotations are believed: what it says is read-only is not asked
                        // about
  bool personal = true; // it is called with a credential, and gives what is not for everybody
  std::vector<std::string> reads = {}; // allowed, and by the operator's word they only read, and
                                       // send nothing to anybody: safe whatever was read before
  std::vector<tool_condition> conditions = {};
  std::shared_ptr<const api_document> document = {}; // of an HTTP service, which has its tools
  bool a2a = false;                                  // an HTTP service that is an agent: `ask_NAME`
  std::string assistant = {};   // of an HTTP service that is an Agent Server: `ask_NAME`
  std::string description = {}; // of that agent
  std::vector<std::string> return_direct = {}; // tools whose result ends the turn
  std::chrono::milliseconds timeout{0};        // of a call, from end to end; 0: none
  std::map<std::string, std::chrono::milliseconds, std::less<>> timeouts = {}; // of these tools

  // --- for whoever drives it

  /// It is an agent of another server, with one tool.
  bool is_agent() const { return a2a || !assistant.empty(); }
  std::chrono::milliseconds timeout_of(std::string_view tool) const {
    const auto own = timeouts.find(tool);
    return own == timeouts.end() ? timeout : own->second;
  }
};

/// A function that an agent may call.
struct function_use {
  function_tool what; // a configuration's: with a name alone until libraries are loaded
  enum class rule : uint8_t { by_hints, allow, ask } approval = rule::by_hints; // read-only: allow
  std::chrono::milliseconds timeout{0}; // of a call; 0: none
};

/// An agent that gets tasks from another one: any graph with a channel `messages`. One
/// that make_agent makes for it (agent_place::inside) hands on what the conversation has seen.
struct sub_agent {
  std::string name, description;               // as the model that gives it tasks is told
  std::shared_ptr<const graph> flow = nullptr; // a configuration's: null until all are made
};

/// Who holds a model to a schema: its provider, or the checks of a tool that it answers with.
enum class response_strategy : uint8_t { automatic, provider, tool };

/// The form of an agent's answer.
struct response_options {
  json::object schema; // JSON Schema of an object; empty: the answer is text
  response_strategy strategy = response_strategy::automatic;
};

struct agent_limits {
  int64_t model_calls = 25, tool_calls = 50;            // of a run
  std::map<std::string, int64_t, std::less<>> per_tool; // likewise, of the tools of that name
  int64_t tool_calls_per_user_per_day = 0;              // 0: no limit
  spending_limits spending = {};
};

/// What becomes of a call that may do harm once words of strangers and private data were read.
enum class tainted_calls : uint8_t { ask, deny, off };

/// What an agent knows of earlier times. Tokens are those of a conversation; 0: all of it is shown.
struct memory_options {
  bool remember = false; // keeps things for the user, and is told of some as a thread begins
  int64_t summarise_above = 0, trim_above = 0, clear_tool_results_above = 0;
};

/// What assistants may set of an agent, in `config.configurable` or `context`. The default:
/// nothing.
struct agent_choices {
  bool prompt = false, temperature = false;
  bool tools = false;              // fewer than declared
  bool limits = false;             // lower than declared
  std::vector<std::string> models; // beside the agent's own; empty: that one alone
};

/// What an agent is made of.
struct agent_options {
  std::string name;             // 1 to 64 letters, digits, '-' or '_'
  std::string description = {}; // for whoever chooses among agents, a model too
  std::string model = {};       // in `models` of the configuration
  std::string prompt = {};      // {display_name}, {identity}: of the user
  std::vector<tool_source> tools = {};
  std::vector<function_use> functions = {};
  std::vector<sub_agent> agents = {};      // to give tasks to, by the tool `task`
  std::vector<std::string> hand_offs = {}; // agents of `team` it may hand the conversation over to
  std::vector<agent_options> team = {};    // all who may get it, from whomever; of the first alone
  std::vector<std::string> builtin = {};   // now, calculate, ask_user, todo, remember, recall
  agent_limits limits = {};
  tainted_calls rule_of_two = tainted_calls::ask;
  response_options response = {};
  memory_options memory = {};
  agent_choices choices = {};

  // --- for whoever drives it

  std::string version = {}; // of the declaration: a run's metadata says which it is of
};

/// Where the agent's graph runs: served for itself, or as a sub_agent's, which takes and gives the
/// labels of the conversation (channel `taint`).
enum class agent_place : uint8_t { outermost, inside };

/// Nodes `model` and `tools`, as people know them from create_agent; channel `messages`, and
/// `structured_response` where the answer has a form. Error:
/// invalid_argument with what is wrong.
result<std::shared_ptr<const graph>> make_agent(agent_options options,
                                                agent_place place = agent_place::outermost);

} // namespace behalf
