#include "runtime/http/net_guard.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace behalf {

namespace ip = boost::asio::ip;

namespace {

struct range4 {
  uint32_t net;
  unsigned bits;
  reach leads;
};

constexpr uint32_t v4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// IANA's special-purpose registry (RFC 6890 and successors), then the addresses at which clouds
// answer with credentials although their ranges are private or public. First match wins.
constexpr range4 ranges4[] = {
  {v4(100, 100, 100, 200), 32, reach::forbidden}, // Alibaba's metadata
  {v4(168, 63, 129, 16), 32, reach::forbidden},   // Azure's wire server
  {v4(0, 0, 0, 0), 8, reach::forbidden},           {v4(10, 0, 0, 0), 8, reach::private_network},
  {v4(100, 64, 0, 0), 10, reach::private_network}, {v4(127, 0, 0, 0), 8, reach::loopback},
  {v4(169, 254, 0, 0), 16, reach::forbidden},      {v4(172, 16, 0, 0), 12, reach::private_network},
  {v4(192, 0, 0, 0), 24, reach::forbidden},        {v4(192, 0, 2, 0), 24, reach::forbidden},
  {v4(192, 88, 99, 0), 24, reach::forbidden},      {v4(192, 168, 0, 0), 16, reach::private_network},
  {v4(198, 18, 0, 0), 15, reach::forbidden},       {v4(198, 51, 100, 0), 24, reach::forbidden},
  {v4(203, 0, 113, 0), 24, reach::forbidden},      {v4(224, 0, 0, 0), 4, reach::forbidden},
  {v4(240, 0, 0, 0), 4, reach::forbidden},
};

reach classify4(uint32_t address) {
  for (const auto& range : ranges4)
    if ((address ^ range.net) >> (32 - range.bits) == 0)
      return range.leads;
  return reach::global;
}

struct range6 {
  ip::address_v6::bytes_type net;
  unsigned bits;
  reach leads;
};

// What is not listed is global inside 2000::/3 and forbidden elsewhere.
constexpr range6 ranges6[] = {
  {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, reach::loopback},
  {{0xfd, 0, 0x0e, 0xc2}, 32, reach::forbidden}, // Amazon's metadata, inside fc00::/7
  {{0xfc}, 7, reach::private_network},
  {{0x20, 0x01}, 23, reach::forbidden},             // protocol assignments, Teredo
  {{0x20, 0x01, 0x0d, 0xb8}, 32, reach::forbidden}, // documentation
  {{0x20, 0x02}, 16, reach::forbidden},             // 6to4
  {{0x3f, 0xff}, 20, reach::forbidden},             // documentation
  {{0x20}, 3, reach::global},
};

bool within(const ip::address_v6::bytes_type& address, const range6& range) {
  for (unsigned bit = 0; bit < range.bits; bit += 8) {
    unsigned left = std::min(8u, range.bits - bit);
    if ((address[bit / 8] ^ range.net[bit / 8]) >> (8 - left) != 0)
      return false;
  }
  return true;
}

reach classify6(const ip::address_v6& address) {
  auto b = address.to_bytes();
  auto embedded = v4(b[12], b[13], b[14], b[15]);
  if (address.is_v4_mapped())
    return classify4(embedded);
  constexpr range6 nat64{{0, 0x64, 0xff, 0x9b}, 96, reach::forbidden};
  if (within(b, nat64)) // a translator would carry it into its own private networks
    return classify4(embedded) == reach::global ? reach::global : reach::forbidden;
  for (const auto& range : ranges6)
    if (within(b, range))
      return range.leads;
  return reach::forbidden;
}

error refuse(std::string why) {
  return fail(errc::denied, std::move(why));
}

} // namespace

reach classify(const ip::address& address) {
  return address.is_v4() ? classify4(address.to_v4().to_uint()) : classify6(address.to_v6());
}

bool is_private_host(const std::string& host) {
  boost::system::error_code is_a_name;
  const auto address = ip::make_address(host, is_a_name);
  if (is_a_name)
    return host == "localhost";
  const auto leads = classify(address);
  return leads == reach::loopback || leads == reach::private_network;
}

result<void> admit_url(const checked_url& url, const endpoint_policy& policy) {
  const auto& allowed = policy.allowed;
  if (std::find(allowed.begin(), allowed.end(), url.where) == allowed.end())
    return refuse(url.where.text() + " is not among the hosts this service declares");
  if (!url.where.tls() && !policy.allow_plain_http)
    return refuse(url.where.text()
                  + " is plain HTTP, which this service does not allow (allow_http)");
  return {};
}

result<void> admit_addresses(const checked_url& url, const std::vector<ip::address>& addresses,
                             const endpoint_policy& policy, bool with_credential) {
  if (addresses.empty())
    return fail(errc::upstream, url.where.text() + " has no address");
  for (const auto& address : addresses) {
    auto leads = classify(address);
    if (leads == reach::forbidden)
      return refuse(url.where.text() + " leads to a reserved address");
    if (leads != reach::global && !policy.allow_private)
      return refuse(
        url.where.text()
        + " leads to a private address, which this service does not allow (allow_private)");
    if (leads == reach::global && with_credential && !url.where.tls())
      return refuse(url.where.text() + " is public: a credential does not go there without TLS");
  }
  return {};
}

} // namespace behalf
