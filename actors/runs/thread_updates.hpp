// The writes to the storage when a run is created and when it ends.
#pragma once

#include "actors/app_context.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "runtime/base/filter.hpp"
#include "runtime/graph/run_outcome.hpp"
#include "runtime/storage/write_batch.hpp"

#include <string>

namespace behalf::runs {

/// Completes the plan: config merged from assistant, thread, run, user and server. `thread` is null
/// for a new one; its document is not needed. `starts`: nothing holds the run back, so it is stored
/// as running at once. Error: invalid_argument when what every checkpoint of the run would repeat
/// is longer than metadata may be, and for what its graph takes no input of.
result<void> complete(const app_context& app, const start_run& m, const record* thread,
                      bool starts);

/// Whether the run is the one answer that a question gets: not on a thread that has changed since.
bool answers_once(const run_plan& plan);

/// The writes of a run that is complete: its row, and its thread as busy. The filter must still
/// match an existing thread when it is written; of a run that `answers_once` it must be as it was
/// read.
write_batch creation(const app_context& app, const start_run& m, const record* thread, bool busy);

/// A thread whose state is another now, though it shows the same.
write_batch::thread_change touched(const std::string& tenant, const std::string& thread_id);

/// What a thread shows from now on: values, error, interrupts and, while no run of it is under way,
/// the status of `outcome`.
write_batch::thread_change showing(const run_outcome& outcome, const std::string& tenant,
                                   const std::string& thread_id);

/// An empty batch for writes of a live run: refused as not_found once the run was deleted with its
/// thread, so that nothing is written to a new thread of the same id, and as run_taken once another
/// process has taken it over.
write_batch of_run(const run_plan& plan);

/// What stays stored of a run that is over.
enum class run_trace : uint8_t {
  full,     // its row, checkpoints, and what its thread shows of it
  row_only, // it never began, or was refused: only its row
  none      // rolled back or erased: nothing
};

/// The run's end on a thread that stays. `usage`: of models, as `run_spending::totals` says it.
write_batch ending_on(const run_plan& plan, const run_outcome& outcome, run_trace trace,
                      const json::object& usage = {});

} // namespace behalf::runs
