// When to fetch an issuer's keys, and when to use those we have. A state machine without I/O: its
// owner fetches. One cache per issuer, for one thread at a time.
#pragma once

#include "behalf/time.hpp"
#include "runtime/auth/jwk.hpp"
#include "runtime/base/validity.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

struct jwks_cache_options {
  std::chrono::seconds ttl{600};     // when the issuer does not say (Cache-Control: max-age)
  std::chrono::seconds min_ttl{300}; // bounds on what it says
  std::chrono::seconds max_ttl{3600};
  std::chrono::seconds refetch_gap{60};      // at most one fetch for unknown keys per gap
  std::chrono::seconds retry_gap{5};         // after a failed fetch
  std::chrono::seconds stale_if_error{3600}; // how long past their TTL keys serve if fetches fail
  std::chrono::seconds unknown_kid_for{300}; // how long an unknown `kid` is remembered
  std::size_t unknown_kids = 256;
};

class jwks_cache {
public:
  enum class keys : uint8_t {
    use,    // verify with current()
    wait,   // for the fetch under way, then ask again
    refuse, // decide: the issuer is unreachable (503); unknown_key: the token is bad (401)
  };
  struct plan {
    keys then;
    bool fetch = false; // start one now, and report arrived() or failed()
  };

  explicit jwks_cache(jwks_cache_options options = {}) : options_(options) {}

  /// Before verifying.
  plan decide(time_point now);
  /// When verifying found no such key. `kid` may be empty.
  plan unknown_key(const std::string& kid, time_point now);

  /// `max_age` from the answer's Cache-Control, if it had one.
  void arrived(key_set fresh, std::optional<std::chrono::seconds> max_age, time_point now);
  void failed(time_point now);

  /// The next check fetches; the present keys are used only if that fails.
  void expire(time_point now);

  const key_set& current() const { return keys_; }

private:
  bool in_flight(time_point now) const;
  bool servable(time_point now) const;
  plan start(time_point now, keys meanwhile);
  void remember_missing(time_point now);

  jwks_cache_options options_;
  key_set keys_;
  bool have_ = false, flying_ = false, last_failed_ = false;
  validity fresh_;
  time_point attempted_{}, refetched_{};
  std::vector<std::string> sought_;                      // by the fetch under way
  std::deque<std::pair<std::string, validity>> unknown_; // and not found; oldest first
};

/// `max-age` of a Cache-Control value; zero for no-store and no-cache.
std::optional<std::chrono::seconds> max_age(std::string_view cache_control);

} // namespace behalf
