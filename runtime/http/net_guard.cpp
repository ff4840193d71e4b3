#include "runtime/http/net_guard.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

namespace behalf {

namespace ip = boost::asio::ip;

namespace {

constexpr std::size_t max_url = 16 * 1024;

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

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

// Would some resolver read this last label as a number ("127.1", "0x7f000001", "017")?
bool numeric_label(std::string_view label) {
  if (std::all_of(label.begin(), label.end(), is_digit))
    return true;
  return label.starts_with("0x") && std::all_of(label.begin() + 2, label.end(), is_hex);
}

bool valid_label(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
    return false;
  return std::all_of(label.begin(), label.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
}

result<std::string> normal_name(std::string_view text) {
  std::string name{text};
  for (char& c : name)
    if (c >= 'A' && c <= 'Z')
      c += 'a' - 'A';
  if (name.ends_with('.'))
    name.pop_back();
  if (name.empty())
    return refuse("the URL has no host");
  if (name.size() > 253)
    return refuse("the URL's host is longer than a name may be");
  std::string_view rest = name, label;
  for (bool more = true; more;) {
    auto dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!valid_label(label))
      return refuse("the URL's host is not a valid name");
    more = dot != std::string_view::npos;
    rest.remove_prefix(more ? dot + 1 : 0);
  }
  if (numeric_label(label))
    return refuse("the URL's host is a number in a form that is not four plain decimal numbers");
  return name;
}

result<std::string> normal_host(const boost::urls::url_view& url) {
  auto text = url.encoded_host();
  boost::system::error_code ec;
  switch (url.host_type()) {
  case boost::urls::host_type::ipv4: // or only begins like one
    if (ip::make_address_v4(std::string{text.data(), text.size()}, ec); !ec)
      return std::string{text.data(), text.size()};
    [[fallthrough]];
  case boost::urls::host_type::name:
    return normal_name({text.data(), text.size()});
  case boost::urls::host_type::ipv6: {
    auto address = ip::make_address_v6(std::string{text.data() + 1, text.size() - 2}, ec);
    if (ec || address.scope_id() != 0)
      return refuse("the URL's host is not a valid IPv6 address");
    return address.to_string();
  }
  default:
    return refuse("the URL has no host");
  }
}

result<uint16_t> normal_port(const boost::urls::url_view& url, bool tls) {
  if (!url.has_port())
    return static_cast<uint16_t>(tls ? 443 : 80);
  auto text = url.port();
  unsigned value = 0;
  auto end = text.data() + text.size();
  auto [at, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc{} || at != end || text.size() > 5 || value == 0 || value > 65535)
    return refuse("the URL's port is not a number from 1 to 65535");
  return static_cast<uint16_t>(value);
}

std::string target_of(const boost::urls::url_view& url) {
  auto path = url.encoded_path();
  std::string target{path.data(), path.size()};
  if (target.empty())
    target = "/";
  if (url.has_query()) {
    auto query = url.encoded_query();
    target.append("?").append(query.data(), query.size());
  }
  return target;
}

} // namespace

reach classify(const ip::address& address) {
  return address.is_v4() ? classify4(address.to_v4().to_uint()) : classify6(address.to_v6());
}

std::string origin::text() const {
  bool v6 = host.find(':') != std::string::npos;
  return scheme + "://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string origin::authority() const {
  auto whole = text().substr(scheme.size() + 3);
  if (port == (tls() ? 443 : 80))
    whole.resize(whole.rfind(':'));
  return whole;
}

result<checked_url> check_url(std::string_view text) {
  if (text.size() > max_url)
    return refuse("the URL is longer than 16384 bytes");
  auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!std::all_of(text.begin(), text.end(), visible))
    return refuse("the URL holds a space, a control byte or a byte outside ASCII");
  auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed)
    return refuse("the URL is not valid");
  const auto& url = *parsed;
  checked_url out;
  if (url.scheme_id() == boost::urls::scheme::https)
    out.where.scheme = "https";
  else if (url.scheme_id() == boost::urls::scheme::http)
    out.where.scheme = "http";
  else
    return refuse("the URL's scheme is not http or https");
  if (!url.has_authority())
    return refuse("the URL has no host");
  if (url.has_userinfo())
    return refuse("the URL holds user information");
  if (url.has_fragment())
    return refuse("the URL has a fragment");
  auto host = normal_host(url);
  if (!host)
    return host.error();
  auto port = normal_port(url, out.where.tls());
  if (!port)
    return port.error();
  out.where.host = std::move(*host);
  out.where.port = *port;
  out.target = target_of(url);
  return out;
}

result<origin> parse_origin(std::string_view base_url) {
  auto url = check_url(base_url);
  if (!url)
    return url.error();
  return std::move(url->where);
}

result<void> admit_url(const checked_url& url, const endpoint_policy& policy) {
  const auto& allowed = policy.allowed;
  if (std::find(allowed.begin(), allowed.end(), url.where) == allowed.end())
    return refuse(url.where.text() + " is not among the hosts this service declares");
  if (!url.where.tls() && !policy.allow_plain_http)
    return refuse(url.where.text() + " is plain HTTP, which this service does not allow");
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
      return refuse(url.where.text()
                    + " leads to a private address, which this service does not allow");
    if (leads == reach::global && with_credential && !url.where.tls())
      return refuse(url.where.text() + " is public: a credential does not go there without TLS");
  }
  return {};
}

} // namespace behalf
