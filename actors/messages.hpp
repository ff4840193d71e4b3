// The payloads actors send each other: one struct per message, its name is the verb. All are
// cheap to copy (what is big sits behind a shared_ptr) and none can hold secret bytes.
#pragma once

#include "actors/interfaces.hpp"
#include "connectors/mcp_sessions.hpp"
#include "runtime/base/filter.hpp"
#include "runtime/base/outbound.hpp"
#include "runtime/base/principal.hpp"
#include "runtime/base/time.hpp"
#include "runtime/http/credential_writer.hpp"
#include "runtime/store/storage.hpp"
#include "secrets/audit_log.hpp"
#include "secrets/lease_book.hpp"

#include <caf/allowed_unsafe_message_type.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct wire_request;   // runtime/http/client.hpp
struct auth_request;   // runtime/graph/plugin.hpp: what a client presented
struct run_plan;       // actors/run_plan.hpp
class policy;          // runtime/auth/policy.hpp
struct identity_setup; // actors/identity.hpp

using principal_ptr = std::shared_ptr<const principal>;
using presented_ptr = std::shared_ptr<const auth_request>;

/// Credentials a custom `authenticate` handler gave with the principal, by field name.
using sealed_fields = std::map<std::string, stored_credential_ptr>;
using sealed_ptr = std::shared_ptr<const sealed_fields>;
using run_plan_ptr = std::shared_ptr<const run_plan>;

// --- admission: request → authenticator → request → authorizer → request ---------------------

/// Who is this? Asked with nothing but the head of a request.
struct authenticate {
  presented_ptr credentials;
  std::size_t body_bytes = 0; // as announced; counted against the caller's limits
  std::string peer = {};      // who has a share of the work that finding out takes
};
struct authenticated {
  principal_ptr who;
  sealed_ptr sealed;
};
/// A body that came unannounced: its bytes count as well.
struct count_body {
  principal_ptr who;
  std::size_t bytes = 0;
};

/// May this caller do this? `value` is what the operation is about to read or write; handlers
/// may change the fields that `may_change` names.
struct admission {
  principal_ptr who;
  sealed_ptr sealed;
  std::string resource, action;
  json::object value;
  std::span<const std::string_view> may_change = {}; // of a table that stays
};

/// Yes, on what `visible` matches. `value` is as the handlers left it.
struct grant {
  principal_ptr who;
  filter visible;
  json::object value;
  sealed_ptr sealed;
};

/// From now on these decide: the configuration was read again.
struct use_rules {
  std::shared_ptr<const policy> rules;
};
struct use_identity {
  std::shared_ptr<const identity_setup> setup; // null: nothing changed, fetch issuers' keys again
};

/// What a plugin's `authenticate` handler makes of a request.
struct judge {
  presented_ptr credentials;
  std::string peer = {};
};
struct judged {
  principal_ptr who;
  sealed_ptr sealed;
};

/// A judgement's note to itself: its turn on another thread is over, or others had theirs.
struct judge_on {};
struct judgement_over {
  uint64_t number;
  std::shared_ptr<result<judged>> what;
};

// --- storage -----------------------------------------------------------------------------------

struct get_record {
  enum class part : uint8_t { whole, head }; // head: without its document
  record_key which;
  part what = part::whole;
  fair_budget::share_ptr room = nullptr; // of who asks: counts what a long one takes
};
struct found_record {
  std::shared_ptr<const record> row; // null: there is none
};
/// The checkpoints from the nearest full one up to the one named, or up to the head.
struct read_checkpoints {
  std::string thread_id, ns, checkpoint_id;
  principal_key who;                     // whose turn it takes; the thread is of its tenant
  fair_budget::share_ptr room = nullptr; // as of get_record
};
struct found_checkpoints {
  std::vector<record> rows;
  std::string newest; // the greatest id on the thread, asked for when one was named
};
/// The next slice of a search, for `who`. The asker holds the search meanwhile and leaves it alone
/// until the answer is there; a search nobody holds any more is dropped.
struct scan_on {
  std::shared_ptr<record_scan> search;
  principal_key who;
};
/// A run that waits in the storage, to go on with. What cannot be read comes as `doc_text`.
struct load_run {
  std::string tenant, run_id;
};

