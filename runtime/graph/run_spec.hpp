// What a run is asked to do, as its engine needs it.
#pragma once

#include "behalf/error.hpp"
#include "behalf/state.hpp"
#include "behalf/time.hpp"
#include "runtime/graph/task_facts.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

class graph;

/// Which events a run makes; none when nobody reads its stream.
struct stream_modes {
  bool values = false, updates = false, messages = false, messages_tuple = false, custom = false,
       tasks = false, checkpoints = false, debug = false, events = false;

  /// From `kwargs.stream_mode`: a name or a list of names; unknown names are ignored.
  static stream_modes parse(const json::value& names);
};

/// interrupt_before / interrupt_after: "*", names, or null.
struct breakpoint_set {
  bool all = false;
  std::vector<std::string> nodes;

  static breakpoint_set parse(const json::value& v);
  bool stops(std::string_view node) const;
};

/// `command` of a run; a null member is one not given.
struct run_command {
  std::optional<json::value> resume, update, go_to;

  /// From a validated object; what is null is not given.
  static run_command parse(const json::object& o);
  bool empty() const { return !resume && !update && !go_to; }
  /// What it writes: of {channel: value}, or a list of [channel, value], an object; `otherwise`
  /// when nothing is given. Error: InvalidUpdateError (kind).
  result<json::value> update_object(json::value otherwise = nullptr) const;
};

enum class durability_mode : uint8_t {
  async, // every checkpoint is written, the run does not wait for it
  sync,  // the driver waits for each before it goes on
  exit,  // only one, when the run ends
};

/// Where a graph stands that runs inside another one's task.
struct inner_place {
  std::string ns;      // of its checkpoints, and of its events
  std::string task_id; // of the task it is, or that calls it
  json::object parents;
  bool forks = false;   // goes on from a copy of a checkpoint the run names
  bool goes_on = false; // with what its checkpoint leaves to do; else it is given input
  std::vector<interrupt_answer> answers; // to questions in it, by their ids
};

struct run_spec {
  std::shared_ptr<const run_facts> facts;
  value_ptr input;                    // null, or the JSON null: none
  std::optional<run_command> command; // present: input is ignored
  breakpoint_set before, after;
  int64_t recursion_limit = 10'000;
  std::size_t state_bytes = static_cast<std::size_t>(-1); // of the state as JSON, about
  stream_modes modes;
  bool stream_subgraphs = false; // the events of graphs inside this one, too
  inner_place place;             // of the run's own graph: empty
  bool checkpointing = true;     // false: temporary, nothing is kept
  durability_mode lasting = durability_mode::async;
  bool from_checkpoint = false;  // an older one was named: without input it is forked
  bool after_crash = false;      // go on with what this run left behind
  bool anew = false;             // after a crash, too: it left nothing, and may have done all of it
  bool strict_resume = false;    // an answer to what does not wait is an error
  time_point created_at{};       // of the run; what was asked later it does not answer unnamed
  std::string newest_checkpoint; // of the thread: those of the run get greater ids
  /// Messages that were streamed, by id, with their text so far: shared by the graphs of a run, so
  /// that what a graph inside streamed does not appear again as its node's result.
  std::shared_ptr<std::map<std::string, std::string, std::less<>>> streamed =
    std::make_shared<std::map<std::string, std::string, std::less<>>>();
  json::object checkpoint_map;      // of graphs inside, where the run forks: {ns: the checkpoint}
  json::object checkpoint_metadata; // beside source, step and parents; default: run metadata and
                                    // the scalars of configurable

  /// The graph runs inside another one.
  bool is_inner() const { return !place.ns.empty(); }

  /// From `kwargs` as GET run shows them (merged config included) and the run's facts. The input
  /// is not copied: it keeps `kwargs` alive.
  static run_spec from_kwargs(std::shared_ptr<const json::object> kwargs,
                              std::shared_ptr<const run_facts> facts);
};

/// What a client gives a run names no channel that is for the graph's nodes alone. Each may be
/// null: none. Error: invalid_argument, naming the channel.
result<void> check_given(const graph& flow, const json::value* input, const json::value* update,
                         const json::value* go_to);

/// What AG-UI's clients answer a question with that a person turned down: {cancelled_answer: true}.
inline constexpr std::string_view cancelled_answer = "__agui_cancelled__";

/// AG-UI's clients answer several questions by {"__agui_resume_map__": {interrupt id: {"status",
/// "payload"}}}: the same as {interrupt id: answer}; other answers as they are. Error:
/// invalid_argument when there is no such map behind the name.
result<json::value> plain_answers(json::value resume);

/// {interrupt id: answer, …}; null when `resume` is one answer, whatever its type.
const json::object* answers_by_id(const json::value& resume);

} // namespace behalf
