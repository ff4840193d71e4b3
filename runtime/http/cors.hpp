// Which web pages may call the server: cross-origin resource sharing (Fetch standard, 3.2).
#pragma once

#include "behalf/outbound.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// The defaults are what the official SDKs and Studio need from a browser.
struct cors_options {
  /// Origins as browsers send them ("https://app.example.com"), "local" for every page of this
  /// machine, or "*" for all. Empty: no CORS.
  std::vector<std::string> allow_origins{"*"};
  std::vector<std::string> allow_methods{"DELETE", "GET",  "HEAD", "OPTIONS",
                                         "PATCH",  "POST", "PUT"};
  /// Empty: whatever the browser asks for.
  std::vector<std::string> allow_headers{};
  std::vector<std::string> expose_headers{
    "x-pagination-total", "x-pagination-next", "content-location", "location",
    "retry-after",        "www-authenticate",  "x-request-id",     "mcp-session-id"};
  /// Lets pages send cookies; the origin is then named in the answer even under "*".
  bool allow_credentials = false;
  std::chrono::seconds max_age{600};
};

/// The answer to an OPTIONS request that asks for permission in advance.
struct preflight_answer {
  unsigned status = 200;
  header_list headers;
  std::string body;
};

/// The rules, ready for use. Immutable, so any thread may ask.
class cors_policy {
public:
  explicit cors_policy(cors_options options);

  /// True for a request that is a preflight: OPTIONS with Origin and
  /// Access-Control-Request-Method.
  static bool is_preflight(std::string_view method, const header_list& headers);

  /// `loopback`: the request came in on a loopback address; only then is an allowed page from the
  /// network told that it may reach us there. 400 for an origin that is not allowed.
  preflight_answer preflight(const header_list& headers, bool loopback) const;

  /// Appends the header lines ("name: value\r\n"…) of an ordinary answer; nothing without an
  /// Origin or for one that is not allowed.
  void append_headers(std::string& head, const std::string* origin) const;

  bool allowed(std::string_view origin) const;

private:
  cors_options options_;
  bool any_ = false, local_ = false;
  std::string methods_, headers_, expose_;
};

} // namespace behalf