/// Durable when answered. Error: conflict when a revision is not as expected.
struct write_records {
  commit what;
  principal_key who = {}; // whose turn it takes; nobody: the server itself
};
struct written {};
/// The writer's note to itself, behind everything that arrived meanwhile: write the next group.
struct flush_group {};
/// Deletes what has outlived its time to live, a bounded batch at a time.
struct sweep_expired {};
/// Can anything be written? Tried with a write of its own, at most once a second. Errors as of
/// write_records.
struct check_storage {};

// --- runs ------------------------------------------------------------------------------------

/// Creates a run and, when its turn comes, executes it. Durable when answered.
struct start_run {
  std::shared_ptr<run_plan> plan; // the scheduler completes thread, config and metadata
  filter visible;                 // must match the thread's metadata
  presented_ptr credentials;      // for a secret store that wants the user's own token
  sealed_ptr sealed;
  bool stateless = false;
  bool create_thread = false;
  bool watched = false; // the client stays: it needs the supervisor, however late the run is due
};
struct find_run {
  std::string tenant, run_id;
};
/// Where a live run can be watched. `run` is null for one that waits in the storage for its time
/// and was started without `watched`.
struct run_ref {
  run_plan_ptr plan;
  run_supervisor_actor run;
};
/// Stops runs of a thread: those named, or all when none is. Answered when they have ended.
struct stop_runs {
  std::string tenant, thread_id;
  std::vector<std::string> run_ids;
  bool rollback = false;  // also forget them and what they did
  bool deleting = false;  // erases the thread first: waiters hear "Run not found"
  bool park = false;      // every run of every thread, to go on after a restart
  filter visible = {};    // `deleting`: which thread may be erased,
  principal_key who = {}; // and on whose behalf
};
struct runs_stopped {
  int64_t count;
};
struct run_ended {
  enum class how : uint8_t {
    done,
    lost,    // its supervisor met a bug: how it ended is not stored yet
    holding, // it is over, but a node has not returned: its slot stays taken
    returned // after `holding`: the last one has
  };
  std::string run_id;
  how is = how::done;
};
/// A run that may have crashed the process has completed a step since: it was not that one.
struct run_progressed {
  std::string run_id;
};
struct wake_up {
  int64_t generation = 0;
};

/// The slot is free: go.
struct execute_run {};

/// One event of a run, as viewers get it. `seq` counts from 1 within the run.
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
};
struct event_batch {
  std::vector<run_event> events;
  int64_t last_seq = 0;
  bool last = false; // nothing will follow
  bool lost = false; // older events than these were dropped: the viewer was too slow
};
/// Answered when the run is over: what `wait` and `join` give.
struct await_result {};
struct run_result {
  std::string status;                      // success, error, interrupted, timeout
  std::shared_ptr<const json::value> body; // final values, or {"__error__": …}
};
struct cancel_run {
  bool rollback = false;
  bool deleting = false;
  bool timed_out = false;
  bool park = false;
};
// --- credentials and the way out ---------------------------------------------------------------

/// Mints a sealed handle per service that takes a credential. Fetches nothing yet.
struct open_leases {
  principal_ptr who;
  std::string run_id;
  presented_ptr credentials; // for a store that wants the user's own token; may be null
  sealed_ptr sealed;
};
struct run_handles {
  std::vector<std::pair<std::string, sealed_handle>> by_service;
};
struct close_leases {
  std::string run_id;
  std::vector<sealed_handle> except = {}; // these stay until this is said again
};
/// A service refused this credential: fetch it anew next time.
struct forget_credential {
  principal_key who;
  std::string service;
  std::string fingerprint; // of the one refused: a newer one stays
};
/// The secret store's note to itself: time to try a call on its source again, or to sweep.
struct retry_call {
  std::shared_ptr<std::function<void()>> again;
};
/// Opens a handle for one call. Error: denied when any word of the claim is wrong.
struct redeem {
  sealed_handle handle;
  lease_claim claim;
  bool again = false; // the call is under way: may it still be?
};
/// What egress gets: something that writes the credential, not the credential.
struct credential {
  std::shared_ptr<const credential_writer> writer;
  std::string fingerprint;
};
struct audit_event {
  audit_record what;
};

