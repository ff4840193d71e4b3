// One run as it is stored, and as its supervisor executes it.
#pragma once

#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "runtime/base/fair_budget.hpp"
#include "runtime/graph/run_outcome.hpp"
#include "runtime/graph/task_facts.hpp"
#include "runtime/storage/records.hpp"

#include <memory>
#include <optional>
#include <string>

namespace behalf {
struct write_batch;
}

namespace behalf::runs {

struct run_plan {
  std::string run_id, thread_id, assistant_id, graph_id;
  std::shared_ptr<const principal> who;
  json::object kwargs;   // as GET run shows them: with config and context fully merged
  json::object metadata; // fully merged
  std::string multitask_strategy = "enqueue";
  std::string checkpoint_id;   // where to start from; empty: the thread's head
  time_point created_at;       // when it falls due
  std::string request_id;      // of the request that created it
  bool delayed = false;        // created_at lies ahead: it is not to start before
  int attempt = 1;             // 2 and up after a restart
  int crashes = 0;             // of the process, laid to this run since it last made progress
  std::string crashed_at;      // the thread's checkpoint at the last of the process's crashes
  bool suspect = false;        // it may be what crashed the process
  bool temporary = false;      // no checkpoints are kept
  bool drop_thread = false;    // the thread goes when the run ends
  bool new_thread = false;     // has no earlier state to load
  std::string given_up;        // why it is not executed but ends as an error; empty: it is executed
  bool stored_pending = false; // its row says so: others went first
  int64_t fence = 1;           // what this process writes for it counts until another takes it over
  // Its user's share, while its input is here; null when it was taken in at the start.
  fair_budget::share_ptr memory;

  bool resumable() const { return bool_or(kwargs, "resumable"); }
};

/// The run's row, to be written: its document is text already, so that nothing of a plan is copied.
record to_record(const run_plan& plan, std::string_view status, const run_outcome* end = nullptr);
/// Whether the row is of a run that waits for its time. Such a one was written before it was due.
inline bool waits_for_its_time(const record& row) {
  return row.status == "pending" && row.created_at > row.updated_at;
}
/// The same row as it reads back.
record shown_record(const run_plan& plan, std::string_view status);
/// Error: internal when the row cannot be read, or does not say whom the run acts for.
result<run_plan> plan_from(const record& row);
result<principal> principal_of(const record& row);

/// What the run's graph and its nodes see of it. Keeps the plan alive.
std::shared_ptr<const run_facts> facts_of(const std::shared_ptr<const run_plan>& plan);

/// A run that cannot be read ends as an error; what is stored of it stays in its row as text.
/// `with_thread`: its thread is there, and says so too.
write_batch set_aside(const record& row, std::string_view why, bool with_thread);

} // namespace behalf::runs
