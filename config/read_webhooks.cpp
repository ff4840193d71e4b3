// webhooks.
#include "config/sections.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"
#include "secrets/references.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t most_headers = 32;
constexpr const char* allows_none = "must name one at least; without the key all are allowed";

bool is_domain(std::string_view text) {
  if (text.starts_with("*."))
    text.remove_prefix(2);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

void read_places(yaml_section& in, runs::webhook_options& o) {
  in.texts("allowed_domains", o.allowed_domains);
  if (in.kind("allowed_domains") == 'l' && o.allowed_domains.empty())
    in.fault("allowed_domains", allows_none);
  if (!std::all_of(o.allowed_domains.begin(), o.allowed_domains.end(), is_domain))
    in.fault("allowed_domains",
             "must be names in lower case, such as example.com or *.example.com");
  std::vector<std::string> ports;
  in.texts("allowed_ports", ports);
  if (in.kind("allowed_ports") == 'l' && ports.empty())
    in.fault("allowed_ports", allows_none);
  for (const auto& text : ports) {
    const bool digits =
      !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == text.npos;
    if (!digits || std::stoi(text) < 1 || std::stoi(text) > 65535)
      return in.fault("allowed_ports", "a port is a number from 1 to 65535");
    o.allowed_ports.push_back(static_cast<uint16_t>(std::stoi(text)));
  }
}

bool is_the_servers(std::string_view name) {
  return is_header(name, header_class::framing | header_class::proxy | header_class::part)
         || same_ignoring_case(name, "content-type")
         || same_ignoring_case(name.substr(0, 8), "webhook-");
}

bool is_printable(char c) {
  return c >= 0x20 && c < 0x7f;
}

void read_headers(yaml_section in, webhook_settings& out) {
  auto names = in.keys();
  if (names.size() > most_headers)
    in.fault("", "has more than " + std::to_string(most_headers) + " headers");
  for (const auto& name : names) {
    std::string value;
    in.text(name, value);
    if (!is_field_name(name))
      in.fault(name, "is no name of a header field");
    else if (is_the_servers(name))
      in.fault(name, "cannot be set: the server decides on this field");
    if (!std::all_of(value.begin(), value.end(), is_printable))
      in.fault(name, "must be of printable ASCII characters");
    out.headers.emplace_back(name, std::move(value));
  }
}

} // namespace

void read_webhooks(yaml_section in, config& out) {
  auto& o = out.system.webhooks;
  in.flag("allow_http", o.allow_http);
  in.flag("allow_private", o.allow_private);
  read_places(in, o);
  in.texts("secrets", out.webhooks.secrets);
  for (const auto& one : out.webhooks.secrets)
    if (auto ok = parse_reference(one); !ok)
      in.fault("secrets", ok.error().message);
  if (auto headers = in.section("headers"))
    read_headers(std::move(*headers), out.webhooks);
  in.duration("timeout", o.timeout);
  in.duration("first_pause", o.first_pause);
  in.number("max_tries", o.max_tries, 1, 100);
  in.number("at_once", o.at_once, 1, 10'000);
  in.number("at_once_per_user", o.at_once_per_user, 1, 10'000);
  in.number("max_body_bytes", o.max_body_bytes, 1024, 64 << 20);
  in.finish();
}

} // namespace behalf
