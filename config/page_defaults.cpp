// Which web pages and which names of ours a server takes by default.
#include "config/config.hpp"
#include "runtime/base/text.hpp"

#include <algorithm>

namespace behalf {
namespace {

// As a Host field has it: an IPv6 address in brackets.
std::string host_form(const std::string& address) {
  return address.find(':') == address.npos ? ascii_lower(address) : "[" + address + "]";
}

void lower(std::vector<std::string>& names) {
  for (auto& name : names)
    name = ascii_lower(name);
}

} // namespace

void complete_page_rules(config& c, bool dev) {
  auto& http = c.system.http;
  auto& hosts = http.pages.hosts;
  http.pages.public_url = http.public_url;
  http.pages.own_pages_only = {"dev"};
  const auto address = host_form(http.address);
  const bool local = dev || is_local_name(address);
  if (!c.origins_given && local)
    http.cors.allow_origins = {"local"};
  lower(hosts);
  if (std::find(hosts.begin(), hosts.end(), "*") != hosts.end())
    return hosts.clear();
  if (!local && hosts.empty())
    return;
  for (const auto* name : {"localhost", "127.0.0.1", "[::1]"})
    hosts.emplace_back(name);
  hosts.push_back(address);
  if (address == "0.0.0.0" || address == "[::]")
    hosts.emplace_back("ip"); // no page has an address for its name but the machine's own
  auto reached = authority_of(http.public_url);
  reached = reached.substr(0, reached.find('/'));
  if (!reached.empty())
    hosts.push_back(ascii_lower(without_port(reached)));
}

} // namespace behalf
