// Asking the issuer whether a token is good (RFC 7662): the question's body, the answer's meaning.
#pragma once

#include "behalf/wiped.hpp"
#include "runtime/auth/jwt.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct introspection_rules {
  std::string issuer;                 // whom `sub` belongs to; an answer's `iss` must equal it
  std::vector<std::string> audiences; // `aud` must name one of them; empty: not checked
  std::vector<std::string> clients;   // `client_id` must be one of them; empty: any
  std::chrono::seconds cache_for{60}; // never more than 60 s
  std::chrono::seconds skew{60};
};

/// `token=…&token_type_hint=access_token`, to be POSTed as application/x-www-form-urlencoded.
wiped_string introspection_body(std::string_view token);

/// The value of an Authorization field: `Basic base64(form(id):form(secret))` (RFC 6749 2.3.1).
wiped_string basic_authorization(std::string_view client_id, std::string_view client_secret);

/// An active token: claims, of which `expires` is when the answer may no longer be used:
/// the sooner of `exp` and `cache_for`.
/// Error: unauthenticated unless `active` is true; upstream when the answer is malformed.
/// `is_not_responsible` when the issuer does not know the token as its own: another one may.
result<claims> read_introspection(const json::value& answer, const introspection_rules& rules,
                                  time_point now);

/// Is this the error of a token that is not active at this issuer, or is another issuer's?
bool is_not_responsible(const error& e);

/// The error of a token that no provider calls active.
error inactive_token();

} // namespace behalf
