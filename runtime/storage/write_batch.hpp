// What is written to a storage: changes that happen together or not at all.
#pragma once

#include "runtime/base/filter.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/storage/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

/// What one unit of work changes: all of it or nothing. Erases go first, then the puts, threads
/// before what belongs to them, then the ends of tasks and the changes of threads.
struct write_batch {
  /// `expected`: nullopt overwrites whatever is there, 0 demands that nothing is, n that the
  /// record is at revision n.
  struct put {
    record row;
    std::optional<int64_t> expected = {};
  };
  /// What became of one task of a checkpoint, as JSON text: kept beside the checkpoint's record, in
  /// the place of what is there for that task, until the record is put again. Error: as `needs`
  /// when there is no such checkpoint.
  struct task_end {
    record_key checkpoint;
    std::string task, doc;
  };
  /// Changes a thread as it is when its turn comes, so that changes of different things, asked for
  /// at the same time, all happen. Its status follows from its runs: `busy` while one of them is
  /// pending or running. Error: not_found when it is gone or `auth_filter` does not match its
  /// metadata.
  struct thread_change {
    std::string tenant, id;
    filter auth_filter = {};
    json::object metadata = {};                                // put on top of what is there
    std::vector<std::pair<std::string, std::string>> doc = {}; // members to set, as JSON text
    std::string settled = {}; // its status from now on while no run is under way; empty: as before
    time_point at{};          // becomes updated_at
    bool new_state = false;   // and state_updated_at
    std::optional<shape_limits> bounds = {}; // of what metadata comes to, or invalid_argument
  };
  /// Erasing a thread erases its runs and checkpoints. Erasing what is not there is no error
  /// unless `expected` is given.
  struct erase {
    record_key which;
    std::optional<int64_t> expected = {};
    filter auth_filter = {}; // one that does not match its metadata is not_found
  };
  /// The checkpoints a run wrote on a thread. Those that later checkpoints build upon leave the
  /// history and stay as long as they are needed.
  struct erase_run_checkpoints {
    std::string tenant, thread_id, run_id;
  };
  /// A run that its supervisor writes for: it must be unfinished, and not have been taken over
  /// since this process came to hold it. Else not_found when it is gone, and a conflict of the kind
  /// run_taken.
  struct held_run {
    std::string tenant, thread_id, id;
    int64_t fence;
  };
  /// Starts an item's or thread's time to live anew; the revision stays.
  struct refresh {
    record_key which;
    time_point now;
  };

  /// Must be there before anything is changed; else conflict, and not_found where the thread of
  /// what is missing is gone.
  std::vector<record_key> needs = {};
  std::vector<held_run> held = {};
  std::vector<put> puts = {};
  std::vector<task_end> task_ends = {};
  std::vector<erase> erases = {};
  std::vector<erase_run_checkpoints> checkpoint_erases = {};
  std::vector<refresh> refreshes = {};
  std::vector<thread_change> thread_changes = {};
};

} // namespace behalf
