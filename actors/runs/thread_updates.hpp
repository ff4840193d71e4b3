// What creating and ending a run changes in the storage.
#pragma once

#include "actors/app_context.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "runtime/base/filter.hpp"

#include <string>

namespace behalf::runs {

/// Completes the plan (configuration merged from assistant, thread, run, user and server) and says
/// what to write: the run, and its thread as busy. `thread` is null for a new one, and else needs
/// no document: of its last run's config what could be merged is not kept. Of one that is there
/// the filter must still match when it is written. `starts` when nothing holds the run back: it
/// is then stored as running at once. Error: invalid_argument when what every checkpoint of the run
/// would repeat is longer than metadata may be.
result<write_batch> creation(const app_context& app, const start_run& m, const record* thread,
                             bool busy, bool starts);

/// For what a run that is under way writes: refused as not_found once the run has gone with its
/// thread, so that nothing of it comes to another thread of the same id, and as run_taken once
/// another process has taken it over.
write_batch of_run(const run_plan& plan);

/// What is left of a run that is over.
enum class run_trace : uint8_t {
  full,     // its row, and what its thread shows of it
  row_only, // it never began: its thread is as before
  none      // rolled back, or erased: no row and no checkpoints either
};

/// The run's end on a thread that stays.
write_batch ending_on(const run_plan& plan, const run_outcome& outcome, run_trace trace);

} // namespace behalf::runs
