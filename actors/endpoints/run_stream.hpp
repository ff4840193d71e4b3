// A run's events as an event stream, or its result as one JSON document.
#pragma once

#include "actors/endpoints/request.hpp"
#include "actors/endpoints/route_meters.hpp"

namespace behalf::endpoints {

/// Sends the events after the request's `seen` until the run is over. `headers` are the answer's
/// Location and Content-Location.
void stream_run(request_pointer self, run_ref run, header_list headers);

/// Answers the run's final values. After one keep-alive period without an answer it sends the head,
/// and then line breaks to keep the connection, which JSON readers skip.
void await_run(request_pointer self, run_ref run, header_list headers);

/// For streams: frees what only the request needed, notices when the client leaves, keeps the
/// connection alive.
void attend_stream(request_pointer self, stream_kind kind);
/// Counts what is about to be written until it is taken, if it is long. False: there is no room, as
/// clients read too slowly.
bool hold_stream_room(request_pointer self, std::size_t bytes);

/// For a run that ended earlier: an event stream without events.
void answer_ended_events(request_pointer self);

/// An event stream of a single `error` event.
void answer_error_event(request_pointer self, std::string_view kind, std::string_view message);

} // namespace behalf::endpoints
