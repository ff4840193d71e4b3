// What is stored of a call to a client's webhook, from the end of its run until it is taken.
#pragma once

#include "actors/runs/run_plan.hpp"
#include "actors/runs/thread_updates.hpp"

#include <optional>
#include <string>

namespace behalf::runs {

/// The URL that a run's kwargs name; null: none.
const json::string* webhook_of(const json::object& kwargs);

/// The call that this end leaves to be made; nullopt when the run names no webhook. Due at once.
/// `began`: when the run began to execute; unset: it never did. Of a body longer than `max_bytes`
/// values and kwargs are left out, and `omitted` says so.
std::optional<record> webhook_call_of(const run_plan& plan, const run_outcome& outcome,
                                      run_trace trace, std::optional<time_point> began,
                                      std::size_t max_bytes);

/// The stored call again after a try that failed: one more try is counted, due at `due`.
record tried_again(const record& call, time_point due);

/// How many tries have failed.
int tries_of(const record& call);
/// principal_key::text() of the run's user.
std::string user_of(const record& call);
/// Where to call, and with what: the body as it is sent now. Error: internal when the record is not
/// what `webhook_call_of` made.
struct webhook_message {
  std::string url, body;
};
result<webhook_message> message_of(const record& call);

} // namespace behalf::runs
