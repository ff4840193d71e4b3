// Unfinished runs at start: which are executed again, which wait for their start time, and which
// are given up because they crashed the process too often.
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
  std::vector<std::shared_ptr<const run_plan>> plans; // in the order they start, suspects first
  std::vector<queued_run> delayed;                    // loaded when they are due
};

/// Takes the runs that no process holds, reads them and stores what was decided. A run that cannot
/// be read ends as an error and does not keep the server from starting. Error: the database itself
/// cannot be read.
///
/// A run that was executing and made no checkpoint since the last crash is a suspect: it may have
/// ended the process. Suspects execute one at a time; one that takes longer than
/// `run_options::suspect_turn` lets the next one start beside it. A crash counts for a run that was
/// the only suspect executing, or the only run; when there were several it counts for none, and
/// those that were suspects already have no other beside them from now on. After `max_attempts`
/// crashes without progress a run is given up.
result<recovered_runs> recover_runs(storage_engine& db, int max_attempts);

} // namespace behalf::runs
