#include "config/assemble.hpp"

#include "agents/models/spending.hpp"
#include "runtime/auth/provider_conflicts.hpp"
#include "secrets/embedded_store.hpp"
#include "secrets/inject.hpp"
#include "secrets/master_key.hpp"
#include "secrets/references.hpp"
#include "secrets/secret_call.hpp"

#include <algorithm>
#include <set>

namespace behalf {
namespace {

error at(std::string_view key, const error& why) {
  auto named = why;
  named.message = std::string(key) + ": " + why.message;
  return named;
}

// `key`: of the store in the file.
result<std::unique_ptr<secret_source>> open_embedded(const std::string& key,
                                                     const secret_store_config& s,
                                                     reference_resolver& references) {
  if (s.master_key.empty())
    return fail(errc::invalid_argument,
                key + ".master_key: is needed: file:<path> or env:<name> of a 32-byte key");
  auto master = resolve_master_key(s.master_key, references);
  if (!master)
    return at(key + ".master_key", master.error());
  auto store = embedded_store::open(s.path, std::move(*master));
  if (!store)
    return at(key + ".path", store.error());
  return std::unique_ptr<secret_source>{std::move(*store)};
}

result<std::unique_ptr<secret_source>> make_vault(const config& c, const std::string& key,
                                                  vault_options options) {
  std::set<std::string> issuers;
  for (const auto& any : c.identity.providers)
    issuers.insert(issuer_of(any));
  auto store = vault_store::create(std::move(options), issuers.size() > 1);
  if (!store)
    return at(key, store.error());
  return std::unique_ptr<secret_source>{std::move(*store)};
}

result<std::unique_ptr<secret_source>> open_vault(const config& c, const std::string& key,
                                                  const secret_store_config& s,
                                                  reference_resolver& references) {
  auto options = s.vault.options;
  if (options.login == vault_login_kind::approle) {
    auto role = references.resolve(s.vault.role_id);
    if (!role)
      return at(key + ".auth.role_id", role.error());
    auto secret = references.resolve(s.vault.secret_id);
    if (!secret)
      return at(key + ".auth.secret_id", secret.error());
    options.role_id = *role;
    options.secret_id = *secret;
  }
  return make_vault(c, key, std::move(options));
}

result<std::unique_ptr<secret_source>> open_store(const config& c, const std::string& name,
                                                  reference_resolver& references) {
  const auto& s = *c.secrets.find(name);
  const auto key = name.empty() ? "secrets" : "secrets.others." + name;
  return s.type == secret_store_config::backend::embedded ? open_embedded(key, s, references)
                                                          : open_vault(c, key, s, references);
}

// One that cannot be sent as it is would fail each call, and only there.
result<stored_credential_ptr> read_server_key(const server_key& key, const config& c,
                                              reference_resolver& references) {
  auto value = references.resolve(key.reference);
  if (!value)
    return value.error();
  auto credential =
    std::make_shared<const stored_credential>(stored_credential{secret{(*value)->expose()}});
  const auto service = std::find_if(c.services.begin(), c.services.end(),
                                    [&](const auto& one) { return one.name == key.service; });
  if (service != c.services.end())
    if (auto writer = make_writer(service->credential.inject, credential); !writer)
      return fail(errc::invalid_argument,
                  key.reference
                    + " cannot be sent as a key: it has to be one line, without blanks "
                      "and control characters, of at most 16 KiB");
  return credential;
}

result<secret_sources> open_stores(const config& c, reference_resolver& references) {
  std::vector<std::string> names;
  if (c.secrets.find({}))
    names.emplace_back();
  for (const auto& [name, store] : c.secrets.others)
    names.push_back(name);
  secret_sources all;
  for (const auto& name : names) {
    auto source = open_store(c, name, references);
    if (!source)
      return source.error();
    all.add(name, std::move(*source));
  }
  return all;
}

result<void> check_vault(const config& c, const std::string& key, const secret_store_config& s) {
  if (s.type != secret_store_config::backend::vault)
    return {};
  auto options = s.vault.options;
  auto unknown = std::make_shared<const secret>(std::string_view{"not resolved here"});
  if (options.login == vault_login_kind::approle)
    options.role_id = options.secret_id = unknown;
  if (auto made = make_vault(c, key, std::move(options)); !made)
    return made.error();
  return {};
}

// A reference; empty for providers that need no secret.
std::string client_secret_of(const identity_settings& any) {
  return std::visit(
    [](const auto& p) -> std::string {
      if constexpr (requires { p.client_secret; })
        return p.client_secret;
      return {};
    },
    any);
}

result<void> resolve_clients(config& c, reference_resolver& references) {
  for (const auto& any : c.identity.providers) {
    const auto reference = client_secret_of(any);
    if (reference.empty() || c.identity.client_secrets.contains(reference))
      continue;
    auto found = references.resolve(reference);
    if (!found)
      return at("identity.client_secret", found.error());
    c.identity.client_secrets[reference] = std::make_shared<const wiped_string>((*found)->expose());
  }
  return {};
}

result<storage_encryption> resolve_encryption(const config& c, reference_resolver& references) {
  storage_encryption to{nullptr, c.encryption.seal};
  if (c.encryption.master_key.empty())
    return to;
  auto key = resolve_master_key(c.encryption.master_key, references);
  if (!key)
    return at("encryption.master_key", key.error());
  to.master_key = std::make_shared<const secret>(std::move(*key));
  return to;
}

// A text that is no reference stands for itself.
result<secret_ptr> text_or_secret(const std::string& text, reference_resolver& references) {
  if (parse_reference(text))
    return references.resolve(text);
  return std::make_shared<const secret>(std::string_view{text});
}

result<webhook_secrets> resolve_webhooks(const webhook_settings& given,
                                         reference_resolver& references) {
  webhook_secrets to;
  for (const auto& reference : given.secrets) {
    auto text = references.resolve(reference);
    auto key = text ? webhook_key(**text) : result<secret_ptr>{text.error()};
    if (!key)
      return at("webhooks.secrets", key.error());
    to.keys.push_back(std::move(*key));
  }
  for (const auto& [name, text] : given.headers) {
    auto value = text_or_secret(text, references);
    if (!value)
      return at("webhooks.headers." + name, value.error());
    to.headers.emplace_back(name, std::move(*value));
  }
  secret_call sample;
  sample.secret_headers = to.headers;
  if (auto ok = to_wire(sample, {}, {}); !ok)
    return at("webhooks.headers", ok.error());
  return to;
}

// Whose spending by day is limited.
std::set<std::string, std::less<>> with_budgets(const config& given) {
  std::set<std::string, std::less<>> names;
  for (const auto& [name, model] : given.models.by_name)
    if (model.limits.by_day())
      names.insert("model " + name);
  for (const auto& agent : given.agents)
    if (agent.limits.spending.by_day() || agent.limits.tool_calls_per_user_per_day > 0)
      names.insert("agent " + agent.name);
  return names;
}

} // namespace

result<void> check_stores(const config& c) {
  if (auto ok = check_vault(c, "secrets", c.secrets); !ok)
    return ok;
  for (const auto& [name, store] : c.secrets.others)
    if (auto ok = check_vault(c, "secrets.others." + name, store); !ok)
      return ok;
  return {};
}

result<std::unique_ptr<secret_source>> open_secrets(const config& given, const std::string& base,
                                                    const std::string& name) {
  reference_resolver references{base};
  return open_store(given, name, references);
}

result<storage_encryption> open_encryption(const config& given, const std::string& base) {
  reference_resolver references{base};
  return resolve_encryption(given, references);
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
  auto secrets = open_stores(given, references);
  if (!secrets)
    return secrets.error();
  to.secrets = std::move(*secrets);
  for (const auto& one : given.server_keys) {
    auto key = read_server_key(one, given, references);
    if (!key)
      return at(one.key, key.error());
    to.server_keys.emplace(one.service, std::move(*key));
  }
  auto encryption = resolve_encryption(given, references);
  if (!encryption)
    return encryption.error();
  auto webhooks = resolve_webhooks(given.webhooks, references);
  if (!webhooks)
    return webhooks.error();
  to.webhooks = std::move(*webhooks);
  to.options = given.system;
  to.options.limits = given.identity.limits;
  to.egress = given.egress;
  to.storage = given.storage;
  to.storage.encryption = std::move(*encryption);
  to.services = std::move(given.services);
  if (!given.models.by_name.empty())
    to.spending = std::make_shared<day_spending>(with_budgets(given));
  to.models = std::make_shared<const model_directory>(std::move(given.models));
  to.identity = std::move(given.identity);
  to.rules = std::move(given.rules);
  to.has_rules = given.has_rules;
  to.audit_path = given.audit_path;
  to.threads = given.threads;
  to.spare_threads = given.spare_threads;
  return to;
}

} // namespace behalf
