// Reads and normalises URLs. By hand: Boost.URL 1.81 takes "http://127.0.0.1.evil.test/" for the
// host 127.0.0.1 with the path ".evil.test/", and a guard must not depend on such readings.
#include "runtime/base/text.hpp"
#include "runtime/http/net_guard.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>

namespace behalf {

namespace ip = boost::asio::ip;

namespace {

constexpr std::size_t max_url = 16 * 1024;
constexpr auto npos = std::string_view::npos;

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

bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Path and query of RFC 3986: no quotes, brackets or backslashes, and whole escapes.
bool valid_target(std::string_view text) {
  constexpr std::string_view others = "-._~!$&'()*+,;=:@/?";
  auto hex = [](char c) { return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f'); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !hex(text[i + 1]) || !hex(text[i + 2]))
        return false;
      i += 2;
    } else if (!is_alnum(text[i]) && others.find(text[i]) == npos)
      return false;
  }
  return true;
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
  auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
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

} // namespace behalf
