// What chat models were asked, answered and cost: figures by user, day, model and agent.
#pragma once

#include "runtime/base/usage_figures.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace behalf {

/// What is added to what there is under the same keys.
struct usage_row {
  std::string tenant, owner; // principal_key::text() of the user
  std::string identity;      // the same user, for people
  int64_t day = 0;
  std::string model, agent; // of the configuration; a graph in C++ stands under its own name
  usage_figures used;
};

/// What rows are added up by.
enum class usage_by : uint8_t { row, day, model, agent, user };

struct usage_question {
  std::optional<std::string> tenant, owner; // none: all of them
  int64_t first = 0, last = 0;              // days, both included
  usage_by by = usage_by::row;
  int64_t most = 0; // rows of the answer
};

} // namespace behalf
