// A node: a machine that computes, asks the outside, and ends with a result. It
// performs no I/O itself, so it can be tested without a system and cannot block one.
// Most authors never see it: they write functions or coroutines (graph.hpp, coroutine.hpp).
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/state.hpp"
#include "behalf/time.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace behalf {

class context;
class graph;

namespace flow {

/// What a node changes: {channel: value}. Channels the graph does not have are dropped.
///
///   flow::update{{"answer", 42}, {"messages", ai("done")}}
struct update : object_arg {
  using object_arg::object_arg;

  update& set(std::string_view channel, json_arg v) {
    values[channel] = std::move(v).take();
    return *this;
  }
};

/// One more execution of `node` in the next superstep, with `input` instead of the state.
struct send {
  std::string node;
  json::value input;
};

/// Where to go next: nodes by name and sends, in any mix; `end` leads nowhere.
class route {
public:
  using target = std::variant<std::string, send>;

  route() = default;
  route(const char* node) : targets_{std::string(node)} {}
  route(std::string_view node) : targets_{std::string(node)} {}
  route(std::string node) : targets_{std::move(node)} {}
  route(send one) : targets_{std::move(one)} {}
  route(std::initializer_list<const char*> nodes) : targets_(nodes.begin(), nodes.end()) {}
  route(const std::vector<std::string>& nodes) : targets_(nodes.begin(), nodes.end()) {}
  route(std::vector<send> all) {
    for (auto& one : all)
      targets_.emplace_back(std::move(one));
  }

  route& add(target one) {
    targets_.push_back(std::move(one));
    return *this;
  }
  const std::vector<target>& targets() const { return targets_; }
  std::vector<target>& targets() { return targets_; }

private:
  std::vector<target> targets_;
};

/// Changes the state and says where to go, beside the node's own edges.
struct command {
  json::object values;
  route go_to;
  bool to_parent = false;

  command() = default;
  explicit command(route next) : go_to(std::move(next)) {}
  command(update what, route next) : values(std::move(what.values)), go_to(std::move(next)) {}

  /// For the graph around this one: this one ends here, and the node that it is (or is called by)
  /// ends with the command. In a graph that is part of no other it is an error.
  ///
  ///   return flow::command{flow::update{{"answer", 42}}, "review"}.in_parent();
  command in_parent() && {
    to_parent = true;
    return std::move(*this);
  }
};

/// Stops the run until a person answers. On resume the node runs again from its top and finds the
/// answer by `context::answer`.
struct interrupt {
  json::value value;
  std::string place = {}; // of the coroutine that asks, in a `when_all`: its answer is told by it
  std::vector<interrupt> beside = {}; // what others of a `when_all` ask at the same time

  explicit interrupt(json_arg v) : value(std::move(v).take()) {}
};

} // namespace flow

/// How one execution of a node ended. Nothing: it changed nothing.
class node_result {
public:
  using variant = std::variant<std::monostate, flow::update, flow::command, flow::interrupt, error>;

  node_result() = default;
  node_result(flow::update u) : value(std::move(u)) {}
  node_result(flow::command c) : value(std::move(c)) {}
  node_result(flow::interrupt i) : value(std::move(i)) {}
  node_result(error e) : value(std::move(e)) {}

  const error* failure() const { return std::get_if<error>(&value); }

  variant value;
};

/// A store item as nodes see it.
struct stored_item {
  std::vector<std::string> ns;
  std::string key;
  json::object value;
  time_point created_at{}, updated_at{};
  std::optional<double> score = {}; // of a search by a query: the cosine, 1 at most
};

/// A namespace of the store: "a", {"a", "b"} or a vector of labels.
class labels {
public:
  labels() = default; // the root
  labels(std::vector<std::string> all) : all_(std::move(all)) {}
  template <class... Label>
  requires(sizeof...(Label) > 0 && (std::convertible_to<const Label&, std::string_view> && ...))
    labels(const Label&... each) {
    (all_.emplace_back(std::string_view(each)), ...);
  }

