// The right to follow what others do, for as long as a stream lasts: asked for again meanwhile, as
// tokens end and rights are taken away.
#pragma once

#include "actors/endpoints/request.hpp"

#include <chrono>
#include <functional>
#include <utility>

namespace behalf::endpoints {

struct lasting_right {
  sealed_ptr sealed;         // of the caller, for questions about rights
  presented_ptr credentials; // the same, shown again while the stream lasts
  bool allowed = false;      // the caller saw the thread at `checked`
  deadline checked{};
  int ticks = 0;
};

/// Keeps what asking again needs, before the request lets go of it.
void keep_right(request_pointer self);
/// The caller was found to see the thread.
void note_right(request_pointer self, deadline when);

/// Error: why not.
using right_known = std::function<void(result<void>)>;

/// Asks again who the caller is, with `bytes` that count against their limits, and calls `then`
/// with an error if they are not known any more.
void authenticate_again(request_pointer self, std::size_t bytes, right_known then);

/// Asks again whether the caller is known and may see the thread.
void ask_for_right(request_pointer self, right_known then);
/// Whether the last answer is new enough to send by.
bool right_is_fresh(request_pointer self);
/// Asks unless that is so.
template <class Then>
void with_right(request_pointer self, Then then) {
  if (right_is_fresh(self))
    return then(result<void>{});
  ask_for_right(self, std::move(then));
}

/// Whether to ask at this keep-alive, so that a silent stream ends too.
bool right_is_due(request_pointer self);

} // namespace behalf::endpoints
