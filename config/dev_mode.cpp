#include "config/dev_mode.hpp"

#include "runtime/auth/provider_conflicts.hpp"
#include "secrets/master_key.hpp"

#include <filesystem>

namespace behalf {
namespace {

namespace fs = std::filesystem;

void add_users(config& c) {
  for (const auto* name : {"alice", "bob"}) {
    dev_user u;
    u.username = u.password = name;
    c.dev.users.push_back(std::move(u));
  }
}

void add_hello(config& c) {
  graph_source hello;
  hello.key = "graphs";
  hello.graph = "hello";
  c.graphs.push_back(std::move(hello));
}

// What is kept here is its user's alone. A folder that was there is closed where nothing else is in
// it, or what such a server has kept: one with files of others may be open for good reasons.
result<void> keep_for_user(const std::string& folder) {
  std::error_code ec;
  const bool ours = !fs::exists(folder, ec) || fs::is_empty(folder, ec)
                    || fs::exists(folder + "/master.key", ec)
                    || fs::exists(folder + "/behalf.db", ec);
  fs::create_directories(folder, ec);
  if (ec)
    return fail(errc::internal, "--data: cannot make " + folder + ": " + ec.message());
  const auto others = fs::perms::group_all | fs::perms::others_all;
  if ((fs::status(folder, ec).permissions() & others) == fs::perms::none)
    return {};
  if (!ours)
    return fail(errc::internal, "--data: others on this machine may look into " + folder
                                  + ", which is not empty: give a folder that is only for this, "
                                    "or close it (chmod 700)");
  fs::permissions(folder, fs::perms::owner_all, ec);
  if (ec)
    return fail(errc::internal,
                "--data: cannot keep others out of " + folder + ": " + ec.message());
  return {};
}

} // namespace

std::string kept_in_dev_folder(const secrets_config& c) {
  if (c.type == secrets_config::backend::vault || !c.master_key.empty())
    return {};
  return c.path == secrets_config{}.path ? "/secrets.db" : "/master.key";
}

result<void> complete_for_dev(config& c, const std::string& folder, bool from_file, bool no_auth) {
  if (auto ok = keep_for_user(folder); !ok)
    return ok;
  config untouched;
  if (c.storage.url == untouched.storage.url)
    c.storage.url = storage_url(folder + "/behalf.db");
  if (c.audit_path == untouched.audit_path)
    c.audit_path = folder + "/audit.jsonl";
  if (c.secrets.type == secrets_config::backend::none)
    c.secrets.type = secrets_config::backend::embedded;
  if (c.secrets.type == secrets_config::backend::embedded && c.secrets.master_key.empty()) {
    if (c.secrets.path == untouched.secrets.path)
      c.secrets.path = folder + "/secrets.db";
    auto key_file = folder + "/master.key";
    if (auto key = ensure_master_key(key_file, c.secrets.path); !key)
      return key.error();
    c.secrets.master_key = "file:" + fs::absolute(key_file).string();
  }
  c.no_auth = no_auth || c.dev.no_auth;
  if (c.no_auth) {
    c.identity.providers.clear();
    c.dev.users.clear();
    c.rules.clear();
    c.has_rules = false;
  } else if (c.identity.providers.empty() && c.dev.users.empty()) {
    add_users(c);
  }
  if (!from_file)
    add_hello(c);
  return {};
}

result<std::shared_ptr<shared_issuer>> add_dev_issuer(config& c, const std::string& folder,
                                                      const std::string& base_url) {
  if (c.dev.users.empty())
    return std::shared_ptr<shared_issuer>{};
  auto key = signing_key::load_or_create(folder + "/issuer.pem");
  if (!key)
    return key.error();
  dev_issuer_options options;
  options.issuer = base_url + "/dev";
  options.users = c.dev.users;
  options.redirect_uris = c.dev.redirect_uris;
  auto own = key_set::parse(key->jwks());
  if (!own)
    return own.error();
  oidc_settings provider;
  dev_issuer issuer{options, std::move(*key)};
  provider.rules = issuer.rules();
  provider.mapping.custom = c.dev.custom;
  provider.mapping.tenant_claim = c.dev.tenant_claim;
  c.identity.own_keys.emplace(options.issuer, std::move(*own));
  c.identity.providers.insert(c.identity.providers.begin(), std::move(provider));
  reserve_prefixes(c.identity.providers);
  return std::shared_ptr<shared_issuer>{new shared_issuer{{}, std::move(issuer)}};
}

} // namespace behalf
