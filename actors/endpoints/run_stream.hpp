// A run's events as an event stream, or its result as one JSON document.
#pragma once

#include "actors/endpoints/request.hpp"

namespace behalf::endpoints {

/// Sends the events after the request's `seen` until the run is over. `headers` are the answer's
/// Location and Content-Location.
void stream_run(request_pointer self, run_ref run, header_list headers);

/// Answers the run's final values. After one keep-alive period without an answer it sends the head,
/// and then line breaks to keep the connection, which JSON readers skip.
void await_run(request_pointer self, run_ref run, header_list headers);

/// For a run that ended earlier: an event stream without events.
void answer_ended_events(request_pointer self);

/// An event stream of a single `error` event.
void answer_error_event(request_pointer self, std::string_view kind, std::string_view message);

} // namespace behalf::endpoints
