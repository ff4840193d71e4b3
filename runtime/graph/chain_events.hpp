// The events of stream mode `events`, as LangChain's astream_events words them (version v2): what
// began, said something and ended, each under who began it. Graphs inside tell theirs too, whether
// subgraphs are streamed or not.
#pragma once

#include "runtime/graph/run_loop.hpp"
#include "runtime/graph/run_spec.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct event_task;

class chain_events {
public:
  chain_events(const run_spec& spec, const graph& flow) : spec_(spec), flow_(flow) {}
  chain_events(const run_spec&&, const graph&) = delete;
  chain_events(const run_spec&, const graph&&) = delete;
  chain_events(const run_spec&&, const graph&&) = delete;

  /// The others do nothing where this is false.
  bool wanted() const { return spec_.modes.events; }

  /// `metadata` of its checkpoints, which tells of a graph inside what it is inside of.
  void graph_started(std::vector<loop_event>& out, const json::object& metadata);
  void graph_ended(std::vector<loop_event>& out, const graph_state& state) const;
  /// `input` and `writes`: JSON.
  void task_started(std::vector<loop_event>& out, const event_task& t,
                    const std::string& input) const;
  void task_done(std::vector<loop_event>& out, const event_task& t, const std::string& input,
                 const std::string& writes) const;
  /// A part of a message, which a model began with its first; its end is the whole message.
  void chunk(std::vector<loop_event>& out, const event_task& t, const json::object& part);
  void message_returned(std::vector<loop_event>& out, const event_task& t,
                        const json::object& message);

private:
  struct source;
  void push(std::vector<loop_event>& out, std::string_view event, const source& of,
            std::string_view data) const;
  source graph_source() const;
  source task_source(const event_task& t) const;
  source model_source(const event_task& t, std::string_view message_id) const;
  std::string given() const;

  const run_spec& spec_;
  const graph& flow_;
  json::object around_;                         // of the node that the graph is inside
  std::set<std::string, std::less<>> speaking_; // messages of which the end was not told
};

} // namespace behalf
