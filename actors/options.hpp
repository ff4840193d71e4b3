// The actors' own options: limits and lifetimes.
#pragma once

#include "actors/runs/queue_options.hpp"
#include "runtime/auth/limiter.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/http/server.hpp"
#include "runtime/storage/search_bounds.hpp"

#include <chrono>
#include <cstddef>

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
};

struct system_options {
  server_options http;
  run_options runs;
  limiter_options limits;     // per tenant and user; 0: no limit
  shape_limits shape;         // bounds on what clients send
  bool authenticated = false; // an `identity` section or an `authenticate` handler exists
  std::size_t readers = 2;    // reading connections for records, and as many for searches
  std::size_t answer_memory = 256 * 1024 * 1024; // of answers that clients have not read yet
  search_bounds searches;                        // what one search may take; more is answered 422
};

} // namespace behalf
