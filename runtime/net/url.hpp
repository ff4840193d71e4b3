// URLs and the names in them. One strict reading for everything a call, a token or a browser is
// sent to; what a browser says about itself (Host, Origin) is only compared, never called.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace behalf {

/// Scheme, host and port, normalised: lower case, no trailing dot, the port always there. An IPv6
/// host has no brackets. Equal origins are the same place.
struct origin {
  std::string scheme; // "http" or "https"
  std::string host;
  uint16_t port = 0;

  bool tls() const { return scheme == "https"; }
  /// "https://api.example.com:443": for lists, logs and errors; never a path or query.
  std::string text() const;
  /// The value of a Host header: the port only when it is not the scheme's own.
  std::string authority() const;
  bool operator==(const origin&) const = default;
};

struct checked_url {
  origin where;
  std::string target; // path and query as they go on the wire; at least "/"
};

/// Reads an absolute http or https URL. Refuses what parsers disagree about: user information,
/// fragments, zone ids, numeric hosts that are not four plain decimal numbers, percent signs or
/// bytes outside ASCII in hosts (names go in as A-labels), spaces and control bytes.
/// Error: denied, with a sentence that holds no path or query.
result<checked_url> check_url(std::string_view url);

/// The origin of a declared base URL ("https://api.example.com/v1" or without a path).
result<origin> parse_origin(std::string_view base_url);

/// "https://h/v1" and "/items?x=1" give "https://h/v1/items?x=1"; the query stays as it is, an
/// empty path gives the base. `base` has neither query nor fragment.
/// Error: invalid_argument for a path that would leave the base: one that names a scheme or host,
/// has a `.` or `..` segment in any spelling (%2e, %2f, backslash), a fragment, a bad escape, or a
/// space, control or non-ASCII byte (RFC 3986 3.3: those are written as escapes).
result<std::string> join_url(std::string_view base, std::string_view path);

/// "localhost", 127.0.0.1 and the like, or any IP address; IPv6 with brackets or without.
bool is_local_name(std::string_view host);
bool is_ip_literal(std::string_view host);

/// What to listen on for this address: "localhost" is 127.0.0.1; no other name is looked up.
std::string listen_address(std::string_view address);

/// What is between "//" and the path of an Origin field or public URL, of any scheme
/// ("http://localhost:3000" → "localhost:3000"); empty for what has none ("null").
std::string_view authority_of(std::string_view origin);
/// "[::1]:2024" → "[::1]". What follows the colon is a port only if it is all digits.
std::string_view without_port(std::string_view authority);

} // namespace behalf
