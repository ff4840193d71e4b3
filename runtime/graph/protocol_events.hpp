// The events of a thread as the streaming protocol's second version words them. They are made of
// the events of its runs, one run after another; nothing else is kept.
#pragma once

#include "behalf/time.hpp"
#include "runtime/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Which events a subscriber wants.
struct protocol_filter {
  std::set<std::string, std::less<>> channels;
  std::vector<std::vector<std::string>> namespaces; // prefixes; none: everywhere
  std::optional<std::size_t> depth;                 // levels below a prefix; none: all

  /// `address` as `protocol_event` has it.
  bool wants(std::string_view address) const;
};

/// The names of all channels, but for `custom:<name>`.
const std::set<std::string, std::less<>>& protocol_channels();

struct protocol_event {
  /// The channel, a line break, and the namespace's segments with `|` between them.
  std::string address;
  std::string text; // the frame: one line of JSON
};

/// The method of an event by its address: what SSE has as its name.
std::string_view protocol_method(std::string_view address);

/// Translates the events of one run. They are numbered on from `seq`, which is the thread's.
class protocol_events {
public:
  protocol_events(std::string run_id, std::string graph_name, int64_t seq)
    : run_id_(std::move(run_id)), graph_name_(std::move(graph_name)), seq_(seq) {}

  /// One event of the run's stream. Its name may end in `|` and a namespace. Values are held back
  /// until the next one: clients are told a checkpoint before the values that it keeps.
  std::vector<protocol_event> next(std::string_view name, const std::string& data, time_point at);

  /// The run is over. An interrupt is announced here and not before, as it can be answered only
  /// when the run's end is stored. `result`: what waiting for the run answers.
  std::vector<protocol_event> end(std::string_view status, const json::value& result,
                                  time_point at);

  /// What is held back, as there is no next event yet.
  std::vector<protocol_event> rest(time_point at);

  /// The number of the last event.
  int64_t seq() const { return seq_; }

private:
  struct block {
    std::string type, text, id, name; // `text`: of tool calls, their arguments so far
  };
  struct held_values {
    std::string ns, data;
  };
  struct message {
    std::string ns, node, id;
    std::vector<block> blocks; // the last one is open
    json::value usage;
  };

  void put(std::string_view channel, std::string_view ns, std::string_view data,
           std::string_view node = {}, std::string id = {});
  void lifecycle(std::string_view ns, std::string_view event, std::string_view failure = {});
  void discover(std::string_view ns);
  void settle(std::string_view ns, std::string_view event, std::string_view failure = {});
  void values(std::string_view ns, const std::string& data);
  void release_values();
  void updates(std::string_view ns, const std::string& data);
  void tasks(std::string_view ns, const std::string& data);
  void custom(std::string_view ns, const std::string& data);
  void checkpoint(std::string_view ns, const std::string& data);
  void messages(std::string_view ns, const std::string& data);
  void chunk(std::string_view ns, const json::object& part, const json::object& about);
  void tools(std::string_view ns, const json::object& whole, std::string_view node);
  void tool_started(std::string_view ns, std::string_view id, std::string_view name,
                    const json::value& input, std::string_view node);
  void note_interrupts(std::string_view ns, const json::value& list);
  void say(const message& m, std::string_view event, json::object data);
  void add_text(message& m, std::string_view type, std::string_view text);
  void add_call(message& m, const json::object& part);
  void open_block(message& m, std::string_view type, json::object content);
  void close_block(message& m);
  void finish(message& m);
  void finish_all(std::string_view ns, std::string_view node);

  const std::string run_id_, graph_name_;
  int64_t seq_;
  std::vector<protocol_event> out_;
  time_point at_{};
  std::optional<held_values> held_;

  std::map<std::string, message, std::less<>> open_;         // by message id
  std::set<std::string, std::less<>> tool_calls_;            // those that were started
  std::map<std::string, std::string, std::less<>> children_; // subgraphs that run, by task id
  std::map<std::string, std::pair<std::string, json::value>> interrupts_; // id → where, what
  std::vector<std::string> interrupt_order_;
  bool paused_ = false; // it stopped at an interrupt or a breakpoint
  std::string failure_;
};

} // namespace behalf
