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

/// How a run ended, as it is stored and answered.
struct run_ending {
  std::string status = "success";     // of the run: success, error, interrupted, timeout
  std::string thread_status = "idle"; // of the thread, unless more runs wait
  std::optional<json::value> values;  // nullopt: as they were
  json::value error;                  // {"error", "message"} or null
  json::object interrupts;
  std::string checkpoint_id;
  json::value body; // what `wait` answers
  bool rollback = false;
  bool as_before = false; // of the thread nothing changes: the run never began, or never was
};

/// The run's end on a thread that stays.
write_batch ending_on(const run_plan& plan, const run_ending& end);

} // namespace behalf::runs
