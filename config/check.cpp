// What only the whole configuration tells, and what only this machine does.
#include "actors/listen_address.hpp"
#include "actors/system.hpp"
#include "config/config.hpp"
#include "secrets/lease_book.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

namespace behalf {

void in_order_of_lines(std::vector<config_problem>& problems) {
  auto line = [](const config_problem& p) {
    auto colon = p.where.rfind(':');
    return colon == p.where.npos ? 0 : std::atoi(p.where.c_str() + colon + 1);
  };
  std::stable_sort(problems.begin(), problems.end(),
                   [&](const auto& a, const auto& b) { return line(a) < line(b); });
}

std::string config_places::of(std::string_view key) const {
  while (!key.empty()) {
    if (auto found = lines.find(std::string(key)); found != lines.end())
      return found->second;
    auto end = key.find_last_of(".[");
    key = key.substr(0, end == key.npos ? 0 : end);
  }
  return file;
}

config_problem problem_of(const error& why, const config_places& places) {
  auto end = std::min(why.message.find(": "), why.message.size());
  auto key = why.message.substr(0, end);
  return {places.of(key), key, why.message.substr(std::min(end + 2, why.message.size()))};
}

std::vector<config_problem> without_identity(const config& c, const config_places& places) {
  std::vector<config_problem> found;
  if (auto ok = check_listen_address(c.system.http.address, false); !ok)
    found.push_back(problem_of(ok.error(), places));
  for (const auto& [name, rule] : c.rules)
    if (about_the_caller(rule)) {
      auto key = "authorization." + name;
      found.push_back({places.of(key), key,
                       "looks at who the caller is, but nobody says so: there is no identity "
                       "section, and no plugin with an authenticate handler"});
    }
  return found;
}

namespace {

// Where a service is configured: its own entry, or the model that it is behind.
std::string place_of(const service_options& s, const config& c) {
  for (const auto& [name, m] : c.models.by_name)
    if (model_service(name) == s.name)
      return "models." + name;
  return "services." + s.name;
}

bool lacks_key(const secret_store_config& s) {
  return s.type == secret_store_config::backend::embedded && s.master_key.empty();
}

// `behalf dev` makes a key for its standard store, and for no other.
std::vector<std::string> stores_without_key(const config& c) {
  std::vector<std::string> keys;
  if (lacks_key(c.secrets) && c.dev.users.empty() && !c.dev.no_auth)
    keys.emplace_back("secrets");
  for (const auto& [name, store] : c.secrets.others)
    if (lacks_key(store))
      keys.push_back("secrets.others." + name);
  return keys;
}

} // namespace

std::vector<config_problem> contradictions(const config& c, const config_places& places) {
  std::vector<config_problem> found;
  auto fault = [&](const std::string& key, std::string message) {
    found.push_back({places.of(key), key, std::move(message)});
  };
  if (c.identity.providers.empty() && c.dev.users.empty() && (c.plugins.empty() || c.no_auth))
    found = without_identity(c, places);
  else if (auto ok = check_listen_address(c.system.http.address, true); !ok)
    found.push_back(problem_of(ok.error(), places));
  for (const auto& s : c.services)
    if (s.credential.from == credential_source::secrets
        && c.secrets.type == secrets_config::backend::none && c.dev.users.empty())
      fault(
        place_of(s, c),
        "takes its credential from secrets, but there is no secrets section. 'behalf serve' needs "
        "secrets: { master_key: file:master.key }, made by: openssl rand -hex 32. 'behalf dev' has "
        "a store of its own: say so by dev: { users: [{ name: alice }] }");
  for (const auto& key : stores_without_key(c))
    fault(key, "lacks master_key: file:master.key, made by: openssl rand -hex 32");
  for (const auto& s : c.services)
    if (!s.credential.store.empty() && !c.secrets.find(s.credential.store))
      fault(place_of(s, c) + (s.own ? ".key.store" : ".credential.store"),
            "there is no '" + s.credential.store + "' in secrets.others");
  const auto most = lease_book_options{}.per_run; // every run opens one for each
  std::size_t credentials = 0;
  for (const auto& s : c.services)
    if (s.takes_credential() && ++credentials == most + 1)
      fault(place_of(s, c), "more than " + std::to_string(most)
                              + " services and models take a credential; take out what no graph "
                                "and no agent uses");
  std::set<std::string> users;
  for (const auto& u : c.dev.users)
    if (!users.insert(u.username).second)
      fault("dev.users", "two users are named '" + u.username + "'");
  in_order_of_lines(found);
  return found;
}

std::vector<config_problem> unreadable_files(const config& c, const config_places& places) {
  std::vector<config_problem> found;
  auto check = [&](const std::string& key, const std::string& file) {
    std::error_code ec;
    errno = 0;
    if (file.empty() || (!std::filesystem::is_directory(file, ec) && std::ifstream{file}))
      return;
    auto why = errno ? std::generic_category().message(errno) : "it is a folder, not a file";
    found.push_back({places.of(key), key, file + " cannot be read: " + why});
  };
  check("server.tls.cert", c.system.http.tls_certificate);
  check("server.tls.key", c.system.http.tls_key);
  check("egress.ca_file", c.egress.ca_file);
  in_order_of_lines(found);
  return found;
}

} // namespace behalf
