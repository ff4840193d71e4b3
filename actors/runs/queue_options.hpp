// How many runs the server holds, and the shares of users and tenants.
#pragma once

#include <cstddef>

namespace behalf::runs {

struct queue_options {
  std::size_t slots = 80;         // runs executing at once
  std::size_t capacity = 10'000;  // runs waiting or executing; one more is answered 503
  std::size_t per_thread = 1'000; // of them, and of those delayed, on one thread; one more is 429
  /// The share of slots and of capacity that one user or tenant may have while no other wants any.
  /// They get one more while they have fewer than share / (1 - share) times what is free: so the
  /// more others have the less they get, and something stays free for a newcomer.
  double user_share = 0.875, tenant_share = 0.95;
  std::size_t delayed = 100'000;        // runs stored to start later; one more is answered 503
  std::size_t delayed_per_user = 1'000; // one more is answered 429
};

} // namespace behalf::runs
