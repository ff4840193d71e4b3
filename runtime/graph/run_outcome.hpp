// How a run ended, and the forms in which the API shows it.
#pragma once

#include "behalf/time.hpp"
#include "runtime/graph/state.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct task_interrupt {
  std::string task_id, id;
  json::value value;
  std::string place = {};   // as of flow::interrupt
  time_point asked_at = {}; // as of pending_interrupt
};

/// How a run ended. Shared by the engine, which knows how its graph ended, and by those who execute
/// runs, which end some of them on their own: by a time limit, or before the engine was asked.
struct run_outcome {
  enum class state : uint8_t { success, error, timeout, interrupted };

  state is = state::success;        // stopped at an interrupt: success; interrupted: cancelled
  std::optional<state_view> values; // the output channels; none: those of the thread stay
  std::vector<task_interrupt> interrupts;
  std::vector<std::string> next; // nodes left to run
  json::value error = nullptr;   // {"error": class, "message": text}
  std::string checkpoint_id;     // the last one kept; "" when none
  bool refused = false;          // failed, and nothing has changed: the thread shows what it did

  static run_outcome failed(std::string error_class, std::string text);
  static run_outcome failed(const behalf::error& why);

  bool is_failure() const { return is == state::error || is == state::timeout; }
  /// The run's status: success, error, timeout or interrupted.
  std::string_view status() const;
  /// What the thread shows as its status: idle, interrupted or error.
  std::string_view thread_status() const;
  /// {task_id: [{"id", "value"}]} as thread.interrupts.
  json::object interrupts_by_task() const;
  /// [{"value", "id", "response_schema"}] as `wait` and `join` show them.
  json::array shown_interrupts() const;
  /// What `wait` and `join` answer. Failed: {"__error__": error}. Else as in with_interrupts.
  json::value wait_body() const;
};

/// One interrupt shows beside the values, several show alone.
json::object with_interrupts(json::object values, json::array shown);

} // namespace behalf
