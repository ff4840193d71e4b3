// The body of a request that creates a run, validated and normalised.
#pragma once

#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"

#include <string>

namespace behalf::endpoints {

/// One run to create.
struct run_request {
  static constexpr double longest_delay = 30 * 24 * 3600;

  /// What handlers see and may change: assistant_id (a UUID or a graph's name, as sent),
  /// metadata, multitask_strategy, if_not_exists, after_seconds and kwargs: what GET run shows.
  json::object value;
  std::string checkpoint_id; // to start from; empty: the thread's head
  bool cancel_on_disconnect = false;

  /// Error: invalid_argument or bad_request with what is wrong and where.
  static result<run_request> parse(const json::value& body, bool stateless,
                                   const shape_limits& bounds);
};

} // namespace behalf::endpoints
