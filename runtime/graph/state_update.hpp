// A state changed by hand: supersteps whose writes a client says instead of nodes.
#pragma once

#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/run_outcome.hpp"
#include "runtime/graph/run_spec.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace behalf {

/// What one node is said to have written. `as_node` is a node or `flow::start`; "" is the node that
/// ran last. Alone in its superstep it may also be
///   "__input__": new input, which the next run takes;
///   "__end__" without values: nothing is left to run;
///   "__copy__": the checkpoint once more, behind itself, with values [[values, as_node], …] and
///   one superstep of these on top of it; once in a request.
/// Without values and node the checkpoint's tasks stay.
struct state_update {
  json::value values;
  std::string as_node;
  std::optional<run_command> command = {}; // its update and goto, instead of values
};

using superstep_update = std::vector<state_update>;

struct update_spec {
  std::shared_ptr<const run_facts> facts; // for routers: the graph and the thread
  json::object checkpoint_metadata;       // beside source, step and parents
  std::string newest_checkpoint;          // of the thread: the new ones get greater ids
  bool from_checkpoint = false; // an older one was named: what its tasks came to is left out
  std::size_t state_bytes = static_cast<std::size_t>(-1); // as of run_spec
};

struct updated_state {
  std::vector<checkpoint_doc> checkpoints; // one or two for each superstep, each after its parent
  run_outcome outcome;                     // of the last one
};

/// All supersteps, or an error: bad_request, in words for the client.
result<updated_state> update_state(const graph& flow, std::optional<loaded_checkpoint> from,
                                   std::span<const superstep_update> supersteps, update_spec spec);

} // namespace behalf
