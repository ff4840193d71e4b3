// Assistants' rows: the server's own are made when a tenant first asks, those of others are read
// and changed as the caller may.
#pragma once

#include "actors/endpoints/assistant_change.hpp"
#include "actors/endpoints/request.hpp"
#include "actors/endpoints/rows.hpp"

#include <functional>
#include <string>
#include <utility>

namespace behalf::endpoints {

/// Continues once the assistants that the server makes of its graphs are stored for the caller's
/// tenant.
void with_system_assistants(request_pointer self, std::function<void()> then);

/// Reads the path's `assistant_id`, which handlers see.
result<json::object> prepare_assistant(request_pointer self);
record_key assistant_key(request_pointer self);

/// "Assistant <id> not found".
error no_assistant(request_pointer self);
/// "Graph 'x' not found. Expected one of: [a, b]"
result<void> check_graph(request_pointer self, const std::string& graph_id);
/// Whether its graph takes its configuration. Error: invalid_argument with what it does not take.
result<void> check_settings(request_pointer self, const record& assistant);
/// Error: denied for an assistant that the server makes of a graph: it is as the configuration
/// says.
result<void> check_changeable(request_pointer self);

/// Changes the assistant of the path if the caller may see it: `change` is given its row, and
/// returns an error or nothing. `and_version`: the row is of a new version, which is stored in the
/// same commit. Made anew, a few times, when another change came first. Then answers the assistant.
void change_assistant(request_pointer self, std::function<result<void>(record&)> change,
                      bool and_version);

} // namespace behalf::endpoints
