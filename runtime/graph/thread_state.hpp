// A checkpoint as the API shows it: ThreadState.
#pragma once

#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/list_texts.hpp"

#include <string_view>

namespace behalf {

class graph;

/// The answer for a thread without checkpoints; `checkpoint_id` names one that does not exist.
json::object empty_thread_state(std::string_view thread_id = {},
                                std::string_view checkpoint_id = {}, const std::string& ns = {});

/// `flow`, of a graph inside another that one, decides which channels show and their defaults;
/// null: all that are stored. `latest`: the thread's head; what tasks of its unfinished superstep
/// wrote shows already. `results` holds what the checkpoint's tasks wrote, by task id, when that is
/// known.
json::object thread_state(const loaded_checkpoint& at, const graph* flow,
                          std::string_view thread_id, bool latest,
                          const json::object& results = {});

/// The same of a past checkpoint, as text. `lists`: of the states shown before, which came after
/// it.
std::string thread_state_text(const loaded_checkpoint& at, const graph* flow,
                              std::string_view thread_id, const json::object& results,
                              list_texts& lists);

/// The values alone, as `thread.values`.
json::object thread_values(const loaded_checkpoint& at, const graph* flow);

} // namespace behalf
