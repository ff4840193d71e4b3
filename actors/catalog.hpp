// The graphs that are served, and the assistants made of them.
#pragma once

#include "behalf/error.hpp"
#include "runtime/base/json.hpp"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

class context;
class graph;
struct run_facts;
namespace threads {
struct graph_work;
}

/// What an assistant gives its runs, which override it.
struct assistant_defaults {
  json::object config, context, metadata;
};

/// A graph, the name it is served by, and its assistant's defaults.
struct served_graph {
  std::string graph_id, description;
  std::shared_ptr<const graph> flow;
  assistant_defaults defaults = {};
  /// A graph_factory, which makes each run its graph; `flow` is what it makes of the defaults.
  std::function<result<std::shared_ptr<const graph>>(const context&)> make = {};
  /// Whether a `configurable` may say what it says; null: whatever it is.
  std::function<result<void>(const json::object& configurable)> check = {};
  std::string version = {}; // of what it was declared as; its runs say it

  /// Error: what `check` says, of a `config`.
  result<void> check_config(const json::object& config) const;
};

/// A served graph with its assistant (UUIDv5 of the graph's name).
struct catalog_entry : served_graph {
  explicit catalog_entry(served_graph what);

  /// Error: what the graph's factory says of the run's configuration.
  result<std::shared_ptr<const graph>> graph_for(std::shared_ptr<const run_facts> run) const;
  /// The same of an assistant's configuration alone: to show the graph.
  result<std::shared_ptr<const graph>> graph_for(const std::string& whose,
                                                 const assistant_defaults& settings) const;

  std::string assistant_id;
  json::value context; // of the defaults
  std::shared_ptr<const threads::graph_work> work;
};

/// The graphs of new runs. They can be exchanged at any time (`behalf dev --watch`); entries handed
/// out before stay as they are until the end of the process.
class catalog {
public:
  void serve(std::vector<served_graph> graphs);

  const catalog_entry* by_graph(std::string_view graph_id) const;
  const catalog_entry* by_assistant(std::string_view assistant_id) const;
  const std::vector<catalog_entry>& entries() const {
    return *now_.load(std::memory_order_acquire);
  }

  /// "a, b", for messages about an unknown graph.
  std::string names() const;

private:
  std::deque<std::vector<catalog_entry>> all_{1}; // the last vector is the current one
  std::atomic<const std::vector<catalog_entry>*> now_{&all_.back()};
};

} // namespace behalf
