// The events of a run as clients see them: their names, payloads and order. Only what the run's
// stream modes ask for is made, and each text only once.
#pragma once

#include "runtime/base/borrowed.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/graph/chain_events.hpp"
#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/run_loop.hpp"

#include <string>
#include <vector>

namespace behalf {

/// A task as its events name it.
struct event_task {
  borrowed<planned_task> plan;
  int64_t step;
};

class event_maker {
public:
  event_maker(const run_spec& spec, const graph& flow)
    : spec_(spec), flow_(flow), chain_(spec, flow) {}
  event_maker(const run_spec&&, const graph&) = delete;
  event_maker(const run_spec&, const graph&&) = delete;
  event_maker(const run_spec&&, const graph&&) = delete;

  void graph_started(std::vector<loop_event>& out, const json::object& metadata) {
    chain_.graph_started(out, metadata);
  }
  void graph_ended(std::vector<loop_event>& out, const graph_state& state) const {
    chain_.graph_ended(out, state);
  }
  void values(std::vector<loop_event>& out, const graph_state& state,
              const std::vector<pending_interrupt>& stops = {}) const;
  void static_stop(std::vector<loop_event>& out) const;
  /// `what` reads of `all`, unless the task was sent something.
  void task_started(std::vector<loop_event>& out, const event_task& t, const node_definition& what,
                    const state_view& all) const;
  /// The task is not known to be done: its node is called.
  void node_called(std::vector<loop_event>& out, const event_task& t, const node_definition& what,
                   const state_view& all) const;
  /// messages, updates and the task's result, in this order.
  void task_done(std::vector<loop_event>& out, const event_task& t, const channel_writes& writes,
                 const graph_state& before, bool cached);
  /// updates, values and the task's result.
  void task_stopped(std::vector<loop_event>& out, const event_task& t, const graph_state& state,
                    const std::vector<pending_interrupt>& stops) const;
  void checkpoint(std::vector<loop_event>& out, const checkpoint_doc& at,
                  const graph_state& state) const;
  void chunk(std::vector<loop_event>& out, const event_task& t, const stream_item& part);
  void custom(std::vector<loop_event>& out, const json::value& data) const;
  void task_failed(std::vector<loop_event>& out, const event_task& t, const std::string& kind,
                   const std::string& text) const;
  void failed(std::vector<loop_event>& out, const std::string& kind, const std::string& text) const;

private:
  void returned_messages(std::vector<loop_event>& out, const event_task& t,
                         const json::value& returned, const json::value* known);
  void message(std::vector<loop_event>& out, const event_task& t, const json::value& m);
  void plain_chunk(std::vector<loop_event>& out, const event_task& t, const stream_item& part);
  void taken_back(std::vector<loop_event>& out, const event_task& t, const stream_item& part);
  void tell_chain(std::vector<loop_event>& out, const event_task& t, const channel_writes& writes,
                  const graph_state& before);
  std::string task_input(const event_task& t, const node_definition& what,
                         const state_view& all) const;
  std::string message_metadata(const event_task& t, const json::object* of_message = nullptr) const;
  const std::string& chunk_metadata(const event_task& t,
                                    const std::shared_ptr<const json::object>& of_message);
  std::string shown_writes(const channel_writes& writes) const;
  void task_result(std::vector<loop_event>& out, const event_task& t, const std::string& writes,
                   const std::vector<pending_interrupt>& stops,
                   const std::string& failure = "null") const;
  void task_event(std::vector<loop_event>& out, const event_task& t, const char* type,
                  const std::string& payload) const;
  void debug(std::vector<loop_event>& out, int64_t step, const char* type,
             const std::string& payload) const;
  json_writer checkpoint_payload(const checkpoint_doc& at, const graph_state& state,
                                 bool for_debug) const;
  void push(std::vector<loop_event>& out, const char* mode, std::string data) const;
  json::object place_of(const std::string& checkpoint_id) const;
  std::string config_at(const std::string& checkpoint_id) const;
  std::string inner_ns(const planned_task& t) const;

  const run_spec& spec_;
  const graph& flow_;
  chain_events chain_;

  // Of the last chunk: one message is made of many.
  struct {
    std::string task_id, text;
    std::shared_ptr<const json::object> of_message;
    std::shared_ptr<const json::object> like = {}; // of a plain one
    std::string ending = {};                       // the event's text behind its content
  } chunk_;
};

} // namespace behalf
