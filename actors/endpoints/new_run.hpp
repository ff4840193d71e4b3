// A run to be created, before and after the authorization handlers have seen it. Of a request, or
// of a cron that is due.
#pragma once

#include "actors/admission/messages.hpp"
#include "actors/runs/messages.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {
struct system_options;
}

namespace behalf::endpoints {

/// What handlers see of a run, and what becomes of it.
struct new_run {
  json::object value;
  std::shared_ptr<start_run> order;
  bool cancel_on_disconnect = false;
};

/// `thread_id`: empty for a stateless run. Errors: as of run_request::parse.
result<new_run> read_new_run(json::value body, const std::string& thread_id,
                             const system_options& options);

/// The fields of its value that handlers may change.
inline const std::vector<std::string_view> of_new_run{
  "assistant_id", "metadata", "multitask_strategy", "if_not_exists", "after_seconds", "kwargs"};

/// Completes the order with what was granted, but for its assistant. Takes parts of the value.
/// Error: internal for what no run can be made of, invalid_argument for a webhook that must not be
/// called.
result<void> take_grant(start_run& order, grant& granted, const std::string& thread_id,
                        const system_options& options);

} // namespace behalf::endpoints
