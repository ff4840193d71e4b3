// Every actor and every message, on one page, in the order a request meets them. The payloads are
// in each room's messages.hpp. A narrow interface is the access control: who holds a redeemer_actor
// can redeem.
#pragma once

#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

namespace behalf {

struct authenticate;
struct authenticated;
struct count_body;
struct authorize;
struct grant;
struct use_rules;
struct use_identity;
struct judge;
struct judged;
struct judge_on;
struct judgement_over;
struct get_record;
struct found_record;
struct read_checkpoints;
struct found_checkpoints;
struct scan_on;
struct scan_part;
struct load_run;
struct write_records;
struct written;
struct flush_group;
struct sweep_expired;
struct check_storage;
struct renew_lease;
struct start_run;
struct find_run;
struct run_ref;
struct stop_runs;
struct runs_stopped;
struct run_ended;
struct run_progressed;
struct wake_up;
struct next_events;
struct event_batch;
struct await_result;
struct run_result;
struct stop_run;
struct execute_run;
struct task_event;
struct task_finished;
struct turn_taken;
struct open_leases;
struct run_handles;
struct close_leases;
struct redeem;
struct credential;
struct forget_credential;
struct retry_call;
struct session_used;
struct session_ready;
struct run_left;
struct end_sessions;
struct sessions_ended;
struct egress_call;
struct outbound_reply;
struct egress_read;
struct outbound_chunk;
struct egress_close;
struct hand_stream;
struct cut_calls;
struct look_after_calls;
struct wire_call;
struct wire_read;
struct wire_cancel;
struct wire_ended;
struct audit_event;
struct audit_receipt;

/// Admission: first who asks, from the head of a request alone; then, when it is read, whether
/// they may.
using authenticator_actor =
  caf::typed_actor<caf::replies_to<authenticate>::with<authenticated>, caf::reacts_to<count_body>,
                   caf::reacts_to<use_identity>>;
using authorizer_actor =
  caf::typed_actor<caf::replies_to<authorize>::with<grant>, caf::reacts_to<use_rules>>;

/// Runs a plugin's `authenticate` handler, which may call out.
using plugin_auth_actor =
  caf::typed_actor<caf::replies_to<judge>::with<judged>, caf::reacts_to<judgement_over>>;

/// The only owner of a writing connection: commits that arrive together become durable together.
using database_writer_actor =
  caf::typed_actor<caf::replies_to<write_records>::with<written>,
                   caf::replies_to<check_storage>::with<written>, caf::reacts_to<flush_group>,
                   caf::reacts_to<sweep_expired>, caf::reacts_to<renew_lease>>;

/// Owns a reading connection. What it is asked takes a moment: one record, one state, one slice.
using database_reader_actor =
  caf::typed_actor<caf::replies_to<get_record>::with<found_record>,
                   caf::replies_to<read_checkpoints>::with<found_checkpoints>,
                   caf::replies_to<scan_on>::with<scan_part>,
                   caf::replies_to<load_run>::with<found_record>>;

/// Where what takes longer than one record waits for readers of its own: searches, slice by slice,
/// and the states of threads. Tenants share these readers fairly, then users.
using scan_desk_actor =
  caf::typed_actor<caf::replies_to<scan_on>::with<scan_part>,
                   caf::replies_to<read_checkpoints>::with<found_checkpoints>>;

/// Every run starts here: now, queued behind others, or after a restart.
using scheduler_actor =
  caf::typed_actor<caf::replies_to<start_run>::with<run_ref>,
                   caf::replies_to<find_run>::with<run_ref>, // not_found once it has ended
                   caf::replies_to<stop_runs>::with<runs_stopped>, caf::reacts_to<run_ended>,
                   caf::reacts_to<run_progressed>, caf::reacts_to<wake_up>>;

/// One run: supersteps, checkpoints, events, interrupts, cancellation.
using run_supervisor_actor =
  caf::typed_actor<caf::reacts_to<execute_run>, caf::replies_to<next_events>::with<event_batch>,
                   caf::replies_to<await_result>::with<run_result>,
                   caf::replies_to<stop_run>::with<run_result>, caf::reacts_to<task_event>,
                   caf::reacts_to<task_finished>, caf::reacts_to<wake_up>>;

/// One execution of one node.
using graph_node_actor = caf::typed_actor<caf::reacts_to<wake_up>, caf::reacts_to<turn_taken>>;

/// Where a user's tokens come from; bytes stay behind it. `redeemer_actor` is for egress alone.
using redeemer_actor = caf::typed_actor<caf::replies_to<redeem>::with<credential>>;
using secret_store_actor =
  caf::typed_actor<caf::replies_to<redeem>::with<credential>,
                   caf::replies_to<open_leases>::with<run_handles>, caf::reacts_to<close_leases>,
                   caf::reacts_to<forget_credential>, caf::reacts_to<retry_call>>;

/// Redeems a handle and lets the call leave once its receipt is durable.
using egress_actor = caf::typed_actor<caf::replies_to<egress_call>::with<outbound_reply>,
                                      caf::replies_to<egress_read>::with<outbound_chunk>,
                                      caf::reacts_to<egress_close>, caf::reacts_to<hand_stream>,
                                      caf::reacts_to<cut_calls>, caf::reacts_to<look_after_calls>>;

/// Looks after MCP sessions: listens to them while runs use them, ends them when no run does.
using mcp_keeper_actor =
  caf::typed_actor<caf::replies_to<session_used>::with<session_ready>, caf::reacts_to<run_left>,
                   caf::replies_to<end_sessions>::with<sessions_ended>, caf::reacts_to<wake_up>>;

/// The outbound door.
using http_client_actor = caf::typed_actor<caf::replies_to<wire_call>::with<outbound_reply>,
                                           caf::replies_to<wire_read>::with<outbound_chunk>,
                                           caf::reacts_to<wire_cancel>, caf::reacts_to<wire_ended>>;

/// Append-only and hash-chained; answers when the line is on disk.
using audit_actor =
  caf::typed_actor<caf::replies_to<audit_event>::with<audit_receipt>, caf::reacts_to<flush_group>>;

} // namespace behalf
