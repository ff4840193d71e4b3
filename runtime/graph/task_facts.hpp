// What stands behind a node's context: the facts of its run and of this execution.
#pragma once

#include "behalf/json.hpp"
#include "behalf/time.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace behalf {

class context;
struct model_directory; // agents/models/model_options.hpp
class run_spending;     // agents/models/spending.hpp

/// What is the same for every task of a run. Made once, shared.
struct run_facts {
  std::string run_id, thread_id, graph_id, assistant_id;
  std::shared_ptr<const json::object> config =
    std::make_shared<json::object>(); // merged (run_config.hpp), with `configurable`
  std::shared_ptr<const json::value> run_context =
    std::make_shared<json::value>(); // the API's `context`; null when there is none
  json::object metadata;             // as events and checkpoints show it
  std::string owner;                 // who it acts for, as keys of what users never share
  std::vector<std::string> services; // names a node may use; empty: any (the driver decides)
  bool temporary = false;            // its thread goes with it
  std::shared_ptr<const model_directory> models = {}; // null: there are none
  std::shared_ptr<run_spending> spending = {};        // null: nobody counts what they cost

  const json::object& configurable() const { return object_or_empty(*config, "configurable"); }
};

/// Something a node writes to the run's stream while it runs.
struct stream_item {
  enum class kind : uint8_t {
    custom,
    message,
    usage, // for the driver: how a request to a model ended, and its tokens (chat_model.cpp)
    once, // for the driver: whatever the node asks for from now on waits until what led to its task
          // is stored, so that after a crash it is known that it may have been done
  };
  kind type = kind::custom;
  json::value data;
  std::shared_ptr<const json::object> metadata = {}; // of a message, beside the event's own
  // Set: `data` is a text, the content of a chunk that is otherwise as this one, whose is "".
  std::shared_ptr<const json::object> like = {};
};

/// A person's answer to a question of a node.
struct interrupt_answer {
  json::value value;
  std::string place = {}; // of the question; "" where the order tells which it was
  std::string id = {};    // of a question asked in a graph inside the node; else ""
};

/// What is of one task. Filled by whoever drives the node.
struct task_facts {
  std::shared_ptr<const run_facts> run;
  std::string task_id, node;
  int64_t step = 0, remaining_steps = 0;
  int attempt = 1;
  std::vector<interrupt_answer> answers; // to its interrupts so far, in order
  std::function<void(stream_item)> emit; // callable from the thread the node runs on
  deadline until = deadline::max();
  std::function<bool()> cancelled; // from any thread; true: the result will not be used
  std::size_t next_answer = 0;     // of those without a place
  bool cut_off = false;            // the server ended while the task was open, perhaps under way
};

/// The chat models its nodes may ask; null: there are none.
std::shared_ptr<const model_directory> models_of(const context& ctx);

/// What the run spends on them; null: nobody counts.
std::shared_ptr<run_spending> spending_of(const context& ctx);

/// To the run's stream, or its driver.
void emit(const context& ctx, stream_item item);

/// The run's thread goes with it: nobody reads later what is kept of the thread.
bool is_temporary(const context& ctx);

/// The server ended before the task did and began again: what it may have done outside is unknown.
bool may_have_run(const context& ctx);

} // namespace behalf
