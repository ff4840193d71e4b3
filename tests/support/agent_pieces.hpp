// What tests of declared agents are made of.
#pragma once

#include "behalf/agent.hpp"
#include "behalf/messages.hpp"
#include "behalf/testing.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace behalf {

/// A tool of an MCP service that takes any arguments.
inline json::object listed(std::string_view name) {
  json::object schema{{"type", "object"}};
  return {{"name", name}, {"inputSchema", std::move(schema)}};
}

/// The service has these tools.
inline testing::scripted_service& lists(testing::scripted_service& service, json::array tools) {
  service_reply all;
  all.body = json::object{{"tools", std::move(tools)}};
  return service.answers_by("tools/list",
                            [all](const auto&) -> result<service_reply> { return all; });
}

/// `lead`, on model "main", which has one source of tools: the service `partner`, all allowed.
inline agent_options lead_with_partner() {
  agent_options o;
  o.name = "lead";
  o.model = "main";
  o.tools.push_back({"partner", {"*"}});
  return o;
}

/// Of a conversation's first call, whose result is the third message: "success: 2 found".
inline std::string first_result(const testing::outcome& out) {
  const auto& said = out.state.at("messages").at(2);
  return std::string(said.at("status").as_string()) + ": " + text_of(said);
}

} // namespace behalf
