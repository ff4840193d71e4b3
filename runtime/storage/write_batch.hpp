// What is written to a storage: changes that happen together or not at all.
#pragma once

#include "runtime/base/filter.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/storage/quota.hpp"
#include "runtime/storage/records.hpp"
#include "runtime/storage/usage.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

/// Where rows to delete are counted, one counts once more for so many stored bytes: freeing pages
/// is what takes the time.
inline constexpr int64_t bytes_of_a_row = 10 << 10;

/// What one unit of work changes: all of it or nothing. Erases go first, then the puts, threads
/// and assistants before what belongs to them, then the ends of tasks and the changes of threads.
struct write_batch {
  /// `expected`: nullopt overwrites whatever is there, 0 demands that nothing is, n that the
  /// record is at revision n.
  struct put {
    record row;
    std::optional<int64_t> expected = {};
    bool embed = false; // an item whose vectors are to be made from what it is now
    quota most = {};    // one more of its owner must be within it; else too_many
  };
  /// The vectors of an item as it was at a revision, in the place of those that are there. Nothing
  /// when it was changed since.
  struct vectors_of {
    record_key item;
    int64_t revision;
    std::vector<std::vector<float>> vectors;
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
    std::optional<expiry> expires = {};      // its time to live from now on
    std::optional<shape_limits> bounds = {}; // of what metadata comes to, or invalid_argument
    std::optional<int64_t> expected = {};    // its revision, or a conflict
  };
  /// Erasing a thread erases its runs and checkpoints, and, if it is listed, ends the items in
  /// namespaces [PREFIX…, "kept_results", USER, its id, …]. Erasing what is not there is no error
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
  /// What a firing makes of its cron: when it fires next, and why it did not run (as JSON text;
  /// empty: it did). Errors: not_found when it is gone, conflict when it is not at that revision or
  /// not enabled.
  struct cron_firing {
    record_key which;
    int64_t expected;
    std::optional<time_point> next_at;
    std::string refusal = {};
  };
  /// A thread whose state is changed by hand: no run of it may be under way, and `newest` must
  /// still be its newest checkpoint in `ns` (empty: it has none). Else a conflict, of the kind
  /// thread_busy and of state_moved.
  struct quiet_thread {
    std::string tenant, id, ns, newest;
  };
  /// Copies those of a thread's checkpoints that lie behind one and not behind another, by `ns`,
  /// then id, and not after `newest`, as they are. Error: not_found when the thread is gone or
  /// `auth_filter` does not match its metadata.
  struct checkpoint_copy {
    std::string tenant, from, to;
    filter auth_filter;
    std::string newest;
    std::string after_ns, after_id, last_ns, last_id;
  };
  /// Drops at most `max_rows` (see bytes_of_a_row) of the checkpoints of a thread that are not
  /// needed for the newest one in each `ns`; if there were fewer, only the newest are seen from now
  /// on. Errors: not_found as above, a conflict of the kind thread_busy while a run is under way.
  struct prune {
    std::string tenant, id;
    filter auth_filter;
    int64_t max_rows;
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
  std::vector<cron_firing> firings = {};
  std::vector<quiet_thread> quiet = {};
  std::vector<put> puts = {};
  std::vector<task_end> task_ends = {};
  std::vector<erase> erases = {};
  std::vector<erase_run_checkpoints> checkpoint_erases = {};
  std::vector<checkpoint_copy> checkpoint_copies = {};
  std::vector<prune> prunes = {};
  std::vector<refresh> refreshes = {};
  std::vector<thread_change> thread_changes = {};
  std::vector<vectors_of> vectors = {};
  std::vector<usage_row> usage = {}; // added to what is there
  /// By what vectors are made from now on (model, length, fields). When it was something else, or
  /// nothing, the vectors of all items are to be made anew, and those there are gone. Empty: by
  /// nothing; none are made, and those there are gone.
  std::optional<std::string> embedded_by = {};
};

} // namespace behalf
