// The body of a request that creates a run, validated and normalised.
#pragma once

#include "actors/endpoints/body.hpp"
#include "actors/runs/webhook_options.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"

#include <optional>
#include <string>

namespace behalf::endpoints {

/// `command` of a run or a superstep: {resume, update, goto}, where `update` is input and `goto`
/// names nodes or sends to them.
std::optional<json::object> read_command(body_reader& in, const shape_limits& bounds);
/// The field `config` of a run or an assistant: each of its parts is bounded, as runs merge it key
/// by key.
json::object read_config(body_reader& in, const shape_limits& bounds);

/// The field `checkpoint`, of which each part has the type that states show it with, or is null.
struct checkpoint_place {
  std::string ns, id;
};
std::optional<checkpoint_place> read_place(body_reader& in, const shape_limits& bounds);

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
                                   const shape_limits& bounds,
                                   const runs::webhook_options& webhooks);
};

} // namespace behalf::endpoints