  std::vector<std::string> take() && { return std::move(all_); }

private:
  std::vector<std::string> all_;
};

struct store_get {
  std::vector<std::string> ns;
  std::string key;
};
struct store_put {
  std::vector<std::string> ns;
  std::string key;
  json::object value;
  std::optional<double> ttl_minutes = {}; // 0: for ever; none: as the server's configuration says
  json::value index = nullptr;            // false, or the paths to find it by; null: as configured
};
struct store_delete {
  std::vector<std::string> ns;
  std::string key;
};
struct store_search {
  std::vector<std::string> prefix;
  json::object filter; // containment over the value
  int64_t limit = 10, offset = 0;
  std::string query = {}; // the nearest by meaning first; empty: all, the newest first
};
struct store_list {
  std::vector<std::string> prefix, suffix = {}; // "*": any label
  int64_t max_depth = 0;                        // longer ones are cut to so many labels; 0: none
  int64_t limit = 100, offset = 0;
};
using store_operation = std::variant<store_get, store_put, store_delete, store_search, store_list>;

/// get: none or one item; search: the page; put and delete: nothing; list: namespaces.
struct store_reply {
  std::vector<stored_item> items;
  std::vector<std::vector<std::string>> namespaces = {};
};

/// Pulls the next part of a streamed body; the driver closes what a node leaves open.
struct read_chunk {
  uint64_t stream_id;
};
struct close_stream {
  uint64_t stream_id;
};

/// Nothing but time: the reply comes when it is over.
struct sleep_for {
  std::chrono::milliseconds time;
};

/// Runs a graph inside this run; null: the one the node declares in `calls`.
struct run_subgraph {
  std::shared_ptr<const graph> what;
  json::object input;
  std::string place = {}; // which of its node's calls it is, the same each time the node runs
};

/// Takes back the ask of the same id: nobody wants its reply any more, nor one to this.
struct withdraw {};

/// The output channels of a graph that was run.
struct subgraph_reply {
  json::object values;
};

/// What a machine asks of the outside. `outbound_call` only comes from authenticate handlers.
using effect = std::variant<service_call, store_operation, read_chunk, close_stream, sleep_for,
                            run_subgraph, outbound_call, withdraw, model_call>;

/// The answer to an effect: service_call and model_call → service_reply, store_operation →
/// store_reply, read_chunk → outbound_chunk, close_stream and sleep_for → monostate, run_subgraph →
/// subgraph_reply, outbound_call → outbound_reply.
using effect_reply = result<std::variant<std::monostate, service_reply, store_reply, outbound_chunk,
                                         outbound_reply, subgraph_reply>>;

/// An effect on its way out. `id` tells its reply from those of others that wait.
struct asked_effect {
  uint64_t id = 0;
  effect what;
};

/// What a node did with its turn: it asked for these and waits (for none: for what it asked
/// before), or it ended.
using turn = std::variant<std::vector<asked_effect>, node_result>;

/// What a node starts from.
struct step_input {
  const state_view& state;
  context& ctx;

  step_input(const state_view& s, context& c) : state(s), ctx(c) {}
  step_input(const state_view&&, context&) = delete;
};

/// One execution of a node. Driven from one thread at a time: `start` once, then `resume` with the
/// answer to every ask it has not taken back, in any order, until the turn is a node_result. May be
/// destroyed at any point.
class node {
public:
  virtual ~node() = default;
  virtual turn start(const step_input& in) = 0;
  virtual turn resume(uint64_t ask_id, effect_reply reply) = 0;
};

/// Makes the machine for one execution. Called from several threads at once.
using node_factory = std::function<std::unique_ptr<node>()>;

/// An exception that left a node, as the error the run ends with: standard exceptions keep their
/// text under the class name SDKs know (ValueError, RuntimeError, …); others keep their class name
/// only. Call in a catch block.
error current_exception_error();

/// The class name under which SDKs see an error: its kind, else one by code ("ValueError", …).
std::string error_class(const error& e);

} // namespace behalf
