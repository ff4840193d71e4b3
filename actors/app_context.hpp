// What requests and runs share: handles of the core actors, the graphs, and the options. Made once
// by system.cpp; only the graphs change while it is in use.
#pragma once

#include "actors/endpoints/route_meters.hpp"
#include "actors/interfaces.hpp"
#include "actors/options.hpp"
#include "actors/runs/run_meters.hpp"
#include "actors/threads/activity.hpp"
#include "behalf/time.hpp"
#include "runtime/auth/dev_issuer.hpp"
#include "runtime/base/fair_budget.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/base/shared_page.hpp"

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace behalf {

class context;
class graph;
struct run_facts;
namespace runs {
class event_logs;
}
class service_registry;

/// The development issuer with its lock, as request actors run on several threads.
struct shared_issuer {
  std::mutex guard;
  dev_issuer issuer;
};

/// The activities of threads for a graph's runs.
struct graph_work {
  graph_work(const std::string& graph_id, const graph* flow);

  const threads::activity& of(std::string_view node) const;

  threads::activity between; // nodes: routers, reducers
  threads::activity others;  // nodes that a factory makes for some runs alone
  std::map<std::string, threads::activity, std::less<>> nodes;
};

/// A graph, the name it is served by, and its assistant's defaults.
struct served_graph {
  std::string graph_id, description;
  std::shared_ptr<const graph> flow;
  assistant_defaults defaults = {};
  /// A graph_factory, which makes each run its graph; `flow` is what it makes of the defaults.
  std::function<result<std::shared_ptr<const graph>>(const context&)> make = {};
};

/// A served graph with its assistant (UUIDv5 of the graph's name).
struct catalog_entry : served_graph {
  explicit catalog_entry(served_graph what);

  /// Error: what the graph's factory says of the run's configuration.
  result<std::shared_ptr<const graph>> graph_for(std::shared_ptr<const run_facts> run) const;

  std::string assistant_id;
  json::value context; // of the defaults
  std::shared_ptr<const graph_work> work;
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

/// Tenants whose system assistants are stored. Tenants are not known at the start, so their
/// assistants are made at their first request; a tenant that is forgotten costs a read.
class seeded_tenants {
public:
  bool has(const std::string& tenant) const {
    std::lock_guard lock{guard_};
    return tenants_.contains(tenant);
  }
  void add(const std::string& tenant) {
    std::lock_guard lock{guard_};
    if (tenants_.size() >= most)
      tenants_.clear();
    tenants_.insert(tenant);
  }
  void forget() {
    std::lock_guard lock{guard_};
    tenants_.clear();
  }

private:
  static constexpr std::size_t most = 10'000;

  mutable std::mutex guard_;
  std::set<std::string> tenants_;
};

/// Runs work on a blocking thread, in the turn of its user.
using blocking_runner =
  std::function<void(const principal_key& whose, const threads::activity&, std::function<void()>)>;

struct app_context {
  system_options options;
  catalog graphs;
  std::shared_ptr<const service_registry> services;
  mutable metrics meters; // mutable: counting is no change of state
  mutable shared_page metrics_text{[this] { return meters.prometheus(); }};
  mutable shared_page metrics_json{[this] { return dump(meters.as_json()); }};
  endpoints::route_meters requests{meters};
  runs::run_meters runs{meters};
  mutable seeded_tenants seeded;
  std::shared_ptr<runs::event_logs> events;

  fair_budget exchanges, memory; // requests under way, and their bodies
  fair_budget answers;           // answers that clients have not read

  authenticator_actor authenticator;
  authorizer_actor authorizer; // for callers that are authenticated
  scheduler_actor scheduler;
  run_directory_actor run_directory;
  database_writer_actor writer;
  std::vector<database_reader_actor> readers; // for single records
  read_queue_actor scans;
  secret_store_actor secrets; // null: no service takes a credential
  egress_actor egress;
  mcp_keeper_actor mcp;                  // null: no service is an MCP server
  std::shared_ptr<shared_issuer> issuer; // null outside `behalf dev`
  /// Runs a turn of a node on a blocking thread; null: on the actor's own, for tests.
  blocking_runner run_blocking;

  const database_reader_actor& reader() const {
    return readers[turn_.fetch_add(1, std::memory_order_relaxed) % readers.size()];
  }

private:
  mutable std::atomic<std::size_t> turn_{0};
};

using app_ptr = std::shared_ptr<const app_context>;

} // namespace behalf
