#include "runtime/auth/limiter.hpp"

#include <algorithm>
#include <cmath>

namespace behalf {
namespace {

double seconds_between(deadline from, deadline to) {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

// A user's key is longer than its tenant's and begins otherwise: the two never meet.
std::string tenant_text(const principal_key& who) {
  return "t" + who.tenant;
}
std::string user_text(const principal_key& who) {
  return "u" + who.text();
}

double burst_of(const limit_options& o) {
  return o.burst > 0 ? std::max(1.0, o.burst) : std::max(1.0, o.requests_per_second);
}

error over(std::string_view what, std::string_view whose, double wait_seconds) {
  auto wait =
    std::to_string(static_cast<int64_t>(std::ceil(std::clamp(wait_seconds, 1.0, 3600.0))));
  return fail(errc::too_many,
              std::string(what) + " of this " + std::string(whose) + " exceeded; retry in " + wait
                + " s",
              "Retry-After", wait);
}

} // namespace

void limiter::bucket::fill(double per_second, double limit, deadline now) {
  tokens = std::min(limit, tokens + per_second * seconds_between(filled, now));
  filled = std::max(filled, now);
}

// A request looks at two accounts at once: opening the second must not push out the first.
limiter::limiter(limiter_options options)
  : options_(options), accounts_(std::max<std::size_t>(options.max_entries, 2)) {}

// An account with runs must not be dropped, or their end would not be counted. Runs are bounded
// elsewhere, so few accounts are skipped.
limiter::account& limiter::open(std::string key, const limit_options& limits, deadline now) {
  if (auto* known = accounts_.find(key))
    return *known;
  return *accounts_.put(std::move(key),
                        {{burst_of(limits), now}, {limits.body_bytes_per_minute, now}, 0},
                        [](const account& a) { return a.runs == 0; });
}

// Error: what is over; otherwise nothing is taken yet.
result<void> limiter::check_request(account& a, const limit_options& limits, std::string_view whose,
                                    double bytes, deadline now) {
  if (limits.requests_per_second > 0) {
    a.requests.fill(limits.requests_per_second, burst_of(limits), now);
    if (a.requests.tokens < 1)
      return over("the request rate", whose, (1 - a.requests.tokens) / limits.requests_per_second);
  }
  if (limits.body_bytes_per_minute > 0) {
    auto rate = limits.body_bytes_per_minute / 60;
    a.bytes.fill(rate, limits.body_bytes_per_minute, now);
    // A body larger than a minute's worth passes when the bucket is full, and leaves it in debt.
    auto needed = std::min(bytes, limits.body_bytes_per_minute);
    if (a.bytes.tokens < needed)
      return over("the volume of request bodies", whose, (needed - a.bytes.tokens) / rate);
  }
  return {};
}

result<void> limiter::take_request(const principal_key& who, std::size_t body_bytes, deadline now) {
  struct party {
    const limit_options& limits;
    std::string_view whose;
    account* in = nullptr;
  };
  auto bytes = static_cast<double>(body_bytes);
  party parties[]{{options_.tenant, "tenant"}, {options_.user, "user"}};
  for (auto& p : parties) {
    if (p.limits.requests_per_second <= 0 && p.limits.body_bytes_per_minute <= 0)
      continue;
    p.in = &open(p.whose == "tenant" ? tenant_text(who) : user_text(who), p.limits, now);
    if (auto ok = check_request(*p.in, p.limits, p.whose, bytes, now); !ok)
      return ok;
  }
  for (auto& p : parties)
    if (p.in) {
      p.in->requests.tokens -= 1;
      p.in->bytes.tokens -= bytes;
    }
  return {};
}

void limiter::add_bytes(const principal_key& who, std::size_t bytes, deadline now) {
  if (options_.tenant.body_bytes_per_minute > 0)
    open(tenant_text(who), options_.tenant, now).bytes.tokens -= static_cast<double>(bytes);
  if (options_.user.body_bytes_per_minute > 0)
    open(user_text(who), options_.user, now).bytes.tokens -= static_cast<double>(bytes);
}

result<void> limiter::begin_run(const principal_key& who, deadline now) {
  auto& tenant = open(tenant_text(who), options_.tenant, now);
  auto& user = open(user_text(who), options_.user, now);
  if (options_.tenant.concurrent_runs > 0 && tenant.runs >= options_.tenant.concurrent_runs)
    return over("the number of concurrent runs", "tenant", 1);
  if (options_.user.concurrent_runs > 0 && user.runs >= options_.user.concurrent_runs)
    return over("the number of concurrent runs", "user", 1);
  ++tenant.runs;
  ++user.runs;
  return {};
}

void limiter::end_run(const principal_key& who) {
  for (const auto& key : {tenant_text(who), user_text(who)})
    if (auto* known = accounts_.find(key); known && known->runs > 0)
      --known->runs;
}

int64_t limiter::runs(const principal_key& who) const {
  const auto* known = accounts_.peek(user_text(who));
  return known ? known->runs : 0;
}

} // namespace behalf
