// `behalf api-key`: a new key for a program, and the line by which the configuration knows it.
#include "config/commands.hpp"
#include "runtime/auth/api_keys.hpp"
#include "secrets/process.hpp"

#include <cstdio>
#include <unistd.h>

namespace behalf {
namespace {

int refused(const std::string& why) {
  std::fprintf(stderr, "behalf: %s\n", why.c_str());
  return exit_usage;
}

// Past stdio, whose buffer would keep a copy.
bool write_all(std::string_view text) {
  while (!text.empty()) {
    auto n = write(STDOUT_FILENO, text.data(), text.size());
    if (n <= 0)
      return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string quoted(const std::string& text) {
  return dump(json::value(text));
}

// One entry of `keys`, as YAML on one line. JSON's texts are YAML's, whatever is in them.
std::string entry_line(const api_key_command& given, const std::string& sha256) {
  auto line = "- { sha256: " + quoted(sha256) + ", subject: " + quoted(given.subject);
  if (given.tenant != "default")
    line += ", tenant: " + quoted(given.tenant);
  if (!given.identity_prefix.empty())
    line += ", identity_prefix: " + quoted(given.identity_prefix);
  if (!given.display_name.empty())
    line += ", display_name: " + quoted(given.display_name);
  std::string permissions;
  for (const auto& one : given.permissions)
    permissions += (permissions.empty() ? "" : ", ") + quoted(one);
  if (!permissions.empty())
    line += ", permissions: [" + permissions + "]";
  if (!given.expires_at.empty())
    line += ", expires: " + quoted(given.expires_at);
  return line + " }\n";
}

} // namespace

int run_api_key(const api_key_command& given) {
  harden_process();
  if (!given.expires_at.empty()) {
    auto at = parse_iso8601(given.expires_at);
    if (!at)
      return refused("--expires-at must be like 2027-01-31T00:00:00Z");
    if (*at <= now())
      return refused("--expires-at is in the past");
  }
  auto made = generate_api_key();
  api_key_entry entry;
  entry.sha256 = made.sha256;
  entry.subject = given.subject;
  entry.tenant = given.tenant;
  if (auto ok = api_keys::make({entry}); !ok)
    return refused("--subject and --tenant must not be empty");
  made.key.push_back('\n');
  auto about =
    "# The key above is shown this once; programs send it as X-Api-Key. The configuration\n"
    "# needs only its hash, as one of the `keys` of an identity of `type: api_key`:\n"
    + entry_line(given, made.sha256);
  if (write_all(made.key.view()) && write_all(about))
    return exit_ok;
  std::fprintf(stderr, "behalf: standard output could not be written; nobody has the key\n");
  return exit_failed;
}

} // namespace behalf
