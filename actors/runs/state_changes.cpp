#include "actors/runs/state_changes.hpp"

#include "actors/options.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/runs/thread_updates.hpp"
#include "actors/threads/graph_work.hpp"
#include "actors/threads/thread_pool.hpp"

namespace behalf::runs {
namespace {

// As runs on the thread see its configuration when they give none themselves.
std::shared_ptr<const run_facts> facts_for(const catalog_entry& of, const record& thread) {
  const auto& stored = object_or_empty(thread.doc, "config");
  const auto& config = stored.contains("configurable") ? stored : of.defaults.config;
  auto configurable = object_or_empty(config, "configurable");
  configurable["thread_id"] = thread.id;
  configurable["graph_id"] = of.graph_id;
  auto facts = std::make_shared<run_facts>();
  facts->thread_id = thread.id;
  facts->graph_id = of.graph_id;
  facts->assistant_id = string_or(thread.metadata, "assistant_id", of.assistant_id);
  facts->config =
    std::make_shared<const json::object>(json::object{{"configurable", std::move(configurable)}});
  return facts;
}

} // namespace

result<const catalog_entry*> graph_of_state(const app_context& app, const record& thread) {
  const auto* named = member(thread.metadata, "graph_id");
  if (!named || named->is_null())
    return fail(errc::bad_request,
                "Thread '" + thread.id
                  + "' has no assigned graph ID. No run has been made on it: make one, or set "
                    "'graph_id' in the thread's metadata.");
  const auto graph_id = named->is_string() ? std::string(named->get_string()) : excerpt(*named);
  const auto* entry = app.graphs.by_graph(graph_id);
  if (!entry)
    return fail(errc::not_found, "Graph '" + graph_id + "' not found. Expected one of: ["
                                   + app.graphs.names() + "]");
  return entry;
}

result<changed_state> change_state(const app_context& app, const catalog_entry& of,
                                   std::shared_ptr<const graph> flow, const record& thread,
                                   const state_change& change,
                                   const storage::found_checkpoints& found) {
  if (found.rows.empty() && change.checkpoint_id.empty() && !change.ns.empty())
    return fail(errc::not_found, "The subgraph has no state on this thread yet");
  if (found.rows.empty() && !change.checkpoint_id.empty())
    return fail(errc::not_found, "No checkpoint " + change.checkpoint_id + " on this thread");
  auto loaded = load_chain(found.rows);
  if (!loaded)
    return loaded.error();
  threads::doing(of.work->between);
  update_spec spec;
  spec.facts = facts_for(of, thread);
  if (!flow) {
    auto made = of.graph_for(spec.facts);
    if (!made)
      return fail(errc::bad_request, made.error().message);
    flow = std::move(*made);
  }
  if (!flow)
    return fail(errc::bad_request, "Graph '" + of.graph_id + "' cannot be made");
  const auto* inner = flow->at(change.ns);
  if (!inner)
    return fail(errc::bad_request, "Subgraph of that checkpoint_ns not found");
  spec.checkpoint_metadata = {{"graph_id", of.graph_id}, {"thread_id", thread.id}};
  spec.from_checkpoint = !change.checkpoint_id.empty();
  spec.newest_checkpoint = found.newest;
  spec.state_bytes = app.options->runs.state_bytes;
  changed_state changed;
  changed.newest = !found.newest.empty() || !*loaded ? found.newest : (*loaded)->at.id;
  auto done = update_state(*inner, std::move(*loaded), change.supersteps, std::move(spec));
  if (!done)
    return done.error();
  for (const auto& doc : done->checkpoints)
    changed.checkpoints.push_back({to_record(doc, thread.tenant, thread.id, ""), 0});
  changed.outcome = std::move(done->outcome);
  return changed;
}

write_batch changing_state(const record& thread, const filter& auth_filter, const std::string& ns,
                           changed_state changed) {
  write_batch what;
  what.quiet.push_back({thread.tenant, thread.id, ns, std::move(changed.newest)});
  what.puts = std::move(changed.checkpoints);
  auto row = ns.empty() ? showing(changed.outcome, thread.tenant, thread.id)
                        : touched(thread.tenant, thread.id); // it shows its own graph's state
  row.auth_filter = auth_filter;
  what.thread_changes.push_back(std::move(row));
  return what;
}

} // namespace behalf::runs
