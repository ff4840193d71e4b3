// Who a request acts for. Plain data: safe to log, store and show; it never holds a credential.
#pragma once

#include "behalf/json.hpp"

#include <compare>
#include <string>
#include <vector>

namespace behalf {

/// What makes a principal that principal and no other. Every cache, pool, lock and row that
/// touches a user carries all three; an e-mail address or display name never identifies anyone.
struct principal_key {
  std::string tenant, issuer, subject;

  auto operator<=>(const principal_key&) const = default;
  /// One unambiguous line: each part is preceded by its length.
  std::string text() const;
};

struct principal {
  std::string tenant;       // "default" where tenants are not used
  std::string issuer;       // who vouched: the OIDC issuer URL, "api_key", "plugin", …
  std::string subject;      // `sub`, unique within the issuer
  std::string identity;     // what the API calls `identity` and policies call {identity}
  std::string display_name; // for people
  std::vector<std::string> permissions;
  json::object
    custom; // extra fields from claims or a handler; a sealed field holds {"$sealed": id}

  principal_key key() const { return {tenant, issuer, subject}; }
  bool has(std::string_view permission) const;

  /// `langgraph_auth_user` as graphs and clients see it:
  /// {identity, is_authenticated: true, display_name, …custom, permissions}.
  json::object to_auth_user() const;

  /// Lossless form for a run's row, so that a restart acts for the same principal.
  json::object to_json() const;
  static result<principal> from_json(const json::value& v);
};

} // namespace behalf
