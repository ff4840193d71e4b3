// A thread's state as clients change it: what a body says, and the change.
#pragma once

#include "actors/endpoints/body.hpp"
#include "actors/endpoints/request.hpp"
#include "actors/runs/state_changes.hpp"
#include "runtime/graph/state_update.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace behalf::endpoints {

/// `supersteps`: [{"updates": [{"values", "command", "as_node"}]}]. None when it is absent.
std::vector<superstep_update> read_supersteps(body_reader& in, const shape_limits& bounds);

struct asked_change {
  runs::state_change what;
  filter auth_filter = {};                   // of the threads whose state the caller may change
  std::vector<write_batch::put> beside = {}; // in the same commit
  bool again = true;                         // when others changed the state meanwhile
  /// Told the new checkpoint, and those that the graph's outer ones have.
  std::function<void(const asked_change&, const std::string& id, json::object parents)> then;
  std::function<void(const error&)> failed;
  int tries = 0;
};

/// Changes the state of the request's thread. Errors: not_found when there is none that may be
/// changed, a conflict while a run is under way, those of runs::change_state.
void change_thread(request_pointer self, const std::shared_ptr<asked_change>& asked);

} // namespace behalf::endpoints
