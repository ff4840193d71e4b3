// A thread followed for as long as its client stays: the events of its runs as they are, or as the
// protocol words them; as an event stream, or over a WebSocket.
#pragma once

#include "actors/endpoints/request.hpp"
#include "actors/runs/messages.hpp"
#include "runtime/graph/protocol_events.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf::endpoints {

/// Events of the protocol that a client asked for, from a number on.
struct thread_subscription {
  std::string id;
  protocol_filter filter;
  int64_t after = 0; // in the stream's own count
};

/// Events of the runs that a client asked for.
struct run_event_choice {
  bool runs = false, lifecycle = false, state_updates = false;
  // Those after this time, and number within its millisecond.
  int64_t after_ms = 0, after_seq = 0;
};

struct thread_reader {
  thread_form form = thread_form::runs;
  run_event_choice choice;                        // form `runs`
  std::vector<thread_subscription> subscriptions; // form `protocol`
  std::optional<thread_ref> stream;               // unset: the caller may not see the thread
  int64_t seen = 0;
  int64_t pull = 0;   // the number of the question that counts
  bool begun = false; // events were read: from here on none may be missed
  std::shared_ptr<const int> here = std::make_shared<const int>(); // see next_events::viewer

  fair_budget::share_ptr room; // of the subscriptions

  bool socket = false;
};

/// Ends the stream of one who is not known any more, or has no right to it.
void end_refused(request_pointer self, const error& why);

/// Counts one more subscription in the caller's share of memory. Error: there is no room, or the
/// connection's subscriptions have too many names together.
result<void> hold_subscription(request_pointer self, const thread_subscription& one);

/// Reads {channels, namespaces, depth, since}. Error: bad_request.
result<thread_subscription> read_subscription(const json::object& from, const shape_limits& bounds);

/// Begins to follow the request's thread, or to send more of it.
void follow_thread_events(request_pointer self);
/// Adds a subscription, whose events from `since` on are sent again.
void subscribe(request_pointer self, thread_subscription wanted);

/// The server stops: its client is to come back.
void end_thread_stream(request_pointer self);

/// For request.cpp: events of the exchange while a thread is followed.
void on_thread_part_written(request_pointer self);
void on_thread_keep_alive(request_pointer self);
void on_socket_message(request_pointer self, std::string text);

} // namespace behalf::endpoints
