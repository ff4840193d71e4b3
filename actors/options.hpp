// The actors' own options: limits and lifetimes.
#pragma once

#include "actors/runs/queue_options.hpp"
#include "actors/runs/webhook_options.hpp"
#include "runtime/auth/limiter.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/http/server.hpp"
#include "runtime/storage/quota.hpp"
#include "runtime/storage/search_bounds.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

struct run_options : runs::queue_options {
  std::chrono::milliseconds timeout{3'600'000};     // one run; then its status is `timeout`
  std::chrono::milliseconds resumable_ttl{120'000}; // events kept for viewers after the end
  std::size_t blocking_threads = 64;            // threads for nodes that may block; more turns wait
  std::size_t state_bytes = 32 * 1024 * 1024;   // of a thread's state; of a node's store item
  std::size_t open_asks = 10'000;               // of one node; one that asks more fails
  std::size_t event_bytes = 16 * 1024 * 1024;   // one run's events; older ones are dropped
  std::size_t event_memory = 256 * 1024 * 1024; // of all runs; the user with most loses events
  std::chrono::milliseconds shutdown_grace{10'000}; // from the signal to the end of the process
  /// Of the threads that stateless runs leave; 0: for ever.
  std::chrono::milliseconds stateless_ttl{30LL * 86'400'000};
  int max_attempts = 3; // runs that crashed the process so often are given up
  std::chrono::milliseconds suspect_turn{10'000}; // then others that a crash interrupted go on too
};

/// Of threads that say nothing themselves.
struct thread_options {
  std::chrono::milliseconds ttl{0}; // 0: for ever
  bool keep_latest = false;         // then only checkpoints before the latest go
};

/// The store of items.
struct store_options {
  struct index_options {
    std::size_t dims = 0; // numbers of a vector
    std::string model;    // as the embeddings endpoint calls it
    std::vector<std::string> fields{"$"};
    std::size_t memory = std::size_t{1} << 30; // of vectors held to be searched
  };

  double default_ttl = 0; // minutes; 0: for ever
  bool refresh_on_read = true;
  std::chrono::milliseconds sweep_interval{30'000};
  std::optional<index_options> index; // without it `query` of a search is not looked at
};

/// When a server comes too late for a firing: because it was down, or had too much to do.
enum class missed_firings : uint8_t {
  once, // one run for all the firings that were missed
  skip  // none
};

struct cron_options {
  missed_firings missed = missed_firings::once;
  std::chrono::milliseconds missed_within{7LL * 86'400'000}; // `once`: older ones are skipped
  std::chrono::milliseconds shortest_interval{1'000};        // between two firings of a cron
  quota most{1'000, 100'000};                                // crons
};

/// How much may be kept at a time.
struct stored_options {
  quota assistants{10'000, 0}, threads, items;
};

struct system_options {
  server_options http;
  run_options runs;
  thread_options threads;
  cron_options crons;
  runs::webhook_options webhooks;
  limiter_options limits;     // per tenant and user; 0: no limit
  stored_options stored;      // the same
  shape_limits shape;         // bounds on what clients send
  bool authenticated = false; // an `identity` section or an `authenticate` handler exists
  std::size_t readers = 2;    // reading connections for records, and as many for searches
  std::size_t answer_memory = 256 * 1024 * 1024; // of answers that clients have not read yet
  store_options store;
  bool mcp = true; // whether assistants are offered as tools: POST /mcp
  bool a2a = true; // whether assistants are agents: POST /a2a/{assistant_id}, and their cards
  std::vector<std::string> authorization_servers; // as told to clients; empty: who issues tokens
  search_bounds searches;                         // what one search may take; more is answered 422
};

} // namespace behalf
