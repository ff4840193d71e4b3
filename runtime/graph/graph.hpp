// A graph: channels, nodes and edges, checked when built, immutable and shared afterwards.
#pragma once

#include "behalf/context.hpp"

#include <chrono>
#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

namespace flow {

/// Where a run enters and where it ends.
inline constexpr std::string_view start = "__start__";
inline constexpr std::string_view end = "__end__";

} // namespace flow

/// When a failed node is tried again. The default is never.
struct retry_policy {
  int max_attempts = 1; // executions in total
  std::chrono::milliseconds initial{500}, max{128'000};
  double factor = 2.0;
  std::function<bool(const error&)> retry_on = {}; // default: upstream, overloaded, timeout

  bool again(const error& e, int attempt) const;
  std::chrono::milliseconds delay(int attempt) const; // before execution `attempt` + 1
};

struct node_options {
  retry_policy retry = {};
  std::chrono::milliseconds timeout{0}; // per execution; 0: the run's deadline only
  bool blocking = false; // may wait or compute for long: has its turns on threads for that
  std::vector<std::string> may_go_to = {}; // by command: for drawings and the reachability check
};

/// A plain function; one that takes long is declared `blocking`.
using node_fn = std::function<node_result(const state_view&, context&)>;
/// A coroutine. Takes its arguments by value, so that they live as long as it does.
using node_task_fn = std::function<task<node_result>(state_view, context)>;
/// Chooses where to go after a node has written.
using router_fn = std::function<flow::route(const state_view&, const context&)>;

struct node_definition {
  std::string name;
  node_factory make;
  node_options options;
};

/// After `from`, go where `choose` says.
struct graph_branch {
  std::string from;
  router_fn choose;
  std::vector<std::string> targets; // empty: anywhere
};

/// `to` runs when all of `from` have run since it last did.
struct graph_join {
  std::vector<std::string> from; // sorted
  std::string to;
  std::string key() const; // "join:a+b:c"
};

class graph {
public:
  const std::string& name() const { return name_; }
  const std::shared_ptr<const channel_table>& channels() const { return channels_; }

  /// Null when there is no such node.
  const node_definition* find(std::string_view node) const;
  const std::vector<std::unique_ptr<node_definition>>& nodes() const { return nodes_; }

  /// The plain edges out of a node (or `flow::start`), in the order they were declared.
  const std::vector<std::string>& successors(std::string_view node) const;
  const std::vector<graph_branch>& branches() const { return branches_; }
  const std::vector<graph_join>& joins() const { return joins_; }

  bool takes_input(std::size_t channel) const { return input_[channel]; }
  bool shows(std::size_t channel) const { return (*output_)[channel]; }
  const std::shared_ptr<const std::vector<bool>>& shown() const { return output_; }

  /// {"nodes": […], "edges": […]} as GET /assistants/{id}/graph answers.
  json::object drawing() const;
  /// {graph_id, input_schema, output_schema, state_schema, config_schema, context_schema}.
  json::object schemas(std::string_view graph_id) const;
  const json::value& context_schema() const { return context_schema_; } // null: none

private:
  friend class graph_builder;
  graph() = default;
  std::vector<std::pair<std::string, bool>> leads(std::string_view from) const;

  std::string name_;
  std::shared_ptr<const channel_table> channels_;
  std::vector<std::unique_ptr<node_definition>> nodes_;
  std::map<std::string, std::vector<std::string>, std::less<>> edges_;
  std::vector<graph_branch> branches_;
  std::vector<graph_join> joins_;
  std::vector<bool> input_;
  std::shared_ptr<const std::vector<bool>> output_;
  json::value config_schema_, context_schema_;
};

/// Collects a graph's parts, then checks them all at once.
///
///   graph_builder b{"inbox"};
///   b.channel("messages", flow::messages());
///   b.node("fetch", fetch);
///   b.edge(flow::start, "fetch");
///   auto inbox = b.build();
class graph_builder {
public:
  explicit graph_builder(std::string name);
  graph_builder(graph_builder&&) noexcept = default;

  graph_builder& channel(std::string name, behalf::channel how);
  /// Only these are taken from input, or shown as output. Default: all.
  graph_builder& input(std::vector<std::string> channels);
  graph_builder& output(std::vector<std::string> channels);

  /// A function, a coroutine or a factory of machines.
  template <class F>
  graph_builder& node(std::string name, F body, node_options options = {}) {
    if constexpr (std::is_invocable_r_v<task<node_result>, F&, state_view, context>)
      return add(std::move(name), from_task(std::move(body)), std::move(options));
    else if constexpr (std::is_invocable_r_v<node_result, F&, const state_view&, context&>)
      return add(std::move(name), from_function(std::move(body)), std::move(options));
    else {
      static_assert(std::is_invocable_r_v<std::unique_ptr<behalf::node>, F&>,
                    "a node is node_result(const state_view&, context&), "
                    "task<node_result>(state_view, context) or a factory of behalf::node");
      return add(std::move(name), node_factory{std::move(body)}, std::move(options));
    }
  }

  graph_builder& edge(std::string_view from, std::string_view to);
  /// A join: `to` waits for all of `from`.
  graph_builder& edge(std::vector<std::string> from, std::string_view to);
  graph_builder& edge(std::initializer_list<const char*> from, std::string_view to) {
    return edge(std::vector<std::string>(from.begin(), from.end()), to);
  }
  /// `targets` are the nodes `choose` may name (and what drawings show); empty: any node.
  graph_builder& conditional(std::string_view from, router_fn choose,
                             std::vector<std::string> targets = {});

  /// JSON Schemas of `configurable` and of the run's `context`.
  graph_builder& config_schema(json::object schema);
  graph_builder& context_schema(json::object schema);

  /// Error: invalid_argument with every fault in one message, a sentence each.
  result<std::shared_ptr<const graph>> build();

private:
  graph_builder& add(std::string name, node_factory make, node_options options);
  static node_factory from_function(node_fn body);
  static node_factory from_task(node_task_fn body);
  void check();
  void check_reachable();
  std::vector<bool> mark(const std::vector<std::string>& names, const char* what);

  std::shared_ptr<graph> made_;
  std::shared_ptr<channel_table> channels_;
  std::vector<std::string> input_, output_;
  std::vector<std::string> faults_;
};

} // namespace behalf
