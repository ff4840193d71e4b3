// Assistants as tools of the Model Context Protocol.
#pragma once

#include "runtime/base/json.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace behalf::endpoints {

/// Whether a name can be a tool's as it is: what models' APIs take, and not one of those below.
bool is_tool_name(std::string_view name);

/// The name of an assistant whose own cannot be used, or not alone: "My_agent_<its id>".
std::string tool_name_with_id(std::string_view name, std::string_view assistant_id);

/// The assistant that such a name tells, or that is named by its id itself.
std::optional<std::string> assistant_of_tool(std::string_view tool_name);

/// As `tools/list` shows it. `schema`: the input's of its graph.
json::object tool_of(std::string_view tool_name, const json::object& assistant,
                     const json::value& schema);

} // namespace behalf::endpoints
