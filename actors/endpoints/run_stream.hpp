// A run's events as an event stream, or its result as one JSON document.
#pragma once

#include "actors/endpoints/request.hpp"

namespace behalf::endpoints {

/// Sends events from the request's `seen` on until the run is over. `headers` are the answer's
/// Location and Content-Location.
void stream_run(request_pointer self, run_ref run, header_list headers);

/// Answers the run's final values. An answer that takes longer than one keep-alive period begins
/// at once and is kept alive with line breaks, which JSON readers skip.
void await_run(request_pointer self, run_ref run, header_list headers);

/// The same for a run that ended earlier: no events, or the values it left.
void answer_ended_events(request_pointer self);

/// A stream of a single `error` event: how a stream says what a status line can no longer say.
void answer_error_event(request_pointer self, std::string_view kind, std::string_view message);

} // namespace behalf::endpoints
