// From when until when something kept may be used.
#pragma once

#include "behalf/time.hpp"

namespace behalf {

/// By the wall clock, which somebody may set: a time before `from` says that it was set back since
/// then. Nobody knows how long ago that was, so what is kept is over too.
struct validity {
  time_point from{}, until{}; // as it is made: over

  bool covers(time_point now) const { return from <= now && now < until; }
};

} // namespace behalf
