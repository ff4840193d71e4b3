// URLs that decide where tokens and codes go, read with more care; for the .cpp files of this
// folder.
#pragma once

#include <boost/url/parse.hpp>

#include <arpa/inet.h>
#include <optional>
#include <string>
#include <string_view>

namespace behalf {

/// An absolute URL with a host and neither user info nor fragment; nullopt for all else. Boost.URL
/// 1.81 ends the host of "http://127.0.0.1.example.com/" after the digits and takes the rest for a
/// path, where a browser goes to example.com: a path must begin with a slash.
inline std::optional<boost::urls::url_view> parse_checked_url(std::string_view text) {
  auto url = boost::urls::parse_uri({text.data(), text.size()});
  if (!url || url->host().empty() || url->has_userinfo() || url->has_fragment())
    return {};
  if (!url->encoded_path().empty() && !url->encoded_path().starts_with('/'))
    return {};
  return *url;
}

/// This machine, by its own addresses or by name.
inline bool is_loopback(const boost::urls::url_view& url) {
  auto host = std::string(url.host());
  if (host == "localhost" || host == "[::1]")
    return true;
  in_addr v4{};
  return ::inet_pton(AF_INET, host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

} // namespace behalf
