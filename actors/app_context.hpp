// What requests and runs may reach: handles of the core actors, the graphs, and the options they
// share. Made once by system.cpp; only the graphs change while it is in use.
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

/// The development issuer, for request actors on several threads.
struct shared_issuer {
  std::mutex guard;
  dev_issuer issuer;
};

/// What threads do for a graph's runs.
struct graph_work {
  graph_work(const std::string& graph_id, const graph* flow);

  const threads::activity& of(std::string_view node) const;

  threads::activity between; // nodes: routers, reducers
  threads::activity others;  // nodes that a factory makes for some runs alone
  std::map<std::string, threads::activity, std::less<>> nodes;
};

/// A graph under the name it is served by, and what its assistant starts from.
struct served_graph {
  std::string graph_id, description;
  std::shared_ptr<const graph> flow;
  assistant_defaults defaults = {};
  /// A graph_factory, which makes each run its graph; `flow` is what it makes of the defaults.
  std::function<result<std::shared_ptr<const graph>>(const context&)> make = {};
};

/// With the assistant made for it at start (UUIDv5 of the graph's name).
struct catalog_entry : served_graph {
  explicit catalog_entry(served_graph what);

  /// Error: what the graph's factory says of the run's configuration.
  result<std::shared_ptr<const graph>> graph_for(std::shared_ptr<const run_facts> run) const;

  std::string assistant_id;
  json::value context; // of the defaults
  std::shared_ptr<const graph_work> work;
};

/// The graphs that new runs are made of. They can be exchanged at any time, for `behalf dev
/// --watch`: entries handed out before stay as they were until the end of the process.
class catalog {
public:
  void serve(std::vector<served_graph> graphs);

  const catalog_entry* by_graph(std::string_view graph_id) const;
  const catalog_entry* by_assistant(std::string_view assistant_id) const;
  const std::vector<catalog_entry>& entries() const {
    return *now_.load(std::memory_order_acquire);
  }

  /// "a, b": for messages about a graph nobody has.
  std::string names() const;

private:
  std::deque<std::vector<catalog_entry>> all_{1}; // the last ones are those of now
  std::atomic<const std::vector<catalog_entry>*> now_{&all_.back()};
};

/// Tenants whose system assistants are in the storage already. Tenants come with their users, so
/// theirs are made when one of them first asks. Forgetting one costs a look at what is there.
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

/// Runs something on a thread that may block, in its turn among whose it is.
using blocking_runner =
  std::function<void(const principal_key& whose, const threads::activity&, std::function<void()>)>;

struct app_context {
  system_options options;
  catalog graphs;
  std::shared_ptr<const service_registry> services;
  mutable metrics meters; // counting changes nothing anyone decides on
  mutable shared_page metrics_text{[this] { return meters.prometheus(); }};
  mutable shared_page metrics_json{[this] { return dump(meters.as_json()); }};
  endpoints::route_meters requests{meters};
  runs::run_meters runs{meters};
  mutable seeded_tenants seeded;
  std::shared_ptr<runs::event_logs> events;

  fair_budget exchanges, memory; // requests under way and their bodies, by tenant and user
  fair_budget answers;           // on their way to slow readers

  authenticator_actor authenticator;
  authorizer_actor authorizer; // for who acts for a principal already known
  scheduler_actor scheduler;
  run_directory_actor run_directory;
  database_writer_actor writer;
  std::vector<database_reader_actor> readers; // of single records and states
  read_queue_actor scans;
  secret_store_actor secrets; // null when no service takes a credential
  egress_actor egress;
  mcp_keeper_actor mcp;                  // null when no service is an MCP server
  std::shared_ptr<shared_issuer> issuer; // null outside `behalf dev`
  /// Runs a turn of a node on a thread that may block; null: on the node's own, for tests.
  blocking_runner run_blocking;

  const database_reader_actor& reader() const {
    return readers[turn_.fetch_add(1, std::memory_order_relaxed) % readers.size()];
  }

private:
  mutable std::atomic<std::size_t> turn_{0};
};

using app_ptr = std::shared_ptr<const app_context>;

} // namespace behalf
