// Refuses answers that the nodes which ask would not take, before there is a run of them.
#pragma once

#include "actors/endpoints/request.hpp"

#include <functional>

namespace behalf::endpoints {

/// Calls `then`, unless the run to be created answers an open question of its thread in a form that
/// the graph does not take: then the request is refused, and nothing has changed. Questions of a
/// thread that is busy are not known yet: its runs check them as they begin.
void with_answer_checked(request_pointer self, std::function<void()> then);

} // namespace behalf::endpoints
