// One run: what is stored of it, and what its supervisor executes.
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
  json::object kwargs;   // as GET run shows them: config and context fully merged
  json::object metadata; // fully merged
  std::string multitask_strategy = "enqueue";
  std::string checkpoint_id; // where to start from; empty: the thread's head
  time_point created_at;     // when it is due
  std::string request_id;    // of the request that created it
  bool delayed = false;      // it is not to start before created_at
  int attempt = 1;           // 2 and up after a restart
  int crashes = 0;           // of the process, attributed to this run since its last progress
  std::string crashed_at;    // the thread's newest checkpoint at the last crash
  bool suspect = false;      // it may have crashed the process (recovery.hpp)
  bool apart = false;        // a suspect that none executes beside, however long it takes
  bool temporary = false;    // no checkpoints are kept
  bool drop_thread = false;  // the thread is deleted when the run ends
  bool new_thread = false;   // the thread has no state to load
  json::object usage;        // what models were asked by attempts that the server's end ended
  std::string given_up; // why it ends as an error instead of being executed; empty: it is executed
  bool stored_pending = false; // its row says pending: other runs went first
  int64_t fence = 1; // writes with it are refused once another process has taken the run over
  // Its user's share of memory, while its input is in memory; null for recovered runs.
  fair_budget::share_ptr memory;

  bool resumable() const { return bool_or(kwargs, "resumable"); }
};

/// The run's row, to be written: its document is text already, so that nothing of a plan is copied.
/// `usage`: what models were asked so far; of a run that is over it is shown in its metadata, else
/// the next attempt goes on with it. Empty: as in the plan.
record to_record(const run_plan& plan, std::string_view status, const run_outcome* end = nullptr,
                 const json::object& usage = {});
/// Whether the row is of a delayed run that is not due: it was written before `created_at`.
inline bool waits_for_its_time(const record& row) {
  return row.status == "pending" && row.created_at > row.updated_at;
}
/// The same row as a read returns it.
record shown_record(const run_plan& plan, std::string_view status);
/// The run as clients see it.
json::object run_view(const record& row);
/// Error: internal when the row cannot be read or names no principal.
result<run_plan> plan_from(const record& row);
result<principal> principal_of(const record& row);

/// What the run's graph and its nodes see of it. Keeps the plan alive.
std::shared_ptr<const run_facts> facts_of(const std::shared_ptr<const run_plan>& plan,
                                          std::shared_ptr<const model_directory> models,
                                          std::shared_ptr<run_spending> spending = nullptr);

/// Ends a run that cannot be read as an error; its stored document stays in the row as text.
/// `with_thread`: its thread exists, and gets the error too.
write_batch set_aside(const record& row, std::string_view why, bool with_thread);

} // namespace behalf::runs
