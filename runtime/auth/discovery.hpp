// What an OpenID provider publishes about itself (OpenID Connect Discovery 1.0, RFC 8414).
#pragma once

#include "runtime/base/json.hpp"

#include <string>
#include <string_view>

namespace behalf {

struct provider_metadata {
  std::string issuer, jwks_uri;
  std::string introspection_endpoint, userinfo_endpoint; // empty: not offered
  std::string authorization_endpoint, token_endpoint;
};

/// `<issuer>/.well-known/openid-configuration`.
std::string discovery_url(std::string_view issuer);

/// May we fetch this? https, or http to this machine, or any http where the operator allows it;
/// a host, no user info, no fragment. `what` names the URL in the error (invalid_argument).
result<void> check_provider_url(std::string_view url, std::string_view what, bool allow_http);

/// Reads the document. Its `issuer` must equal the configured one byte for byte; every endpoint
/// must pass check_provider_url. Error: upstream.
result<provider_metadata> parse_discovery(const json::value& document, std::string_view issuer,
                                          bool allow_http);

} // namespace behalf
