#include "actors/runs/thread_states.hpp"

#include "runtime/graph/thread_state.hpp"

#include <algorithm>

namespace behalf::runs {

record to_record(const checkpoint_doc& doc, const std::string& tenant, const std::string& thread_id,
                 const std::string& run_id) {
  record row;
  row.type = kind::checkpoint;
  row.tenant = tenant;
  row.id = doc.id;
  row.parent = thread_id;
  row.ns = doc.ns;
  row.parent_checkpoint = doc.parent_id;
  row.full = doc.full;
  row.metadata = doc.metadata();
  // The checkpoint that a run started from may be another run's.
  row.run_id = string_or(row.metadata, "run_id", run_id);
  row.doc = doc.body();
  row.created_at = row.updated_at = doc.created_at;
  return row;
}

result<std::vector<checkpoint_doc>> to_docs(const std::vector<record>& rows) {
  std::vector<checkpoint_doc> docs;
  for (const auto& row : rows) {
    auto doc = checkpoint_doc::from(row.id, row.parent_checkpoint, row.ns, row.full, row.metadata,
                                    row.doc, row.created_at);
    if (!doc)
      return doc.error();
    if (auto ok = doc->add_ends(row.task_ends); !ok)
      return ok.error();
    docs.push_back(std::move(*doc));
  }
  return docs;
}

result<std::optional<loaded_checkpoint>> load_chain(const std::vector<record>& rows) {
  if (rows.empty())
    return std::optional<loaded_checkpoint>{};
  auto docs = to_docs(rows);
  if (!docs)
    return docs.error();
  auto loaded = restore_chain(*docs);
  if (!loaded)
    return loaded.error();
  return std::optional<loaded_checkpoint>{std::move(*loaded)};
}

result<kept_state> state_at(const std::shared_ptr<const graph>& flow, const std::string& ns) {
  constexpr std::size_t longest = 4096;
  kept_state kept{flow, ns};
  if (ns.empty() || (!flow && ns.size() <= longest))
    return kept;
  const auto* inner = ns.size() <= longest ? flow->at(ns) : nullptr;
  if (!inner)
    return fail(errc::bad_request,
                "Subgraph " + ns.substr(0, std::min(ns.find_first_of(":|"), std::size_t{256}))
                  + " not found");
  kept.flow = {flow, inner}; // which keeps the graph it is in
  kept.ns = flow->kept_at(ns);
  return kept;
}

result<json::object> shown_state(const std::vector<record>& rows, const graph* flow,
                                 const std::string& thread_id, const std::string& checkpoint_id,
                                 const std::string& ns) {
  auto loaded = load_chain(rows);
  if (!loaded)
    return loaded.error();
  if (!*loaded)
    return empty_thread_state(thread_id, checkpoint_id, ns);
  return thread_state(**loaded, flow, thread_id, checkpoint_id.empty());
}

result<json::object> shown_values(const std::vector<record>& rows, const graph* flow) {
  auto loaded = load_chain(rows);
  if (!loaded)
    return loaded.error();
  return *loaded ? thread_values(**loaded, flow) : json::object{};
}

} // namespace behalf::runs
