#include "secrets/secret_cache.hpp"

#include <algorithm>

namespace behalf {
namespace {

// Whether an error is cached: every caller would get the same one. Not when the user's own token
// was missing: the next caller may have it.
bool lasting(const error& why) {
  if (why.code == errc::not_found)
    return true;
  return why.code == errc::denied && why.kind != "needs_login" && why.kind != "login_refused";
}

} // namespace

secret_cache::look secret_cache::begin(const credential_key& key, uint64_t waiter, time_point now) {
  if (const auto* known = entries_.find(key)) {
    if (known->valid.covers(now))
      return {outcome::hit, known->value};
    entries_.erase(key);
  }
  auto [at, first] = flights_.try_emplace(key);
  auto& line = at->second.waiters;
  if (line.size() >= options_.waiters)
    return {outcome::hit,
            fail(errc::overloaded, "too many calls wait for the credential for " + key.service,
                 "Retry-After", "1")};
  line.push_back(waiter);
  return {first ? outcome::lead : outcome::join};
}

secret_cache::finished secret_cache::finish(const credential_key& key,
                                            result<ready_credential> value, time_point now) {
  auto at = flights_.find(key);
  if (at == flights_.end())
    return {{}, std::move(value)};
  auto ended = std::move(at->second);
  flights_.erase(at);
  if (ended.stale) {
    error changed{errc::overloaded,
                  "the credential for " + key.service + " changed while it was being fetched",
                  {{"Retry-After", "1"}},
                  "credential_changed"};
    return {std::move(ended.waiters), std::move(changed)};
  }
  keep(key, value, now);
  return {std::move(ended.waiters), std::move(value)};
}

void secret_cache::keep(const credential_key& key, const result<ready_credential>& value,
                        time_point now) {
  validity valid{now, now};
  auto& until = valid.until;
  if (value) {
    until += options_.ttl;
    if (value->expires_at)
      until = std::min(until, *value->expires_at - options_.skew);
  } else if (lasting(value.error())) {
    until += options_.negative_ttl;
  }
  if (valid.covers(now))
    entries_.put(key, {value, valid});
}

void secret_cache::refuse(const credential_key& key, const std::string& fingerprint) {
  const auto* known = entries_.peek(key);
  if (known && known->value && known->value->fingerprint == fingerprint)
    entries_.erase(key);
}

std::optional<time_point> secret_cache::sweep(time_point now) {
  std::optional<time_point> next;
  entries_.erase_if([&](const entry& e) {
    if (!e.valid.covers(now))
      return true;
    next = std::min(next.value_or(e.valid.until), e.valid.until);
    return false;
  });
  return next;
}

void secret_cache::clear() {
  entries_.clear();
  for (auto& [key, f] : flights_)
    f.stale = true;
}

} // namespace behalf
