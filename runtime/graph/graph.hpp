// A built graph: immutable, shared by every run of it.
#pragma once

#include "behalf/graph.hpp"
#include "runtime/graph/state.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

struct node_definition {
  std::string name;
  node_factory make;
  node_options options;
  std::shared_ptr<const std::vector<bool>> reads = nullptr; // by channel; null: all
  std::shared_ptr<const std::vector<bool>> shown = nullptr; // what clients see of those
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
  bool shows(std::size_t channel) const { return (*output_)[channel]; }
  const std::shared_ptr<const std::vector<bool>>& shown() const { return output_; }

  /// Where runs stop that do not say so themselves.
  const std::vector<std::string>& stops_before() const { return stops_before_; }
  const std::vector<std::string>& stops_after() const { return stops_after_; }

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
  std::vector<bool> input_, private_;
  std::vector<std::string> hidden_; // the private ones by name
  std::vector<std::string> stops_before_, stops_after_;
  std::shared_ptr<const std::vector<bool>> output_;
  json::value config_schema_, context_schema_;
};

struct run_facts;

/// What a factory makes for a run. What it throws is an error too.
result<std::shared_ptr<const graph>> make_graph(const graph_factory& make,
                                                std::shared_ptr<const run_facts> run);

} // namespace behalf
