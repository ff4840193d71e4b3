// Every actor and every message, in the order a request meets them. The payloads are in each room's
// messages.hpp. Interfaces are narrow because they are the access control: only a holder of a
// redeemer_actor can redeem.
#pragma once

#include "actors/caf.hpp"

namespace behalf {

struct authenticate;
struct authenticated;
struct count_body;
struct authorize;
struct grant;
struct use_rules;
struct use_identity;
struct call_auth_handler;
struct vouched_by_handler;
struct continue_auth_handler;
struct auth_handler_ended;
struct read_storage;
struct read_done;
struct queue_read;
struct write_records;
struct written;
struct flush_group;
struct sweep_expired;
struct check_storage;
struct renew_lease;
struct embed_item;
struct item_embedded;
struct embed_query;
struct query_vector;
struct build_graph;
struct cron_set;
struct start_run;
struct find_run;
struct run_ref;
struct stop_runs;
struct runs_stopped;
struct slot_report;
struct run_progressed;
struct wake_up;
struct next_events;
struct event_batch;
struct follow_thread;
struct thread_ref;
struct thread_changed;
struct follow_run;
struct await_result;
struct run_result;
struct stop_run;
struct execute_run;
struct store_run;
struct store_waiting_runs;
struct webhook_due;
struct task_event;
struct task_finished;
struct subgraph_asked;
struct effect_answered;
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
struct recheck_credentials;
struct lane_turn;
struct wire_call;
struct wire_read;
struct wire_cancel;
struct wire_ended;
struct audit_event;
struct audit_receipt;

/// Admission: who sends a request, from its head alone; then, when it is read, whether they may.
using authenticator_actor =
  caf::typed_actor<answers<authenticate, authenticated>, takes<count_body>, takes<use_identity>>;
using authorizer_actor = caf::typed_actor<answers<authorize, grant>, takes<use_rules>>;

/// Runs a plugin's `authenticate` handler, which may call out.
using plugin_auth_actor =
  caf::typed_actor<answers<call_auth_handler, vouched_by_handler>, takes<auth_handler_ended>>;

/// The only owner of a writing connection: batches that arrive together become durable together.
using database_writer_actor =
  caf::typed_actor<answers<write_records, written>, answers<check_storage, written>,
                   takes<flush_group>, takes<sweep_expired>, takes<renew_lease>>;

/// Owns a reading connection. Its reads are short: one record, one state, one slice.
using database_reader_actor = caf::typed_actor<answers<read_storage, read_done>>;

/// Queues longer reads (slices of searches, states of threads) for readers of its own. Tenants
/// share these readers fairly, then users.
using read_queue_actor = caf::typed_actor<answers<queue_read, read_done>>;

/// Makes the vectors of store items and of queries, by calls on the embeddings endpoint.
using embedder_actor = caf::typed_actor<answers<embed_item, item_embedded>,
                                        answers<embed_query, query_vector>, takes<wake_up>>;

/// Builds the graphs of semantic search, on a thread of its own.
using graph_builder_actor = caf::typed_actor<takes<build_graph>, takes<flush_group>>;
/// The events of a thread's runs, one run after another.
using live_thread_actor = caf::typed_actor<answers<next_events, event_batch>>;
using thread_stream_actor = live_thread_actor::extend<takes<follow_run>, takes<thread_changed>>;

/// Finds live runs, in whichever process they execute. The scheduler is the directory of this
/// process's runs.
using run_directory_actor =
  caf::typed_actor<answers<find_run, run_ref>, // not_found once ended
                   answers<stop_runs, runs_stopped>, answers<follow_thread, thread_ref>,
                   takes<thread_changed>>;

/// Every run starts here: now, queued behind others, or after a restart.
using scheduler_actor =
  run_directory_actor::extend<answers<start_run, run_ref>, takes<slot_report>,
                              takes<run_progressed>, takes<wake_up>, takes<store_waiting_runs>>;

/// Starts the runs of crons that are due, as their owners.
using cron_clock_actor = caf::typed_actor<takes<cron_set>, takes<wake_up>>;

/// A live run, to be streamed, awaited and stopped. The run's supervisor is one; for a run of
/// another process it would be an actor that asks there.
using live_run_actor =
  caf::typed_actor<answers<next_events, event_batch>, answers<await_result, run_result>,
                   answers<stop_run, run_result>, answers<store_run, written>>;

/// One run: supersteps, checkpoints, events, interrupts, cancellation.
using run_supervisor_actor =
  live_run_actor::extend<takes<execute_run>, takes<task_event>, takes<task_finished>,
                         takes<subgraph_asked>, takes<wake_up>>;

/// Tells clients' webhooks that runs are over.
using webhook_caller_actor = caf::typed_actor<takes<webhook_due>, takes<wake_up>>;

/// One execution of one node.
using graph_node_actor =
  caf::typed_actor<takes<wake_up>, takes<effect_answered>, takes<turn_taken>>;

/// Fetches users' tokens and keeps their bytes. `redeemer_actor` is for egress alone.
using redeemer_actor = caf::typed_actor<answers<redeem, credential>>;
using secret_store_actor =
  caf::typed_actor<answers<redeem, credential>, answers<open_leases, run_handles>,
                   takes<close_leases>, takes<forget_credential>, takes<retry_call>>;

/// Redeems a handle and sends the call once its receipt is durable.
using egress_actor =
  caf::typed_actor<answers<egress_call, outbound_reply>, answers<egress_read, outbound_chunk>,
                   takes<egress_close>, takes<hand_stream>, takes<cut_calls>,
                   takes<recheck_credentials>, takes<lane_turn>>;

/// Keeps MCP sessions: listens to them while runs use them, ends them when no run does.
using mcp_keeper_actor = caf::typed_actor<answers<session_used, session_ready>, takes<run_left>,
                                          answers<end_sessions, sessions_ended>, takes<wake_up>>;

/// The HTTP client.
using http_client_actor =
  caf::typed_actor<answers<wire_call, outbound_reply>, answers<wire_read, outbound_chunk>,
                   takes<wire_cancel>, takes<wire_ended>>;

/// Append-only and hash-chained; answers when the line is on disk.
using audit_actor = caf::typed_actor<answers<audit_event, audit_receipt>, takes<flush_group>>;

} // namespace behalf
