// The writes to the storage when a run is created and when it ends.
#pragma once

#include "actors/app_context.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "runtime/base/filter.hpp"

#include <string>

namespace behalf::runs {

/// Completes the plan (config merged from assistant, thread, run, user and server) and returns the
/// writes: the run, and its thread as busy. `thread` is null for a new one; its document is not
/// needed. The filter must still match an existing thread when it is written. `starts`: nothing
/// holds the run back, so it is stored as running at once. Error: invalid_argument when what every
/// checkpoint of the run would repeat is longer than metadata may be.
result<write_batch> creation(const app_context& app, const start_run& m, const record* thread,
                             bool busy, bool starts);

/// An empty batch for writes of a live run: refused as not_found once the run was deleted with its
/// thread, so that nothing is written to a new thread of the same id, and as run_taken once another
/// process has taken it over.
write_batch of_run(const run_plan& plan);

/// What stays stored of a run that is over.
enum class run_trace : uint8_t {
  full,     // its row, checkpoints, and what its thread shows of it
  row_only, // it never began: only its row
  none      // rolled back or erased: nothing
};

/// The run's end on a thread that stays.
write_batch ending_on(const run_plan& plan, const run_outcome& outcome, run_trace trace);

} // namespace behalf::runs
