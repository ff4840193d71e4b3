// Which errors of the server a run, and so its client, may read.
#pragma once

#include "behalf/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/storage/records.hpp"

#include <string_view>
#include <utility>

namespace behalf::runs {

/// The error as a run may see it. Texts of internal errors name files and parts of the machine:
/// they are logged, and the run is told only that there was one, as with answers 500. A damaged
/// record is the run's own: its error is shown.
inline error run_visible_error(error why, std::string_view run_id) {
  if (why.code != errc::internal || why.kind == unreadable_record)
    return why;
  log::error("run_met_a_fault", {{"run_id", run_id}, {"reason", why.message}});
  return {errc::internal, "the server failed here; its log says why", {}, std::move(why.kind)};
}

} // namespace behalf::runs
