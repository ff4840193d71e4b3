// Credentials fetched for users, kept until shortly before they expire. While one is being fetched
// others wait for it: none is fetched twice.
#pragma once

#include "behalf/time.hpp"
#include "runtime/base/lru_map.hpp"
#include "runtime/base/validity.hpp"
#include "runtime/http/credential_writer.hpp"
#include "secrets/stored_credential.hpp"

#include <boost/container_hash/hash.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace behalf {

struct secret_cache_options {
  std::size_t capacity = 10'000;                // credentials of all users
  std::chrono::seconds ttl{300};                // at most
  std::chrono::seconds skew{30};                // dropped this long before it expires
  std::chrono::milliseconds negative_ttl{2000}; // "there is none" and "you may not"
  std::size_t waiters = 1'000;                  // for one fetch; one more is refused
};

/// A credential ready for use at its service.
struct ready_credential {
  std::shared_ptr<const credential_writer> writer;
  std::optional<time_point> expires_at = {};
  std::string fingerprint = {}; // for the audit log; may be empty
};

/// Not thread-safe. The key holds tenant, issuer, subject and service: two users never share.
class secret_cache {
public:
  /// `hit`: use `value` (which may be a cached error). `lead`: fetch it, then call finish. `join`:
  /// it is being fetched; finish will name this waiter.
  enum class outcome : uint8_t { hit, lead, join };

  struct look {
    outcome what;
    result<ready_credential> value = ready_credential{}; // of a hit
  };

  /// Who waits for a fetch, and its outcome.
  struct finished {
    std::vector<uint64_t> waiters; // the leader first
    result<ready_credential> value;
  };

  explicit secret_cache(secret_cache_options options = {})
    : options_(options), entries_(options.capacity) {}

  /// `waiter` is a number of the caller's. When too many wait already it is a hit with the error
  /// `overloaded`.
  look begin(const credential_key& key, uint64_t waiter, time_point now);

  /// The leader's fetch has ended. When the cache was cleared meanwhile the value is not used:
  /// waiters get the error `overloaded`, kind "credential_changed". Without a fetch under way there
  /// are no waiters.
  finished finish(const credential_key& key, result<ready_credential> value, time_point now);

  /// The service refused the credential with this fingerprint: the next caller fetches it anew. A
  /// newer one, or one being fetched, is kept: several calls may have failed by the old one.
  void refuse(const credential_key& key, const std::string& fingerprint);

  /// Wipes what has expired. Returns when the next one expires; nullopt when the cache is empty.
  std::optional<time_point> sweep(time_point now);

  /// Clears the cache; fetches under way are not kept either.
  void clear();

  std::size_t size() const { return entries_.size(); }
  std::size_t flights() const { return flights_.size(); }

private:
  struct entry {
    result<ready_credential> value;
    validity valid;
  };
  struct key_hash {
    std::size_t operator()(const credential_key& k) const {
      std::size_t all = 0;
      for (const auto* part : {&k.who.tenant, &k.who.issuer, &k.who.subject, &k.service})
        boost::hash_combine(all, std::hash<std::string>{}(*part));
      return all;
    }
  };
  struct flight {
    std::vector<uint64_t> waiters;
    bool stale = false;
  };

  void keep(const credential_key& key, const result<ready_credential>& value, time_point now);

  secret_cache_options options_;
  lru_map<credential_key, entry, key_hash> entries_;
  std::map<credential_key, flight> flights_;
};

} // namespace behalf
