// A thread's state changed by a client, without a run: what is written.
#pragma once

#include "actors/app_context.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/graph/state_update.hpp"
#include "runtime/storage/write_batch.hpp"

#include <string>
#include <vector>

namespace behalf::runs {

struct state_change {
  std::vector<superstep_update> supersteps;
  std::string ns, checkpoint_id; // what to build upon; no id: the newest
  std::string kept_ns = {};      // where that is kept (runs::state_at)
};

struct changed_state {
  std::vector<write_batch::put> checkpoints;
  std::string newest; // the thread's newest checkpoint before
  run_outcome outcome;
};

/// The graph that a thread's state is of. Errors: bad_request when its metadata names none,
/// not_found when it is not served.
result<const catalog_entry*> graph_of_state(const app_context& app, const record& thread);

/// `flow`: the graph that the state is of; null: what the thread's configuration makes. `thread`
/// with its document; `found`: the state it has, to change. Errors: bad_request, in words
/// for the client; not_found when the checkpoint named is not there.
result<changed_state> change_state(const app_context& app, const catalog_entry& of,
                                   std::shared_ptr<const graph> flow, const record& thread,
                                   const state_change& change,
                                   const storage::found_checkpoints& found);

/// The commit of such a change on a thread that is there and whose metadata must match
/// `auth_filter`.
write_batch changing_state(const record& thread, const filter& auth_filter, const std::string& ns,
                           changed_state changed);

} // namespace behalf::runs
