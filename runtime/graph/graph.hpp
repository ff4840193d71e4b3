// A built graph: immutable, shared by every run of it.
#pragma once

#include "behalf/graph.hpp"
#include "runtime/graph/node_cache.hpp"
#include "runtime/graph/state.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

class graph;

struct node_definition {
  std::string name;
  node_factory make;
  node_options options;
  std::shared_ptr<const std::vector<bool>> reads = nullptr; // by channel; null: all
  std::shared_ptr<const std::vector<bool>> shown = nullptr; // what clients see of those
  std::shared_ptr<const graph> subgraph = nullptr;          // the node is this graph

  /// The graph inside, which the node is or calls; null: none that is known.
  const graph* inner() const { return subgraph ? subgraph.get() : options.calls.get(); }
  /// That graph has checkpoints of its own.
  bool keeps_inner() const;
};

/// A graph inside another: "gp_two", or one deeper "gp_two|p_two".
struct inner_graph {
  std::string place;
  const graph* what;
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
  /// Of nodes alone: clients neither write it nor see it.
  bool hides(std::size_t channel) const { return private_[channel]; }
  bool hides(std::string_view channel) const;
  const std::vector<std::string>& hidden() const { return hidden_; }
  /// Only its own nodes and routers send its nodes an input.
  bool closed() const { return closed_; }
  bool shows(std::size_t channel) const { return (*output_)[channel]; }
  const std::shared_ptr<const std::vector<bool>>& shown() const { return output_; }

  /// Where runs stop that do not say so themselves.
  const std::vector<std::string>& stops_before() const { return stops_before_; }
  const std::vector<std::string>& stops_after() const { return stops_after_; }

  /// The graphs inside this one, in the order of their nodes, and with `recurse` those inside them.
  std::vector<inner_graph> subgraphs(bool recurse) const;
  /// The graph at a checkpoint namespace: "gp_two:<task id>|p_two:<task id>", or with names alone.
  /// This one for "", null for a place that has none.
  const graph* at(std::string_view ns) const;
  /// The namespace that the checkpoints of the graph at `ns` have: one that keeps its state for the
  /// thread has them at its name alone.
  std::string kept_at(std::string_view ns) const;
  persistence keeps() const { return keeps_; }
  /// What nodes with a cache_policy came to in this process.
  node_cache& cache() const { return *cache_; }

  /// {"nodes": […], "edges": […]} as GET /assistants/{id}/graph answers. `depth`: how many levels
  /// of graphs inside are drawn in the place of their nodes.
  json::object drawing(int64_t depth = 0) const;
  /// {input_schema, output_schema, state_schema, config_schema, context_schema}: JSON Schemas, {}
  /// or null for what is not declared.
  json::object schemas() const;
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
  std::vector<bool> input_, private_;
  bool closed_ = false;
  std::vector<std::string> hidden_; // the private ones by name
  std::vector<std::string> stops_before_, stops_after_;
  std::shared_ptr<const std::vector<bool>> output_;
  json::value config_schema_, context_schema_;
  persistence keeps_ = persistence::per_invocation;
  std::shared_ptr<node_cache> cache_;
};

/// "child:<task id>|deeper:<task id>" as "child|deeper".
std::string without_task_ids(std::string_view ns);

struct run_facts;

/// What a factory makes for a run. What it throws is an error too.
result<std::shared_ptr<const graph>> make_graph(const graph_factory& make,
                                                std::shared_ptr<const run_facts> run);

} // namespace behalf
