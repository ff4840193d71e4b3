#include "config/assemble.hpp"

#include "runtime/auth/identities.hpp"
#include "secrets/embedded_store.hpp"
#include "secrets/master_key.hpp"
#include "secrets/references.hpp"

#include <set>

namespace behalf {
namespace {

error at(std::string_view key, const error& why) {
  auto named = why;
  named.message = std::string(key) + ": " + why.message;
  return named;
}

result<std::unique_ptr<secret_source>> open_embedded(const secrets_config& s,
                                                     reference_resolver& references) {
  if (s.master_key.empty())
    return fail(errc::invalid_argument,
                "secrets.master_key: is needed: file:<path> or env:<name> of a 32-byte key");
  auto bytes = references.resolve(s.master_key, readers::owner_only);
  if (!bytes)
    return at("secrets.master_key", bytes.error());
  auto key = parse_master_key((*bytes)->expose(), s.master_key);
  if (!key)
    return at("secrets.master_key", key.error());
  auto store = embedded_store::open(s.path, std::move(*key));
  if (!store)
    return at("secrets.path", store.error());
  return std::unique_ptr<secret_source>{std::move(*store)};
}

result<std::unique_ptr<secret_source>> make_vault(const config& c, vault_options options) {
  std::set<std::string> issuers;
  for (const auto& any : c.identity.providers)
    issuers.insert(issuer_of(any));
  auto store = vault_store::create(std::move(options), issuers.size() > 1);
  if (!store)
    return at("secrets", store.error());
  return std::unique_ptr<secret_source>{std::move(*store)};
}

result<std::unique_ptr<secret_source>> open_vault(const config& c, reference_resolver& references) {
  auto options = c.secrets.vault.options;
  if (options.login == vault_login_kind::approle) {
    auto role = references.resolve(c.secrets.vault.role_id);
    if (!role)
      return at("secrets.auth.role_id", role.error());
    auto secret = references.resolve(c.secrets.vault.secret_id);
    if (!secret)
      return at("secrets.auth.secret_id", secret.error());
    options.role_id = *role;
    options.secret_id = *secret;
  }
  return make_vault(c, std::move(options));
}

result<std::unique_ptr<secret_source>> open_store(const config& c, reference_resolver& references) {
  switch (c.secrets.type) {
  case secrets_config::kind::none:
    return std::unique_ptr<secret_source>{};
  case secrets_config::kind::embedded:
    return open_embedded(c.secrets, references);
  case secrets_config::kind::vault:
    return open_vault(c, references);
  }
  return std::unique_ptr<secret_source>{};
}

result<void> resolve_clients(config& c, reference_resolver& references) {
  for (const auto& any : c.identity.providers) {
    const auto* p = std::get_if<introspection_settings>(&any);
    if (!p)
      continue;
    if (c.identity.client_secrets.contains(p->client_secret))
      continue;
    auto found = references.resolve(p->client_secret);
    if (!found)
      return at("identity.client_secret", found.error());
    c.identity.client_secrets[p->client_secret] =
      std::make_shared<const wiped_string>((*found)->expose());
  }
  return {};
}

} // namespace

result<void> check_vault(const config& c) {
  auto options = c.secrets.vault.options;
  auto unknown = std::make_shared<const secret>(std::string_view{"not resolved here"});
  if (options.login == vault_login_kind::approle)
    options.role_id = options.secret_id = unknown;
  if (auto made = make_vault(c, std::move(options)); !made)
    return made.error();
  return {};
}

result<live_setup> assemble_live(config given, const std::string& base,
                                 const admission::identity_setup& running) {
  for (const auto& [reference, bytes] : running.client_secrets)
    if (reference.starts_with("env:"))
      given.identity.client_secrets.emplace(reference, bytes);
  reference_resolver references{base};
  if (auto ok = resolve_clients(given, references); !ok)
    return ok.error();
  return live_setup{std::move(given.rules), given.has_rules, std::move(given.identity)};
}

result<system_setup> assemble(config given, const std::string& base, const library_file& file_of) {
  reference_resolver references{base};
  system_setup to;
  auto libraries = load_libraries(given, file_of);
  if (!libraries)
    return libraries.error();
  to.plugins = std::move(libraries->handlers);
  to.graphs = std::move(libraries->graphs);
  if (auto ok = resolve_clients(given, references); !ok)
    return ok.error();
  auto secrets = open_store(given, references);
  if (!secrets)
    return secrets.error();
  to.secrets = std::move(*secrets);
  to.options = given.system;
  to.options.limits = given.identity.limits;
  to.egress = given.egress;
  to.storage = given.storage;
  to.services = std::move(given.services);
  to.identity = std::move(given.identity);
  to.rules = std::move(given.rules);
  to.has_rules = given.has_rules;
  to.audit_path = given.audit_path;
  to.threads = given.threads;
  to.spare_threads = given.spare_threads;
  return to;
}

} // namespace behalf
