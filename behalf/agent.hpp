// An agent as a part of a program: what `agents:` of the configuration declares, written in C++.
#pragma once

#include "behalf/tools.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

/// Tools of an MCP service of the configuration, called as the user. Rules as in `agents.tools`.
struct mcp_tools {
  std::string service;
  std::vector<std::string> allow = {}, ask = {}, deny = {};
  bool trusted = false;
};

/// What an agent is made of.
struct agent_parts {
  std::string name, description = {};
  std::string model;       // in `models` of the configuration
  std::string prompt = {}; // {display_name}, {identity}: of the user
  std::vector<function_tool> tools = {};
  std::vector<std::string> allow = {}; // of `tools`, beside those that say they only read: called
                                       // without asking
  std::vector<mcp_tools> services = {};
  std::vector<agent_parts> agents = {};      // to give tasks to
  int64_t model_calls = 25, tool_calls = 50; // of a run
};

/// The agent's graph: nodes `model` and `tools`, channel `messages`. To be served, or a node of
/// another graph. Error: invalid_argument with what is wrong.
///
///   agent_parts helper{"helper"};
///   helper.model = "main";
///   helper.tools = {add};
///   registry.graph(build_agent(helper));
result<std::shared_ptr<const graph>> build_agent(const agent_parts& parts);

} // namespace behalf
