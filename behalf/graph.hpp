// How a graph is written: channels, nodes and edges, checked when built. What a node may do stands
// in context.hpp, what it returns in node.hpp, how it awaits in coroutine.hpp.
#pragma once

#include "behalf/channel.hpp"
#include "behalf/context.hpp"
#include "behalf/messages.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace behalf {

class graph; // built, and opaque
class channel_table;

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

/// What a graph that is part of another keeps of its own state.
enum class persistence : uint8_t {
  per_invocation, // until the outer graph's node has ended: what stopped or crashed inside goes on
  per_thread,     // for as long as the thread lives: each call goes on from what the last one left
  none,           // nothing: what stopped or crashed inside begins anew
};

/// Answers a node's execution with what an earlier one came to, for the same user and input.
struct cache_policy {
  std::chrono::milliseconds ttl{0}; // how long; 0: not at all
  /// What the result depends on; default: all that the node sees of the state.
  std::function<std::string(const state_view&, const context&)> key = {};
};

struct node_options {
  retry_policy retry = {};
  std::chrono::milliseconds timeout{0}; // per execution; 0: the run's deadline only
  cache_policy cache = {};
  bool deferred = false; // runs when nothing else is left to run; not what is sent to it
  bool blocking = false; // may wait or compute for long: has its turns on threads for that
  std::vector<std::string> reads = {}; // the channels it sees; none: all of them
  /// What is wrong with an answer to a question of the node, of which `input` is what it sees. Such
  /// an answer is refused, and the question stays open. Default: it takes any.
  std::function<result<void>(const state_view& input, const json::value& answer)> check_answer = {};
  std::vector<std::string> may_go_to = {}; // by command: for drawings and the reachability check
  /// The graph it calls by `context::run`: so drawings and the state of threads show it.
  std::shared_ptr<const graph> calls = nullptr;
};

/// A plain function; one that takes long is declared `blocking`.
using node_fn = std::function<node_result(const state_view&, context&)>;
/// A coroutine. What it is given lives as long as it does.
using node_coroutine_fn = std::function<coroutine<node_result>(const state_view&, context&)>;
/// Chooses where to go after a node has written: a flow::route, or what one is made of, or an
/// error, which ends the run.
using router_fn = std::function<result<flow::route>(const state_view&, const context&)>;

/// Makes the graph of one configuration: its shape may depend on the context's `configurable`,
/// `run_context` and user. An error ends the run. Called once for each run, and once with what the
/// graph's assistant starts from, to show the graph and states (then `run_id` is empty). Called
/// from several threads at once; it must not block, and the same configuration is to give the same
/// graph: a run that is continued gets it made anew.
using graph_factory = std::function<result<std::shared_ptr<const graph>>(const context&)>;

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
  /// One for nodes alone: clients cannot write it and are not shown it.
  graph_builder& private_channel(std::string name, behalf::channel how);
  /// Clients cannot send a node an input of their own ({"node", "input"} of a `goto`): its inputs
  /// are what the graph's own nodes and routers made.
  graph_builder& closed();
  /// Only these are taken from input, or shown as output. Default: all.
  graph_builder& input(std::vector<std::string> channels);
  graph_builder& output(std::vector<std::string> channels);

  /// A graph: a subgraph. It is given the state, takes its own input channels of it, and what it
  /// ends with is the node's update.
  graph_builder& node(std::string name, std::shared_ptr<const graph> subgraph,
                      node_options options = {});
  /// A function, a coroutine or a factory of machines.
  template <class F>
  requires(!std::is_convertible_v<F, std::shared_ptr<const graph>>)
    graph_builder& node(std::string name, F body, node_options options = {}) {
    if constexpr (std::is_invocable_r_v<coroutine<node_result>, F&, const state_view&, context&>)
      return add(std::move(name), from_coroutine(std::move(body)), std::move(options));
    else if constexpr (std::is_invocable_r_v<node_result, F&, const state_view&, context&>)
      return add(std::move(name), from_function(std::move(body)), std::move(options));
    else {
      static_assert(std::is_invocable_r_v<std::unique_ptr<behalf::node>, F&>,
                    "a node is node_result(const state_view&, context&), "
                    "coroutine<node_result>(state_view, context) or a factory of behalf::node");
      return add(std::move(name), node_factory{std::move(body)}, std::move(options));
    }
  }

  graph_builder& edge(std::string_view from, std::string_view to);
  /// A join: `to` waits for all of `from`.
  graph_builder& edge(std::vector<std::string> from, std::string_view to);
  graph_builder& edge(std::initializer_list<std::string_view> from, std::string_view to) {
    return edge(std::vector<std::string>(from.begin(), from.end()), to);
  }
  /// `targets` are the nodes `choose` may name (and what drawings show); empty: any node.
  template <class F>
  graph_builder& conditional(std::string_view from, F choose,
                             std::vector<std::string> targets = {}) {
    if constexpr (!std::is_null_pointer_v<F>)
      static_assert(
        std::is_invocable_r_v<result<flow::route>, F&, const state_view&, const context&>,
        "a router is flow::route(const state_view&, const context&)");
    return branch(from, router_fn(std::move(choose)), std::move(targets));
  }
  template <class F> // {"tools", flow::end}
  graph_builder& conditional(std::string_view from, F choose,
                             std::initializer_list<std::string_view> targets) {
    return conditional(from, std::move(choose),
                       std::vector<std::string>(targets.begin(), targets.end()));
  }

  /// A run stops before or after these nodes, unless it says itself where to stop. "*": each node.
  graph_builder& interrupt_before(std::vector<std::string> nodes);
  graph_builder& interrupt_after(std::vector<std::string> nodes);

  /// Where this graph is part of another. Default: per_invocation.
  graph_builder& keeps(persistence how);

  /// JSON Schemas of `configurable` and of the run's `context`.
  graph_builder& config_schema(json::object schema);
  graph_builder& context_schema(json::object schema);

  /// Error: invalid_argument with every fault in one message, a sentence each.
  result<std::shared_ptr<const graph>> build();

private:
  graph_builder& add(std::string name, node_factory make, node_options options);
  graph_builder& branch(std::string_view from, router_fn choose, std::vector<std::string> targets);
  static node_factory from_function(node_fn body);
  static node_factory from_coroutine(node_coroutine_fn body);
  void check();
  void check_definitions();
  void check_reachable();
  std::vector<bool> mark(const std::vector<std::string>& names, const char* what);

  std::shared_ptr<graph> made_;
  std::shared_ptr<channel_table> channels_;
  std::vector<std::string> input_, output_;
  std::vector<std::string> faults_;
};

} // namespace behalf
