// Which of the server's errors a run, and so its client, may see.
#pragma once

#include "behalf/error.hpp"
#include "runtime/base/log.hpp"
#include "runtime/storage/records.hpp"

#include <string_view>
#include <utility>

namespace behalf::runs {

/// The error as a run may see it. Texts of internal errors may name files of the server: they are
/// logged, and the run gets a general one, as in answers with status 500. The error of a damaged
/// record is shown: it is the run's own.
inline error run_visible_error(error why, std::string_view run_id) {
  if (why.code != errc::internal || why.kind == unreadable_record)
    return why;
  log::error("run_met_a_fault", {{"run_id", run_id}, {"reason", why.message}});
  return {errc::internal, "the server failed here; its log says why", {}, std::move(why.kind)};
}

} // namespace behalf::runs
