// What a client asks when it creates a run: the body, validated and normalised.
#pragma once

#include "runtime/base/json.hpp"
#include "runtime/base/shape.hpp"

#include <string>
#include <vector>

namespace behalf::endpoints {

/// How a run is to be watched: decides which of the body's fields apply.
enum class run_kind : uint8_t { background, wait, stream };

/// One run to create (contract/http-api.md 3). `kwargs` is what GET run shows and what a restart
/// reads: input, command, config, context, stream_mode, interrupt_before, interrupt_after,
/// webhook, feedback_keys, temporary, subgraphs, resumable, checkpoint_during, durability.
struct run_request {
  std::string assistant; // a UUID or a graph name, as sent
  json::object kwargs;
  json::object metadata;
  std::string multitask_strategy = "enqueue"; // or reject, interrupt, rollback
  bool create_thread = false;                 // if_not_exists: create
  static constexpr double longest_delay = 30 * 24 * 3600;
  double after_seconds = 0; // up to longest_delay
  bool cancel_on_disconnect = false;
  bool keep_thread = false; // stateless runs: on_completion keep
  json::object checkpoint;  // {checkpoint_id, checkpoint_ns?} or empty

  /// Error: invalid_argument or bad_request with what is wrong and where.
  static result<run_request> parse(const json::value& body, bool stateless,
                                   const shape_limits& bounds);
};

/// The run's object as the API shows it.
struct run_identity {
  std::string run_id, thread_id, assistant_id;
};

} // namespace behalf::endpoints
