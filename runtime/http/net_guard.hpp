// Where a call may go: which URLs are well formed, which hosts a service declared, which
// addresses lead outside. Everything unclear is refused.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio::ip {
class address;
}

namespace behalf {

/// Where an IP address leads. IPv4 inside IPv6 (mapped, NAT64) counts as the IPv4 address.
enum class reach : uint8_t {
  global,          // the public internet
  loopback,        // this machine
  private_network, // RFC 1918, carrier NAT, unique local: only where a service declares it
  forbidden,       // link-local (cloud metadata), multicast, reserved, tunnels: never
};

reach classify(const boost::asio::ip::address& ip);

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

/// What a service declares about where its calls may go.
struct endpoint_policy {
  std::vector<origin> allowed;   // scheme, host and port must equal one of these
  bool allow_private = false;    // loopback and private networks
  bool allow_plain_http = false; // http:// at all; a credential also needs a non-public address
};

/// Refuses a URL whose origin the policy does not list, or plain http without permission.
result<void> admit_url(const checked_url& url, const endpoint_policy& policy);

/// Refuses the host when any of its addresses leads where the policy does not allow: a name that
/// answers with both a public and a private address is an attack or a mistake.
result<void> admit_addresses(const checked_url& url,
                             const std::vector<boost::asio::ip::address>& addresses,
                             const endpoint_policy& policy, bool with_credential);

} // namespace behalf
