// Access tokens as signed JWTs: from text to trusted claims, or a sentence that says why not
// (RFC 7519, 7515, 8725, 9068).
#pragma once

#include "behalf/time.hpp"
#include "runtime/auth/jwk.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Longest token looked at, in bytes.
inline constexpr std::size_t max_token_size = 16 * 1024;

/// What tokens of one issuer must be like.
struct issuer_rules {
  std::string issuer;                 // `iss`, compared byte for byte
  std::vector<std::string> audiences; // `aud` must name one of them; none given: all are refused
  std::vector<signature_algorithm> algorithms{
    signature_algorithm::es256, signature_algorithm::eddsa, signature_algorithm::ps256,
    signature_algorithm::rs256};
  bool allow_generic_jwt_typ = false; // also take `typ` JWT or none: issuers older than RFC 9068
  std::vector<std::string> clients;   // `azp` (or `client_id`) must be one of them; empty: any
  std::chrono::seconds skew{60};      // how far clocks may disagree; never more than 60 s
};

/// What a trusted issuer said about a caller.
struct claims {
  std::string issuer, subject;
  time_point expires;
  json::object all; // everything it said, these included
};

/// Verifies a compact JWS against one issuer's rules and keys, in this order: size, three
/// segments, strict base64url, a header without duplicate names, `alg` on the list, no `crit` (we
/// understand no extension), `typ`, key by (kid, alg), signature, claims without duplicate names,
/// `iss`, `aud`, `exp` (no leeway), `nbf`, `iat`, `sub`, client. `jku`, `x5u`, `jwk` and `x5c` are
/// never looked at. ID tokens are refused: by `typ`, or, where that is not required, by what access
/// tokens do not carry (`nonce`, `at_hash`, `c_hash`, a `typ` claim other than Bearer).
/// Error: unauthenticated with a challenge and a sentence without token content;
/// `is_unknown_key` when only the key is missing: fetch the issuer's keys once and try again.
result<claims> verify(std::string_view token, const issuer_rules& rules, const key_set& keys,
                      time_point now);

/// Did `verify` fail because the issuer's keys, as we have them, lack the token's?
bool is_unknown_key(const error& e);

/// Where an unverified token says it comes from: enough to choose a provider, and no more.
struct token_origin {
  std::string issuer;
  std::string key_id; // empty: none given
};

/// nullopt when this is no JWT with an issuer: another kind of provider may be responsible.
std::optional<token_origin> peek_origin(std::string_view token);

} // namespace behalf
