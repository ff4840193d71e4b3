// States of graphs inside, shown in the state of the graph around them.
#pragma once

#include "actors/endpoints/request.hpp"
#include "behalf/json.hpp"

#include <memory>

namespace behalf {
class graph;
}

namespace behalf::endpoints {

/// Answers `state`, a ThreadState of `flow` (which may be null), with the states of the graphs
/// inside in its tasks, and of those inside them: in the place of their checkpoints. Of very many
/// the first ones; the others are read by their checkpoints.
void answer_with_inner(request_pointer self, json::object state,
                       const std::shared_ptr<const graph>& flow);

} // namespace behalf::endpoints
