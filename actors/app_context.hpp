// What requests and runs share: handles of the core actors, the graphs, and the options. Made once
// by system.cpp; only the graphs and the issuers change while it is in use.
#pragma once

#include "actors/catalog.hpp"
#include "actors/interfaces.hpp"
#include "actors/metrics_page.hpp"
#include "behalf/principal.hpp"
#include "runtime/base/exchangeable.hpp"
#include "runtime/base/fair_budget.hpp"
#include "runtime/base/fair_turns.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/metrics.hpp"
#include "runtime/base/shared_page.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace behalf {

class day_spending;     // agents/models/spending.hpp
struct model_directory; // agents/models/model_options.hpp
class service_registry;
struct shared_issuer; // runtime/auth/dev_issuer.hpp
struct system_options;
class vector_indexes;
namespace endpoints {
class calls_under_way;
class route_meters;
} // namespace endpoints
namespace runs {
class event_logs;
class model_meters;
class run_meters;
} // namespace runs
namespace threads {
class activity;
}

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
  std::shared_ptr<const system_options> options;
  catalog graphs;
  std::shared_ptr<const service_registry> services;
  std::shared_ptr<const model_directory> models;
  std::shared_ptr<day_spending> spending; // on them; null: nobody counts
  mutable metrics meters;                 // mutable: counting is no change of state
  mutable shared_page metrics_text{[this] { return meters.prometheus(); }};
  mutable shared_page metrics_json{[this] { return metrics_page(meters); }};
  std::shared_ptr<const endpoints::route_meters> requests;
  std::shared_ptr<const runs::run_meters> runs;
  std::shared_ptr<const runs::model_meters> models_used;
  mutable seeded_tenants seeded;
  std::shared_ptr<runs::event_logs> events;
  std::shared_ptr<endpoints::calls_under_way> mcp_calls;
  exchangeable<std::vector<std::string>> token_issuers; // of tokens that callers present

  fair_budget exchanges, memory; // requests under way, and their bodies
  fair_budget answers;           // answers that clients have not read
  fair_turns long_work;          // at long bodies

  authenticator_actor authenticator;
  authorizer_actor authorizer; // for callers that are authenticated
  scheduler_actor scheduler;
  run_directory_actor run_directory;
  cron_clock_actor crons;
  database_writer_actor writer;
  std::vector<database_reader_actor> readers; // for single records
  read_queue_actor scans;
  embedder_actor embedder;                 // null: the store has no index
  std::shared_ptr<vector_indexes> vectors; // likewise
  graph_builder_actor graph_builder;       // likewise
  secret_store_actor secrets;              // null: no service takes a credential
  egress_actor egress;
  webhook_caller_actor webhooks;         // null only in tests
  mcp_keeper_actor mcp;                  // null: no service is an MCP server
  std::shared_ptr<shared_issuer> issuer; // null outside `behalf dev`
  std::atomic<bool> stopping{false};     // exchanges are to come to their end
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
