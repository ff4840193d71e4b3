#include "actors/runs/run_assistant.hpp"

#include "runtime/base/id.hpp"

namespace behalf::runs {

result<run_assistant> named_assistant(const app_context& app, const std::string& name) {
  if (const auto* entry = app.graphs.by_graph(name))
    return run_assistant{entry->assistant_id, entry->graph_id};
  auto id = parse_uuid(name, "assistant");
  if (!id)
    return fail(errc::invalid_argument,
                "Invalid assistant: '" + name
                  + "'. Must be either:\n- A valid assistant UUID, or\n- One of the registered "
                    "graphs: "
                  + app.graphs.names());
  if (const auto* entry = app.graphs.by_assistant(*id))
    return run_assistant{entry->assistant_id, entry->graph_id};
  return run_assistant{*id, {}};
}

authorize to_read_assistant(principal_ptr who, const std::string& assistant_id) {
  authorize a;
  a.who = std::move(who);
  a.resource = "assistants";
  a.action = "read";
  a.value = {{"assistant_id", assistant_id}};
  return a;
}

result<run_assistant> made_assistant(const app_context& app, const record* row,
                                     const filter& auth_filter) {
  if (!row || !auth_filter.matches(row->metadata))
    return fail(errc::not_found, "Thread or assistant not found.");
  if (!app.graphs.by_graph(row->graph_id))
    return fail(errc::not_found, "The graph '" + row->graph_id + "' of assistant " + row->id
                                   + " is not served any more. Expected one of: ["
                                   + app.graphs.names() + "]");
  return run_assistant{
    row->id, row->graph_id,
    std::make_shared<const assistant_defaults>(assistant_defaults{
      object_or_empty(row->doc, "config"), object_or_empty(row->doc, "context"), row->metadata})};
}

} // namespace behalf::runs
