#include "runtime/http/cors.hpp"

#include "runtime/net/url.hpp"

#include <algorithm>

namespace behalf {
namespace {

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts)
    out.append(out.empty() ? "" : ", ").append(part);
  return out;
}

} // namespace

cors_policy::cors_policy(cors_options options) : options_(std::move(options)) {
  const auto& origins = options_.allow_origins;
  any_ = std::find(origins.begin(), origins.end(), "*") != origins.end();
  local_ = std::find(origins.begin(), origins.end(), "local") != origins.end();
  methods_ = join(options_.allow_methods);
  headers_ = join(options_.allow_headers);
  expose_ = join(options_.expose_headers);
}

bool cors_policy::is_preflight(std::string_view method, const header_list& headers) {
  return method == "OPTIONS" && find_header(headers, "origin")
         && find_header(headers, "access-control-request-method");
}

bool cors_policy::allowed(std::string_view origin) const {
  const auto& origins = options_.allow_origins;
  return any_ || (local_ && is_local_name(without_port(authority_of(origin))))
         || std::find(origins.begin(), origins.end(), origin) != origins.end();
}

preflight_answer cors_policy::preflight(const header_list& headers, bool loopback) const {
  const auto* origin = find_header(headers, "origin");
  if (!origin || !allowed(*origin))
    return {400, {}, R"({"detail":"Disallowed CORS origin"})"};
  preflight_answer answer{200, {}, "OK"};
  answer.headers = {{"access-control-allow-methods", methods_},
                    {"access-control-max-age", std::to_string(options_.max_age.count())}};
  const auto* asked = find_header(headers, "access-control-request-headers");
  if (!headers_.empty())
    answer.headers.emplace_back("access-control-allow-headers", headers_);
  else if (asked)
    answer.headers.emplace_back("access-control-allow-headers", *asked);
  if (loopback)
    answer.headers.emplace_back("access-control-allow-private-network", "true");
  return answer;
}

void cors_policy::append_headers(std::string& head, const std::string* origin) const {
  if (!origin || options_.allow_origins.empty())
    return;
  const bool wildcard = any_ && !options_.allow_credentials;
  if (!wildcard)
    head += "vary: origin\r\n"; // also for a refusal: a cache must not serve it to another page
  if (!allowed(*origin))
    return;
  head.append("access-control-allow-origin: ").append(wildcard ? "*" : *origin).append("\r\n");
  if (options_.allow_credentials)
    head += "access-control-allow-credentials: true\r\n";
  if (!expose_.empty())
    head.append("access-control-expose-headers: ").append(expose_).append("\r\n");
}

} // namespace behalf
