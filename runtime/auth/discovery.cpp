#include "runtime/auth/discovery.hpp"

#include "runtime/net/url.hpp"

#include <array>

namespace behalf {

std::string discovery_url(std::string_view issuer) {
  while (issuer.ends_with('/'))
    issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

result<void> check_provider_url(std::string_view text, std::string_view what, bool allow_http) {
  auto bad = [&](std::string_view why) {
    return fail(errc::invalid_argument, std::string(what) + " " + std::string(why));
  };
  auto url = check_url(text);
  if (!url)
    return bad("is not an absolute URL with a host, without user information and fragment");
  if (url->where.tls() || allow_http || is_local_name(url->where.host))
    return {};
  return bad("must be https (http is for this machine, or where `allow_http` is set)");
}

result<provider_metadata> parse_discovery(const json::value& document, std::string_view issuer,
                                          bool allow_http) {
  if (!document.is_object())
    return fail(errc::upstream, "the provider's discovery document is not a JSON object");
  const auto& o = document.get_object();
  provider_metadata found;
  found.issuer = string_or(o, "issuer");
  if (found.issuer != issuer)
    return fail(errc::upstream, "the discovery document is another issuer's: expected issuer "
                                  + std::string(issuer));
  const std::array<std::pair<const char*, std::string*>, 5> endpoints{{
    {"jwks_uri", &found.jwks_uri},
    {"introspection_endpoint", &found.introspection_endpoint},
    {"userinfo_endpoint", &found.userinfo_endpoint},
    {"authorization_endpoint", &found.authorization_endpoint},
    {"token_endpoint", &found.token_endpoint},
  }};
  for (const auto& [name, url] : endpoints) {
    *url = string_or(o, name);
    if (url->empty())
      continue;
    auto what = "the discovery document's " + std::string(name);
    if (auto ok = check_provider_url(*url, what, allow_http); !ok)
      return fail(errc::upstream, ok.error().message);
  }
  if (found.jwks_uri.empty())
    return fail(errc::upstream, "the provider's discovery document has no jwks_uri");
  return found;
}

} // namespace behalf
