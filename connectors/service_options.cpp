#include "connectors/service_options.hpp"

#include "runtime/base/text.hpp"
#include "runtime/http/net_guard.hpp"

#include <algorithm>

namespace behalf {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_timeout = 600'000ms;

error wrong(std::string_view key, std::string_view why) {
  return fail(errc::invalid_argument, std::string{key} + ": " + std::string{why});
}

result<void> check_credential(const credential_options& c) {
  if (c.from == credential_source::none) {
    if (!c.name.empty() || c.inject != credential_rule{})
      return wrong("credential.from", "is none, so no name and no place may be given");
    return {};
  }
  auto again = parse_credential_rule(to_string(c.inject));
  if (!again)
    return wrong("credential.inject", again.error().message);
  if (*again != c.inject)
    return wrong("credential.inject", "bearer and basic always go to Authorization");
  return {};
}

result<void> check_url_key(std::string_view key, std::string_view url, const service_options& of) {
  auto checked = check_url(url);
  if (!checked)
    return wrong(key, checked.error().message);
  if (!checked->where.tls() && !of.allow_http)
    return wrong(key, !of.allow_private && is_private_host(checked->where.host)
                        ? "plain http needs allow_http: true, and this machine or a private "
                          "network allow_private: true"
                        : "plain http needs allow_http: true");
  if (url.find_first_of("?#") != url.npos)
    return wrong(key, "may have no query and no fragment");
  return {};
}

} // namespace

result<void> service_options::validate() const {
  if (!made_of(name, "-_") || name.size() > 64)
    return wrong("name", "must be 1 to 64 letters, digits, '-' or '_'");
  if (auto r = check_url_key("url", url, *this); !r)
    return r;
  for (const auto& host : hosts)
    if (auto r = check_url_key("hosts", host, *this); !r)
      return r;
  if (auto r = check_credential(credential); !r)
    return r;
  if (timeout <= 0ms || timeout > longest_timeout)
    return wrong("timeout", "must be between 1 ms and 10 minutes");
  if (max_reply_bytes == 0)
    return wrong("max_reply_bytes", "must be at least 1");
  if (max_concurrent == 0)
    return wrong("max_concurrent", "must be at least 1");
  if (type == service_type::http && !tools.empty())
    return wrong("tools", "only a service of type mcp has tools");
  if (std::find(tools.begin(), tools.end(), "") != tools.end())
    return wrong("tools", "a tool's name is missing");
  return {};
}

result<endpoint_policy> service_options::policy() const {
  endpoint_policy made;
  made.allow_private = allow_private;
  made.allow_plain_http = allow_http;
  auto own = parse_origin(url);
  if (!own)
    return wrong("url", own.error().message);
  made.allowed.push_back(std::move(*own));
  for (const auto& host : hosts) {
    auto further = parse_origin(host);
    if (!further)
      return wrong("hosts", further.error().message);
    made.allowed.push_back(std::move(*further));
  }
  return made;
}

std::string_view service_options::credential_name() const {
  if (!takes_credential())
    return {};
  return credential.name.empty() ? name : credential.name;
}

bool service_options::allows_tool(std::string_view tool) const {
  return tools.empty() || std::find(tools.begin(), tools.end(), tool) != tools.end();
}

} // namespace behalf
