// By hand: Boost.URL 1.81 takes "http://127.0.0.1.evil.test/" for the host 127.0.0.1 with the path
// ".evil.test/", and a guard must not depend on such readings.
#include "runtime/net/url.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace behalf {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t max_url = 16 * 1024;
constexpr std::size_t max_path = 8192; // of those joined to a base
constexpr int max_rounds = 4;          // of escapes of escapes
constexpr auto npos = std::string_view::npos;

error refuse(std::string why) {
  return fail(errc::denied, std::move(why));
}

// Would some resolver read this last label as a number ("127.1", "0x7f000001", "017")?
bool numeric_label(std::string_view label) {
  if (std::all_of(label.begin(), label.end(), is_digit))
    return true;
  return label.starts_with("0x")
         && std::all_of(label.begin() + 2, label.end(), [](char c) { return hex_value(c) >= 0; });
}

bool valid_label(std::string_view label) {
  return made_of(label, "-_") && label.size() <= 63 && !label.starts_with('-')
         && !label.ends_with('-');
}

result<std::string> normal_name(std::string_view text) {
  auto name = ascii_lower(text);
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
    more = dot != npos;
    rest.remove_prefix(more ? dot + 1 : 0);
  }
  if (numeric_label(label))
    return refuse("the URL's host is a number in a form that is not four plain decimal numbers");
  return name;
}

// What is between "//" and the path.
struct authority {
  std::string_view host, port;
  bool v6 = false, has_port = false;
};

result<authority> split_authority(std::string_view text) {
  authority out;
  if (text.find('@') != npos)
    return refuse("the URL holds user information");
  std::string_view rest;
  if (text.starts_with('[')) {
    auto end = text.find(']');
    if (end == npos)
      return refuse("the URL's host is not a valid IPv6 address");
    out.v6 = true;
    out.host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    auto end = std::min(text.find(':'), text.size());
    out.host = text.substr(0, end);
    rest = text.substr(end);
  }
  out.has_port = rest.starts_with(':');
  if (!rest.empty() && !out.has_port)
    return refuse("the URL's host is not valid");
  if (out.has_port)
    out.port = rest.substr(1);
  return out;
}

result<std::string> normal_host(const authority& from) {
  boost::system::error_code ec;
  std::string text{from.host};
  if (!from.v6) {
    ip::make_address_v4(text, ec);
    return ec ? normal_name(text) : result<std::string>{text};
  }
  auto zone = text.find('%') != npos;
  auto address = ip::make_address_v6(text, ec);
  if (ec || zone)
    return refuse("the URL's host is not a valid IPv6 address");
  return address.to_string();
}

result<uint16_t> normal_port(const authority& from, bool tls) {
  if (!from.has_port)
    return static_cast<uint16_t>(tls ? 443 : 80);
  unsigned value = 0;
  auto end = from.port.data() + from.port.size();
  auto [at, ec] = std::from_chars(from.port.data(), end, value);
  if (ec != std::errc{} || at != end || from.port.size() > 5 || value == 0 || value > 65535)
    return refuse("the URL's port is not a number from 1 to 65535");
  return static_cast<uint16_t>(value);
}

// Path and query of RFC 3986: no quotes, brackets or backslashes, and whole escapes.
bool valid_target(std::string_view text) {
  return (text.empty() || made_of(text, "-._~!$&'()*+,;=:@/?%")) && whole_escapes(text);
}

// Escapes of escapes resolved too: what the most eager server might make of the path.
std::string resolve(std::string text) {
  for (int round = 0; round < max_rounds; ++round) {
    auto plain = loose_percent_decode(text);
    if (plain == text)
      break;
    text = std::move(plain);
  }
  return text;
}

// True when a segment means "here" or "above", or when a byte may end a line or a name.
bool climbs(std::string_view path) {
  if (std::any_of(path.begin(), path.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return true;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find_first_of("/\\", begin), path.size());
    // Some servers cut parameters off a segment before they look at it: "..;x".
    const auto segment = path.substr(begin, end - begin);
    const auto name = segment.substr(0, segment.find(';'));
    if (name == "." || name == "..")
      return true;
    begin = end + 1;
  }
  return false;
}

std::optional<ip::address> ip_of(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  boost::system::error_code ec;
  auto address = ip::make_address(std::string{host}, ec);
  return ec ? std::nullopt : std::optional{address};
}

bool visible(char c) {
  return c > 0x20 && c < 0x7f;
}

} // namespace

std::string origin::text() const {
  bool v6 = host.find(':') != npos;
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
  if (!std::all_of(text.begin(), text.end(), visible))
    return refuse("the URL holds a space, a control byte or a byte outside ASCII");
  auto colon = text.find("://");
  checked_url out;
  if (same_ignoring_case(text.substr(0, colon), "https"))
    out.where.scheme = "https";
  else if (same_ignoring_case(text.substr(0, colon), "http"))
    out.where.scheme = "http";
  if (colon == npos || out.where.scheme.empty())
    return refuse("the URL does not begin with http:// or https://");
  text.remove_prefix(colon + 3);
  auto end = std::min(text.find_first_of("/?#\\"), text.size());
  auto from = split_authority(text.substr(0, end));
  if (!from)
    return from.error();
  auto target = text.substr(end);
  if (target.find('#') != npos)
    return refuse("the URL has a fragment");
  if (!valid_target(target))
    return refuse("the URL's path or query is not valid");
  auto host = normal_host(*from);
  if (!host)
    return host.error();
  auto port = normal_port(*from, out.where.tls());
  if (!port)
    return port.error();
  out.where.host = std::move(*host);
  out.where.port = *port;
  out.target = target.starts_with('/') ? "" : "/";
  out.target += target;
  return out;
}

result<origin> parse_origin(std::string_view base_url) {
  auto url = check_url(base_url);
  if (!url)
    return url.error();
  return std::move(url->where);
}

result<std::string> join_url(std::string_view base, std::string_view path) {
  if (path.size() > max_path)
    return fail(errc::invalid_argument, "a path may have 8192 bytes");
  const auto own = path.substr(0, path.find('?'));
  if (!std::all_of(path.begin(), path.end(), visible) || path.find_first_of("#\\") != npos
      || !whole_escapes(path))
    return fail(errc::invalid_argument,
                "a path may hold visible ASCII and whole %XX escapes, no '#' and no '\\'");
  if (own.starts_with("//") || own.substr(0, own.find('/')).find(':') != npos)
    return fail(errc::invalid_argument, "a path may not name a scheme or host");
  if (climbs(resolve(std::string{own})))
    return fail(errc::invalid_argument,
                "a path may not hold '.' or '..' segments or control bytes");
  if (own.empty())
    return std::string{base}.append(path);
  if (base.ends_with('/'))
    base.remove_suffix(1);
  std::string url{base};
  if (!own.starts_with('/'))
    url += '/';
  return url.append(path);
}

bool is_ip_literal(std::string_view host) {
  return ip_of(host).has_value();
}

bool is_local_name(std::string_view host) {
  const auto address = ip_of(host);
  return address ? address->is_loopback() : host == "localhost";
}

std::string listen_address(std::string_view address) {
  return std::string{address == "localhost" ? "127.0.0.1" : address};
}

std::string_view authority_of(std::string_view origin) {
  const auto mark = origin.find("://");
  return mark == npos ? std::string_view{} : origin.substr(mark + 3);
}

std::string_view without_port(std::string_view authority) {
  const auto colon = authority.rfind(':');
  const bool port = colon != npos && authority.find_first_not_of("0123456789", colon + 1) == npos;
  return port ? authority.substr(0, colon) : authority;
}

} // namespace behalf
