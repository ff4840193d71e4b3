#include "runtime/http/page_rules.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/media_type.hpp"

#include <algorithm>

namespace behalf {
namespace {

bool holds(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string_view text_of(const header_list& headers, std::string_view name) {
  const auto* value = find_header(headers, name);
  return value ? std::string_view{*value} : std::string_view{};
}

} // namespace

page_rules::page_rules(const cors_options& cors, page_options pages)
  : cors_(cors), pages_(std::move(pages)) {
  const auto authority = authority_of(pages_.public_url);
  if (!authority.empty())
    public_origin_ = ascii_lower(pages_.public_url.substr(
      0, pages_.public_url.find('/', authority.data() - pages_.public_url.data())));
}

bool page_rules::our_host(std::string_view name) const {
  const auto host = ascii_lower(without_port(name));
  return holds(pages_.hosts, host) || (holds(pages_.hosts, "ip") && is_ip_literal(host));
}

// A page of ours, as its browser sees it; under another of our names too, on the same port. The
// login page keeps its address to itself, so that its forms come with the origin "null".
bool page_rules::our_page(const http_request& req, std::string_view origin) const {
  if (text_of(req.headers, "sec-fetch-site") == "same-origin")
    return true;
  const auto host = ascii_lower(text_of(req.headers, "host"));
  const auto authority = ascii_lower(authority_of(origin));
  if (authority.empty())
    return false;
  if (authority == host || (!public_origin_.empty() && ascii_lower(origin) == public_origin_))
    return true;
  const auto port = [](std::string_view text) { return text.substr(without_port(text).size()); };
  return !pages_.hosts.empty() && our_host(authority) && port(authority) == port(host);
}

bool page_rules::own_pages_only(const http_request& req) const {
  return !req.path.empty() && holds(pages_.own_pages_only, req.path.front());
}

std::optional<page_rules::verdict> page_rules::check(const http_request& req, bool has_body) const {
  if (const auto* host = find_header(req.headers, "host");
      host && !pages_.hosts.empty() && !our_host(*host))
    return verdict{421, "This server does not answer to the name '"
                          + std::string{without_port(*host)}
                          + "'. If clients reach it by that name, say so in server.public_url or "
                            "server.hosts"};
  const auto* origin = find_header(req.headers, "origin");
  if (!origin || cors_policy::is_preflight(req.method_name, req.headers))
    return std::nullopt;
  const bool ours = our_page(req, *origin);
  if (own_pages_only(req))
    return ours ? std::nullopt
                : std::optional{verdict{403, "Only this server's own pages may call this"}};
  if (!ours && !cors_.allowed(*origin))
    return verdict{403, "Web pages of this origin may not call this server; "
                        "server.cors.allow_origins names those that may"};
  if (has_body && !is_json_type(text_of(req.headers, "content-type")))
    return verdict{415, "A web page must send its body as application/json"};
  return std::nullopt;
}

} // namespace behalf
