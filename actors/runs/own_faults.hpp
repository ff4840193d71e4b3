// What leaves the core of the server's own faults: that there was one.
#pragma once

#include "behalf/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/storage/records.hpp"

#include <string_view>
#include <utility>

namespace behalf::runs {

/// What a run is told of an error of the core's. The sentences of internal ones name files and
/// parts of the machine: those are the log's, as with answers 500. A damaged record is the run's
/// own, and named.
inline error for_run(error why, std::string_view run_id) {
  if (why.code != errc::internal || why.kind == unreadable_record)
    return why;
  log::error("run_met_a_fault", {{"run_id", run_id}, {"reason", why.message}});
  return {errc::internal, "the server failed here; its log says why", {}, std::move(why.kind)};
}

} // namespace behalf::runs
