// Rate limits per tenant and user: token buckets and counters, bounded in number.
#pragma once

#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "runtime/base/lru_map.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// 0 means unlimited.
struct limit_options {
  double requests_per_second = 0;
  double burst = 0; // requests at once; 0: one second's worth, at least 1
  int64_t concurrent_runs = 0;
  double body_bytes_per_minute = 0;
};

struct limiter_options {
  limit_options tenant, user;
  std::size_t max_entries = 100'000; // the least recently used is dropped first
};

/// For one thread at a time. Uses the steady clock: setting the wall clock has no effect.
class limiter {
public:
  explicit limiter(limiter_options options = {});

  /// Counts one request against its user and tenant, or neither. Error: too_many, with
  /// Retry-After in whole seconds.
  result<void> take_request(const principal_key& who, std::size_t body_bytes, deadline now);

  /// Counts bytes that Content-Length did not announce: they may leave an account in debt.
  void add_bytes(const principal_key& who, std::size_t bytes, deadline now);

  /// Counts one run until end_run. Error: too_many.
  result<void> begin_run(const principal_key& who, deadline now);
  void end_run(const principal_key& who);

  int64_t runs(const principal_key& who) const;
  std::size_t size() const { return accounts_.size(); }

private:
  struct bucket {
    double tokens = 0;
    deadline filled{};
    void fill(double per_second, double limit, deadline now);
  };
  struct account {
    bucket requests, bytes;
    int64_t runs = 0;
  };

  static result<void> check_request(account& a, const limit_options& limits, std::string_view whose,
                                    double bytes, deadline now);
  account& open(std::string key, const limit_options& limits, deadline now);

  limiter_options options_;
  lru_map<std::string, account> accounts_; // by tenant, and by user
};

} // namespace behalf
