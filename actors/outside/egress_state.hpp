// What the files of the egress actor share: egress.cpp lets calls out, egress_watch.cpp looks
// after those that are out. Internal to them.
#pragma once

#include "actors/basics.hpp"
#include "actors/interfaces.hpp"
#include "actors/outside/egress_meters.hpp"
#include "actors/outside/messages.hpp"
#include "connectors/registry.hpp"
#include "runtime/base/fair_lane.hpp"
#include "runtime/base/metrics.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <set>
#include <unordered_map>

namespace behalf::outside {

/// One call from its question to its reply.
struct going_out {
  egress_call ask;
  promise_of<outbound_reply> promise;
  std::shared_ptr<const service_options> service;
  checked_url to;
  credential opened;
  redeem lent; // how the credential was opened; no handle: the call takes none
  int64_t receipt = 0;
  uint64_t ticket = 0;
  uint64_t place = 0;          // in its lane's queue; 0: it waits no more
  std::optional<error> cut_by; // it must not go on
};
using going_ptr = std::shared_ptr<going_out>;

/// A reply's body that a node still reads.
struct open_stream {
  going_ptr of;
  deadline used;
  bool reading = false;
};

/// What goes to one origin of a service: as many calls at once as the service allows.
struct call_lane {
  explicit call_lane(std::size_t most) : calls(most) {}

  fair_lane<going_ptr> calls;
  bool moving = false;
};

struct egress_state {
  static inline const char* name = "egress";
  egress_state() = default;

  std::shared_ptr<const service_registry> services;
  redeemer_actor redeemer; // null: no service takes a credential
  secret_store_actor secrets;
  audit_actor audit;
  http_client_actor http;
  std::unordered_map<std::string, call_lane> lanes; // by service and origin
  std::unordered_map<std::string, std::set<going_ptr>> by_run;
  std::map<uint64_t, open_stream> streams;
  std::set<std::string> in_question; // handles
  bool watching = false;
  egress_meters meters;
};

using egress_pointer = egress_actor::stateful_pointer<egress_state>;

/// A line for the audit log.
audit_record line_of(const going_out& call, std::string action, std::string outcome);

/// From now on the call is looked after, until its reply has come or its stream is over.
void watch(egress_pointer self, const going_ptr& call);
void watch_stream(egress_pointer self, uint64_t stream_id, const going_ptr& call);

/// The lane a call goes by, if it still is in use.
std::string lane_of(const going_out& call);
/// Takes a call out of its lane's queue.
void stop_waiting(egress_pointer self, const going_ptr& call);

/// Time to ask whether what is out may still be.
void look_after(egress_pointer self);

/// The run stops: nothing of it goes on, but what goes beside a lane, which is cut on its own.
void cut_run(egress_pointer self, const cut_calls& m);

caf::result<outbound_chunk> read_on(egress_pointer self, const egress_read& m);
void close_for(egress_pointer self, const egress_close& m);
void hand_over(egress_pointer self, const hand_stream& m);
void end_stream(egress_pointer self, uint64_t stream_id);

} // namespace behalf::outside
