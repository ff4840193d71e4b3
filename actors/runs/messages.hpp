// How runs are started, watched and stopped.
#pragma once

#include "actors/caller.hpp"
#include "actors/interfaces.hpp"
#include "behalf/outbound.hpp"
#include "behalf/time.hpp"
#include "runtime/base/filter.hpp"
#include "runtime/base/json.hpp"
#include "runtime/storage/write_batch.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

struct assistant_defaults; // actors/catalog.hpp
namespace runs {
struct run_plan;
}
using run_plan_ptr = std::shared_ptr<const runs::run_plan>;

/// Creates a run, to be executed when its turn comes. Answered when it is durable.
struct start_run {
  std::shared_ptr<runs::run_plan> plan; // the scheduler completes config and metadata
  std::shared_ptr<const assistant_defaults> assistant = nullptr; // null: the graph's own
  // As the client sent them and authorization handlers left them.
  json::object config;
  json::value context;
  json::object metadata;
  std::optional<json::object> thread_metadata; // for a thread it creates; unset: as the run's
  header_list headers;       // of the request; the configuration says which a graph sees
  filter auth_filter;        // must match the thread's metadata
  presented_ptr credentials; // for a secret source that logs in with the user's own token
  sealed_ptr sealed;
  bool stateless = false; // the client named no thread: if kept, it expires after a time
  bool create_thread = false;
  std::optional<write_batch::cron_firing> firing = {}; // of the cron that is due: one commit with
                                                       // the run
  bool client_stays = false; // load the run now, even if it is due much later
  // The client hears of the run when it is over, and not before: it may begin before it is stored
  // (decision 0036).
  bool answered_at_end = false;
};
struct find_run {
  std::string tenant, run_id;
};
/// A live run. `run` is null for a delayed one that is in the storage alone, started without
/// `client_stays`.
struct run_ref {
  run_plan_ptr plan;
  live_run_actor run;
};
/// Why a run is stopped, which decides what is kept of it.
enum class stop_reason : uint8_t {
  cancelled,   // completed supersteps stay
  rolled_back, // as if it had never been
  erased,      // its thread is erased: waiters get "Run not found"
  timed_out,   // it ends as failed
  suspended    // the server stops: the run continues after the next start
};
/// Stops runs of a thread: those named, or all when none is. Or the runs of `threads`. Without a
/// thread: all that `who` started on threads that match. Answered when they have ended, which they
/// do also when whoever asked is gone.
struct stop_runs {
  enum class state : uint8_t { any, pending, running };

  std::string tenant, thread_id;
  std::vector<std::string> run_ids;
  stop_reason why = stop_reason::cancelled; // erased: all; suspended: all of every thread
  filter auth_filter = {};                  // erased, or no thread is named: threads must match,
  principal_key who = {};                   // for whom
  state which = state::any;                 // those that are in this state now
  std::vector<std::string> threads = {};    // instead of thread_id
};
struct runs_stopped {
  int64_t count;
};
/// The state of the slot that a run executed in.
struct slot_report {
  enum class state : uint8_t {
    freed,   // the run is over
    lost,    // its supervisor threw: the end of the run is not stored yet
    held,    // the run is over, but a node has not returned
    returned // after `held`: the last node has returned
  };
  std::string run_id;
  state is = state::freed;
};
/// A suspect (recovery.hpp) has made progress since the crash: it is cleared.
struct run_progressed {
  std::string run_id;
};

/// A run has ended, and with its end a call to its webhook was stored.
struct webhook_due {
  std::string run_id;
  principal_key who;
};

/// The run has a slot: execute it.
struct execute_run {};
/// Answered when the run is durable, if it was begun before that, or all `checkpoints` that it has
/// made. Error: it could not be stored, and has ended.
struct store_run {
  bool checkpoints = false;
};
/// The scheduler's timer: stores runs that were begun some time ago, and are not over.
struct store_waiting_runs {};

/// One event of a run. `seq` counts from 1 within the run.
struct run_event {
  int64_t seq;
  std::string name;                        // "values", "updates", "error", …
  std::shared_ptr<const std::string> data; // one line of JSON
  time_point at;
};
/// Answered as soon as there is an event after `after`, or the run is over.
struct next_events {
  int64_t after = 0;
  std::size_t max = 256;
  /// Expires when the viewer has left: then nobody waits for the answer any more.
  std::weak_ptr<const void> viewer = {};
};
struct event_batch {
  std::vector<run_event> events;
  int64_t last_seq = 0;
  bool last = false; // nothing will follow
  bool more = false; // others are there already
  bool lost = false; // events before these were dropped before the viewer read them

  bool says_nothing() const { return events.empty() && !last && !lost; }
};
/// Answered when the run is over: what `wait` and `join` give.
struct await_result {};
struct run_result {
  std::string status;                      // success, error, interrupted, timeout
  std::shared_ptr<const json::value> body; // final values, or {"__error__": …}
};
struct stop_run {
  stop_reason why = stop_reason::cancelled;
};

/// What a thread's stream is made of.
enum class thread_form : uint8_t {
  runs,    // the events of its runs as they are, and after each `metadata` with "run_done"
  protocol // the same as protocol_events words them (runtime/graph/protocol_events.hpp)
};
/// Follows the runs of a thread, which need not exist yet: first those in memory, then each that
/// executes. Whoever asks has checked who may see the thread.
struct follow_thread {
  std::string tenant, thread_id;
  thread_form form = thread_form::runs;
  principal_key who;                                // its share of memory holds the events
  std::optional<time_point> thread_created_at = {}; // unset: there is no such thread
  bool asks = false;                                // the thread waits for answers
};
struct thread_ref {
  live_thread_actor events;
  /// The number before the first event's. The thread is followed while this is held, and longer.
  std::shared_ptr<const int64_t> base;
};
/// A thread's state was changed by hand: tells those who follow its runs.
struct thread_changed {
  std::string tenant, thread_id, graph_id;
  std::string checkpoint_ns, checkpoint_id; // the new state
};
/// The thread's next run, which begins now, or has begun before.
struct follow_run {
  run_ref run;
};

} // namespace behalf

BEHALF_MESSAGE(behalf::follow_thread)
BEHALF_MESSAGE(behalf::thread_ref)
BEHALF_MESSAGE(behalf::thread_changed)
BEHALF_MESSAGE(behalf::follow_run)
BEHALF_MESSAGE(behalf::start_run)
BEHALF_MESSAGE(behalf::find_run)
BEHALF_MESSAGE(behalf::run_ref)
BEHALF_MESSAGE(behalf::stop_runs)
BEHALF_MESSAGE(behalf::runs_stopped)
BEHALF_MESSAGE(behalf::slot_report)
BEHALF_MESSAGE(behalf::run_progressed)
BEHALF_MESSAGE(behalf::execute_run)
BEHALF_MESSAGE(behalf::store_run)
BEHALF_MESSAGE(behalf::store_waiting_runs)
BEHALF_MESSAGE(behalf::webhook_due)
BEHALF_MESSAGE(behalf::next_events)
BEHALF_MESSAGE(behalf::event_batch)
BEHALF_MESSAGE(behalf::await_result)
BEHALF_MESSAGE(behalf::run_result)
BEHALF_MESSAGE(behalf::stop_run)
