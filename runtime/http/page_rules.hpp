// What web pages may do here. A browser sends requests from any page to any address its user's
// machine reaches, this server included, which matters where no token is required.
#pragma once

#include "runtime/http/cors.hpp"
#include "runtime/http/request.hpp"
#include "runtime/net/url.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

struct page_options {
  /// Host names this server answers to, in lower case and without port; "ip": any IP address.
  /// Empty: all. A page can give any name our address (DNS rebinding) and is then, to the browser,
  /// our own page; only the Host it sends tells.
  std::vector<std::string> hosts{};
  /// How clients reach us, if not as they say in Host: pages from there are our own.
  std::string public_url{};
  /// First segments of paths that are for our own pages alone: login.
  std::vector<std::string> own_pages_only{};
};

/// Immutable, so any thread may ask.
class page_rules {
public:
  page_rules(const cors_options& cors, page_options pages);

  struct verdict {
    unsigned status;
    std::string detail;
  };
  /// Nothing when the request may go on. 421: a Host that is not ours. 403: a page that may not
  /// call. 415: a page that sends a body as something other than JSON, as it could without asking.
  std::optional<verdict> check(const http_request& req, bool has_body) const;

  /// True where no other site's page is invited in.
  bool own_pages_only(const http_request& req) const;

private:
  bool our_host(std::string_view name) const;
  bool our_page(const http_request& req, std::string_view origin) const;

  const cors_policy cors_;
  const page_options pages_;
  std::string public_origin_;
};

} // namespace behalf
