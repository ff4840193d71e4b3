// What a start finds unfinished: runs that go on, runs that wait for their time, and what the
// process's last end says about those that were executing.
#pragma once

#include "actors/runs/run_plan.hpp"
#include "actors/runs/run_queue.hpp"

#include <memory>
#include <vector>

namespace behalf {
class storage_engine;
}

namespace behalf::runs {

struct recovered_runs {
  std::vector<std::shared_ptr<const run_plan>> plans; // as they are to start, suspects first
  std::vector<queued_run> delayed;                    // loaded when their time comes
};

/// Takes the runs that nobody holds, reads them and stores what was decided. A run that cannot be
/// read ends as an error, so that nothing stored keeps the server from starting. Error: the
/// database itself cannot be read.
///
/// Runs that were executing are suspects when they made no checkpoint since the last crash: one of
/// them may have ended the process. Suspects execute one at a time. The crash is laid to the
/// suspect that was executing, or to a run that executed alone; laid to nobody when there were
/// several. After `max_attempts` crashes without progress a run is given up.
result<recovered_runs> recover_runs(storage_engine& db, int max_attempts);

} // namespace behalf::runs
