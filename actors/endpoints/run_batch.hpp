// Several runs that one request creates: all of them or none.
#pragma once

#include "actors/runs/messages.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

namespace behalf::endpoints {

struct run_batch {
  struct entry {
    json::object value; // what handlers see, until they have decided
    std::shared_ptr<start_run> order;
    run_plan_ptr made; // null until it is created
  };
  std::vector<entry> runs;
  std::size_t granted = 0; // the first so many
  std::size_t open = 0;    // questions not answered yet
  std::optional<error> failed;
};

} // namespace behalf::endpoints
