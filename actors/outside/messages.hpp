// Credentials, calls that leave, MCP sessions, receipts.
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

struct wire_request; // runtime/http/client.hpp

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
  bool outside_lane = false; // takes no place of the service's lane, and may outlast the run
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
  std::string outside_lane = {};
};
/// Egress's note to itself: may what is under way still be?
struct recheck_credentials {};

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
BEHALF_MESSAGE(behalf::audit_receipt)
BEHALF_MESSAGE(behalf::wire_call)
BEHALF_MESSAGE(behalf::wire_read)
BEHALF_MESSAGE(behalf::wire_cancel)
BEHALF_MESSAGE(behalf::wire_ended)
BEHALF_MESSAGE(behalf::outbound_reply)
BEHALF_MESSAGE(behalf::outbound_chunk)
