// The answer to a client that is not authenticated: 401 and a challenge (RFC 6750 3).
#pragma once

#include "behalf/error.hpp"

#include <string>

namespace behalf {

/// A token was presented and is no good. `why` is a sentence for the client: no part of the token
/// may be in it, and no double quote.
inline error invalid_token(std::string why) {
  auto challenge = "Bearer error=\"invalid_token\", error_description=\"" + why + "\"";
  return fail(errc::unauthenticated, std::move(why), "WWW-Authenticate", std::move(challenge));
}

/// Nothing was presented: no error code in the challenge (RFC 6750 3.1).
inline error missing_token() {
  return fail(errc::unauthenticated, "expected: Authorization: Bearer <token>", "WWW-Authenticate",
              "Bearer");
}

} // namespace behalf
