// Converts checkpoints between records of the storage and documents of the graph runtime, and shows
// a thread's state as the API does.
#pragma once

#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/storage/storage.hpp"

#include <memory>
#include <string>
#include <vector>

namespace behalf::runs {

record to_record(const checkpoint_doc& doc, const std::string& tenant, const std::string& thread_id,
                 const std::string& run_id);

result<std::vector<checkpoint_doc>> to_docs(const std::vector<record>& rows);

/// The state that a chain of checkpoints restores to; nullopt for an empty chain. Error: internal.
result<std::optional<loaded_checkpoint>> load_chain(const std::vector<record>& rows);

/// Where the state is kept that a client names by a checkpoint namespace, and the graph it is of.
struct kept_state {
  std::shared_ptr<const graph> flow = nullptr; // null: the thread's is not served any more
  std::string ns = {};
};
/// Error: bad_request when the thread's graph `flow` (or null) has no graph there.
result<kept_state> state_at(const std::shared_ptr<const graph>& flow, const std::string& ns);

/// `flow` may be null, when the thread's graph is not served any more.
result<json::object> shown_state(const std::vector<record>& rows, const graph* flow,
                                 const std::string& thread_id, const std::string& checkpoint_id,
                                 const std::string& ns = {});

/// The values a run left at its last checkpoint.
result<json::object> shown_values(const std::vector<record>& rows, const graph* flow);

} // namespace behalf::runs
