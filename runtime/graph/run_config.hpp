// How a run's configuration comes together from assistant, thread, run, user and server.
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/principal.hpp"
#include "runtime/base/borrowed.hpp"

#include <string>
#include <vector>

namespace behalf {

/// What the server itself knows about the run.
struct run_ids {
  std::string run_id, thread_id, graph_id, assistant_id, request_id;
  std::string checkpoint_id = {}, checkpoint_ns = {}; // only if the run names one
  bool thread_existed = false;                        // run.metadata then carries graph_id
};

/// `config` and `metadata` of an assistant or thread; `context` of an assistant or run.
struct config_layer {
  borrowed<json::object> config;
  borrowed<json::object> metadata;
  borrowed<json::value> context;
};

/// Which request headers a graph may see, by name with `*` wildcards; excludes win. Authorization,
/// cookies and API keys are never among them.
struct header_rules {
  std::vector<std::string> includes = {"langsmith-trace"}, excludes = {};
};

struct merged_config {
  json::object config;   // with configurable and metadata
  json::value context;   // null: none
  json::object metadata; // of the run

  const json::object& configurable() const { return object_or_empty(config, "configurable"); }
};

/// Whether a checkpoint's metadata repeats this member of `configurable`: texts, numbers and
/// booleans are, null is not.
inline bool goes_into_checkpoints(std::string_view key, const json::value& v) {
  return !v.is_structured() && !v.is_null() && !key.starts_with("__");
}

/// Right wins, top level only: assistant, thread, run; then the server's own keys, which a client
/// cannot set, in config, context and metadata neither: ids, langgraph_auth_*, and user_id when
/// there is a user (in metadata it is the client's). A `context` counts as part of its layer's
/// configurable too, for graphs that read their settings there.
/// `context_schema`: only its properties are taken; null: everything.
merged_config merge_run_config(const config_layer& assistant, const config_layer& thread,
                               const config_layer& run, const principal* who, const run_ids& ids,
                               const header_list& headers = {}, const header_rules& rules = {},
                               const json::value& context_schema = nullptr);

} // namespace behalf