/// A call on its way out, and for whom.
struct egress_call {
  outbound_call call;
  principal_ptr who;
  std::string run_id, thread_id;
  bool beside = false; // takes no place of the service's lane, and may outlast the run
};
/// A stream belongs to the run that opened it; to any other there is none of that number.
struct egress_read {
  uint64_t stream_id;
  std::string run_id;
};
struct egress_close {
  uint64_t stream_id;
  std::string run_id;
};
/// From now on the stream is another run's of the same user, which has a handle of its own.
struct hand_stream {
  uint64_t stream_id;
  std::string run_id; // whose it was
  std::string to_run, to_thread;
  sealed_handle handle;
};
/// Cancels what a run still has under way; or, with a service, only what of that goes beside the
/// service's lane.
struct cut_calls {
  std::string run_id;
  std::string beside = {};
};
/// Egress's note to itself: may what is under way still be?
struct look_after_calls {};

/// A run uses an MCP session, from now on until `run_left`. `stopped` is set when it is too late.
/// Answered when the server has somebody to ask, if it wants to, or was given the time.
struct session_used {
  principal_ptr who;
  std::string run_id, thread_id;
  sealed_handle handle;
  std::string service;
  mcp_session session;
  std::shared_ptr<const std::atomic<bool>> stopped;
};
struct session_ready {};
/// The run has ended. Its leases are closed on the way, those last that end its sessions.
struct run_left {
  std::string run_id;
};
/// Ends every session that no run uses. Answered when the servers have been told.
struct end_sessions {};
struct sessions_ended {};

struct audit_receipt {
  int64_t seq;
};

/// One HTTP exchange with the outside. `ticket` names it for `wire_cancel`.
struct wire_call {
  std::shared_ptr<wire_request> request;
  deadline by;
  uint64_t ticket = next_ticket();
  static uint64_t next_ticket();
};
struct wire_read {
  uint64_t stream_id;
  deadline by;
};
/// Ends a call by its ticket, or a stream by its id (both may be given).
struct wire_cancel {
  uint64_t ticket = 0, stream_id = 0;
};
/// From an I/O thread: a call or a read is over.
struct wire_ended {
  uint64_t ticket;
  std::shared_ptr<result<outbound_reply>> reply; // one of the two
  std::shared_ptr<result<outbound_chunk>> chunk;
};

} // namespace behalf

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::judge)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::judged)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::judge_on)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::judgement_over)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::authenticate)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::authenticated)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::count_body)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::admission)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::use_rules)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::use_identity)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::grant)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::get_record)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::found_record)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::read_checkpoints)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::found_checkpoints)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::load_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::scan_on)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::scan_part)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::write_records)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::written)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::flush_group)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::sweep_expired)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::check_storage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::start_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::find_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::run_ref)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::stop_runs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::runs_stopped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::run_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::run_progressed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::wake_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::execute_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::next_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::event_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::await_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::run_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::cancel_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::open_leases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::run_handles)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::close_leases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::redeem)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::forget_credential)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::retry_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::credential)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::audit_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::session_used)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::session_ready)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::run_left)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::end_sessions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::sessions_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::egress_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::egress_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::egress_close)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::hand_stream)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::cut_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::look_after_calls)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::outbound_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::outbound_chunk)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::audit_receipt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::wire_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::wire_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::wire_cancel)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(behalf::wire_ended)
