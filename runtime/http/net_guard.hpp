// Where a call may go: which hosts a service declared, which addresses lead outside. Everything
// unclear is refused.
#pragma once

#include "behalf/error.hpp"
#include "runtime/net/url.hpp"

#include <cstdint>
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

/// Whether this is `localhost`, or an address of this machine or a private network. Where other
/// names lead is known once they are looked up.
bool is_private_host(const std::string& host);

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
