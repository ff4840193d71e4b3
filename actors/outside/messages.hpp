// Messages about credentials, calls to services, MCP sessions and receipts.
#pragma once

#include "actors/caf.hpp"
#include "actors/caller.hpp"
#include "behalf/outbound.hpp"
#include "behalf/time.hpp"
#include "connectors/mcp_sessions.hpp"
#include "runtime/http/credential_writer.hpp"
#include "secrets/audit_log.hpp"
#include "secrets/lease_book.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

class stream_reader; // stream_reader.hpp
struct wire_request; // runtime/http/client.hpp

/// Mints a sealed handle per service that takes a credential. Fetches none.
struct open_leases {
  principal_ptr who;
  std::string run_id;
  presented_ptr credentials; // for a source that logs in with the user's own token; may be null
  sealed_ptr sealed;
};
struct run_handles {
  std::vector<std::pair<std::string, sealed_handle>> by_service;
};
struct close_leases {
  std::string run_id;
  std::vector<sealed_handle> except = {}; // these stay open until the next close_leases
};
/// A service refused this credential: drops it from the cache.
struct forget_credential {
  principal_key who;
  std::string service;
  std::string fingerprint; // of the refused one: a newer one is kept
};
/// The secret store's timer: a call on a source to retry, or a sweep.
struct retry_call {
  std::shared_ptr<std::function<void()>> again;
};
/// Redeems a handle for one call. Error: denied when any part of the claim does not match.
struct redeem {
  sealed_handle handle;
  lease_claim claim;
  bool again = false; // a check while the call is under way
};
/// What egress gets: a writer of the credential, not its bytes.
struct credential {
  std::shared_ptr<const credential_writer> writer;
  std::string fingerprint;
};
struct audit_event {
  audit_record what;
};

/// A call on a service, and for whom.
struct egress_call {
  outbound_call call;
  principal_ptr who;
  std::string run_id, thread_id;
  bool outside_lane = false; // takes no place of the service's lane, and may outlast the run
  std::shared_ptr<const std::atomic<bool>> stopped = {};    // set: the node that asked was stopped
  std::shared_ptr<const std::atomic<bool>> taken_back = {}; // set: it waits for it no more
  std::shared_ptr<std::atomic<bool>> sent = {};             // set once it was written
  std::shared_ptr<stream_reader> reader = {};             // of the reply's body, if it is a stream
  std::shared_ptr<const outbound_call> cancellation = {}; // is sent when this is cut, or times out
};
/// Reads a stream. Error: not_found unless the run opened it.
struct egress_read {
  uint64_t stream_id;
  std::string run_id;
};
struct egress_close {
  uint64_t stream_id;
  std::string run_id;
};
/// Gives the stream to another run of the same user, with that run's handle.
struct hand_stream {
  uint64_t stream_id;
  std::string run_id; // of the run that has it
  std::string to_run, to_thread;
  sealed_handle handle;
};
/// Cancels calls and streams of a run that nobody waits for any more; with `outside_lane`, those of
/// that service that are outside its lane.
struct cut_calls {
  std::string run_id;
  std::string outside_lane = {};
};
/// Egress's timer: checks the handles of what is under way.
struct recheck_credentials {};
/// Egress's timer: another call of a lane that is limited by time may begin.
struct lane_turn {
  std::string lane;
};

/// A run uses an MCP session, until `run_left`; ignored when `stopped` is set. Answered when the
/// session's stream is open, or did not open in time.
struct session_used {
  principal_ptr who;
  std::string run_id, thread_id;
  sealed_handle handle;
  std::string service;
  mcp_session session;
  std::shared_ptr<const std::atomic<bool>> stopped;
};
struct session_ready {};
/// The run has ended. Closes its leases; those that sessions need are closed with the sessions.
struct run_left {
  std::string run_id;
};
/// Ends every session that no run uses. Answered when their servers have replied.
struct end_sessions {};
struct sessions_ended {};

struct audit_receipt {
  int64_t seq;
};

/// One outbound HTTP call. `ticket` names it for `wire_cancel`.
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
/// From an I/O thread: a call or a read has ended.
struct wire_ended {
  uint64_t ticket;
  std::shared_ptr<result<outbound_reply>> reply; // one of the two
  std::shared_ptr<result<outbound_chunk>> chunk;
};

} // namespace behalf

BEHALF_MESSAGE(behalf::open_leases)
BEHALF_MESSAGE(behalf::run_handles)
BEHALF_MESSAGE(behalf::close_leases)
BEHALF_MESSAGE(behalf::redeem)
BEHALF_MESSAGE(behalf::forget_credential)
BEHALF_MESSAGE(behalf::retry_call)
BEHALF_MESSAGE(behalf::credential)
BEHALF_MESSAGE(behalf::audit_event)
BEHALF_MESSAGE(behalf::session_used)
BEHALF_MESSAGE(behalf::session_ready)
BEHALF_MESSAGE(behalf::run_left)
BEHALF_MESSAGE(behalf::end_sessions)
BEHALF_MESSAGE(behalf::sessions_ended)
BEHALF_MESSAGE(behalf::egress_call)
BEHALF_MESSAGE(behalf::egress_read)
BEHALF_MESSAGE(behalf::egress_close)
BEHALF_MESSAGE(behalf::hand_stream)
BEHALF_MESSAGE(behalf::cut_calls)
BEHALF_MESSAGE(behalf::recheck_credentials)
BEHALF_MESSAGE(behalf::lane_turn)
BEHALF_MESSAGE(behalf::audit_receipt)
BEHALF_MESSAGE(behalf::wire_call)
BEHALF_MESSAGE(behalf::wire_read)
BEHALF_MESSAGE(behalf::wire_cancel)
BEHALF_MESSAGE(behalf::wire_ended)
BEHALF_MESSAGE(behalf::outbound_reply)
BEHALF_MESSAGE(behalf::outbound_chunk)
