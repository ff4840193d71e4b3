#include "actors/runs/webhook_url.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <cctype>

namespace behalf::runs {
namespace {

error refused(std::string why) {
  return fail(errc::invalid_argument, std::move(why));
}

error blocked(std::string_view why) {
  return refused("Webhook host blocked: " + std::string(why));
}

// Of an absolute URL, else empty.
std::string_view scheme_of(std::string_view url) {
  auto end = url.find("://");
  return end == url.npos ? std::string_view{} : url.substr(0, end);
}

result<void> check_scheme(std::string_view url) {
  auto scheme = scheme_of(url);
  if (url.empty())
    return refused("The webhook is empty: give an absolute https URL");
  if (scheme.empty())
    return refused("Loopback webhooks (relative URLs and localhost) are disabled: give an absolute "
                   "https URL");
  std::string lower{scheme};
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower != "http" && lower != "https")
    return blocked("scheme '" + lower.substr(0, 32) + "' not allowed");
  return {};
}

result<void> check_address(const std::string& host, const webhook_options& rules) {
  if (host == "metadata.google.internal")
    return blocked("cloud metadata endpoint");
  boost::system::error_code no_address;
  const auto address = boost::asio::ip::make_address(host, no_address);
  if (no_address) {
    const bool here = host == "localhost" || host.ends_with(".localhost");
    return here && !rules.allow_private ? result<void>{blocked("localhost address")}
                                        : result<void>{};
  }
  const auto leads = classify(address);
  if (leads == reach::loopback && !rules.allow_private)
    return blocked("loopback IP range");
  if (leads == reach::forbidden || (leads == reach::private_network && !rules.allow_private))
    return blocked("blocked IP range");
  return {};
}

bool is_in(const std::string& host, std::string_view domain) {
  if (domain.starts_with("*."))
    return host.size() >= domain.size() && host.ends_with(domain.substr(1));
  return host == domain;
}

} // namespace

result<void> check_webhook(std::string_view text, const webhook_options& rules) {
  if (auto ok = check_scheme(text); !ok)
    return ok;
  const auto url = check_url(text);
  if (!url)
    return refused("Invalid webhook URL: " + url.error().message);
  const auto& where = url->where;
  if (auto ok = check_address(where.host, rules); !ok)
    return ok;
  if (!where.tls() && !rules.allow_http)
    return refused("Webhook must use https");
  const auto& domains = rules.allowed_domains;
  if (!domains.empty() && std::none_of(domains.begin(), domains.end(), [&](const auto& domain) {
        return is_in(where.host, domain);
      }))
    return blocked("'" + where.host + "' is not in the allowed domains");
  const auto& ports = rules.allowed_ports;
  if (!ports.empty() && std::find(ports.begin(), ports.end(), where.port) == ports.end())
    return blocked("port " + std::to_string(where.port) + " is not allowed");
  return {};
}

endpoint_policy policy_of(const checked_url& url, const webhook_options& rules) {
  return {{url.where}, rules.allow_private, rules.allow_http};
}

} // namespace behalf::runs
