// The tools of an agent, as a model is told of them: what MCP services list, by what the agent's
// declaration allows.
#pragma once

#include "behalf/agent.hpp"
#include "behalf/tools.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct model_directory;

enum class tool_approval : uint8_t { allow, ask };

struct agent_tool {
  tool_definition as_told;   // its name matches ^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$, unique in the list
  std::string service, name; // who has it, and what it is called there
  json::object schema;       // as the service gave it: arguments are checked against this one
  tool_hints hints;
  tool_approval approval = tool_approval::ask;
  std::string hash; // SHA-256, in hex, of what the service said of it: name, description, schema,
                    // hints
  bool return_direct = false; // its result ends the turn
};

/// The result of tools/list of one service: {"tools": […]}.
struct service_tools {
  std::string service;
  json::value listed;
};

struct tool_bounds {
  std::size_t tools = 512;
  std::size_t description_bytes = 8 << 10; // longer ones are cut
  std::size_t schema_bytes = 64 << 10;     // tools with longer ones are left out
  std::size_t all_bytes = 2 << 20; // names, descriptions and schemas, given and told, together
};

struct tool_list {
  std::vector<agent_tool> tools;  // by the name told
  std::vector<std::string> notes; // for the operator: what was left out or cut, and why; at most 32
  std::vector<std::string> cut;   // services whose tools are not all there: they are too many
};

/// The tools that the sources offer. The same for the same input, in whatever order services list
/// their tools. When not all fit, the services with the most lack some. A tool keeps its name when
/// no other one has it and models can take it; else it is called service_tool. `sources`: one per
/// service.
///
/// Not asked about is what `allow` and `reads` name, and where no list names it, what a trusted
/// service says is read-only. `deny` is stronger than `ask`, `ask` than `allow`, a name than "*".
tool_list make_tool_list(const std::vector<tool_source>& sources,
                         const std::vector<service_tools>& listed, const tool_bounds& bounds = {});

/// What the source says of a tool of that name, should there be one, as far as that can be said
/// without the arguments of a call. Nothing: it is not offered.
std::optional<tool_approval> approval_of(const tool_source& source, std::string_view tool,
                                         const tool_hints& hints);

/// As a channel of the graph keeps it for the length of a run.
json::array to_json(const std::vector<agent_tool>& tools);
/// Error: internal when to_json did not make it.
result<std::vector<agent_tool>> tools_from_json(const json::value& kept);

} // namespace behalf
