// Handles: each opens one credential, for one user, run and service, some hosts, until it expires.
#pragma once

#include "behalf/outbound.hpp"
#include "behalf/principal.hpp"
#include "behalf/time.hpp"
#include "secrets/stored_credential.hpp"

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace behalf {

/// A bounded permission to use one credential.
struct lease {
  principal_key who;
  std::string run_id;
  std::string service;
  std::vector<std::string> hosts; // origins, "https://api.example.com:443" (origin::text)
  time_point expires_at;
  /// Null: a secret source has it. Else a secret field of the principal, which a custom
  /// `authenticate` handler gave.
  stored_credential_ptr held = {};
};

/// What the presenter of a handle claims about the call. All of it must match the lease.
struct lease_claim {
  principal_key who;
  std::string run_id;
  std::string service;
  std::string host; // the origin the call goes to, as in lease::hosts
};

struct lease_book_options {
  std::size_t capacity = 100'000; // open leases in all
  std::size_t per_run = 256;
};

/// Not thread-safe.
class lease_book {
public:
  explicit lease_book(lease_book_options options = {}) : options_(options) {}

  /// Mints a handle of 192 random bits. Error: overloaded when the book is full, invalid_argument
  /// for a lease that names no user, run, service or host.
  result<sealed_handle> open(lease what, time_point now);

  /// The lease of a handle, if the whole claim matches. The pointer is valid until the
  /// next call that is not const. Error: denied; `kind` says why: "handle_unknown" (also after the
  /// run's end), "handle_expired", "handle_principal", "handle_run",
  /// "handle_service", "host_denied". The message never holds the handle.
  result<const lease*> find(const sealed_handle& handle, const lease_claim& claim,
                            time_point now) const;

  /// The run has ended: closes its handles, except those in `except`, which the next call of this
  /// closes. Returns how many were closed.
  std::size_t close_run(std::string_view run_id, const std::vector<sealed_handle>& except = {});

  /// Drops leases past their expiry. Returns how many.
  std::size_t sweep(time_point now);

  std::size_t size() const { return leases_.size(); }

private:
  using handle_ids = std::vector<std::string>;

  std::size_t drop(const handle_ids& ids);

  lease_book_options options_;
  std::unordered_map<std::string, lease> leases_;
  std::map<std::string, handle_ids, std::less<>> by_run_;
};

} // namespace behalf
