// Everything the configuration file says, as the components' own options.
#pragma once

#include "actors/admission/identity.hpp"
#include "actors/catalog.hpp"
#include "actors/options.hpp"
#include "agents/models/model_options.hpp"
#include "agents/tools/openapi.hpp"
#include "behalf/agent.hpp"
#include "config/yaml.hpp"
#include "connectors/service_options.hpp"
#include "runtime/auth/dev_issuer.hpp"
#include "runtime/auth/rights.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/open_storage.hpp"
#include "secrets/vault.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace behalf {

/// Vault's options, with its secrets still references.
struct vault_settings {
  vault_options options;
  std::string role_id, secret_id;
};

/// Where users' tokens are kept.
struct secret_store_config {
  enum class backend : uint8_t { none, embedded, vault } type = backend::none;
  std::string path = "./secrets.db"; // embedded: the database
  std::string master_key;            // embedded: a reference, `file:…` or `env:…`
  vault_settings vault;
};

/// The standard store, and those that services name.
struct secrets_config : secret_store_config {
  std::map<std::string, secret_store_config, std::less<>> others;

  /// Null where there is none. An empty name is the standard one's.
  const secret_store_config* find(std::string_view name) const {
    if (name.empty())
      return type == backend::none ? nullptr : this;
    auto at = others.find(name);
    return at == others.end() ? nullptr : &at->second;
  }
};

/// What records are sealed with on disk.
struct encryption_config {
  std::string master_key; // a reference; empty: nothing is sealed
  bool seal = true;       // what is written from now on
};

/// What calls to webhooks are signed with and carry; references and plain texts.
struct webhook_settings {
  std::vector<std::string> secrets;                         // references
  std::vector<std::pair<std::string, std::string>> headers; // name, and reference or text
};

/// Users of the development issuer; only `behalf dev` reads them.
struct dev_config {
  std::vector<dev_user> users;
  bool no_auth = false; // as `behalf dev --no-auth`
  std::vector<std::string> redirect_uris;
  std::string tenant_claim;                                // as in identity
  std::vector<std::pair<std::string, std::string>> custom; // as in identity
};

/// One entry of `graphs`.
struct graph_source {
  std::string key;     // where it stands: "graphs[0]", "graphs.inbox"
  std::string library; // its file; empty: built in
  std::string graph;   // one of the library's; empty: all of them
  std::string name;    // under which it is served; empty: its own
  std::string description;
  assistant_defaults defaults;
};

/// A credential of the operator's own, for a service of the server's.
struct server_key {
  std::string service, reference;
  std::string key; // where it stands: "models.main.key"
};

struct config {
  system_options system;
  bool origins_given = false; // server.cors.allow_origins stands in the file or the environment
  client_options egress;
  storage_options storage; // but for what it is sealed with, which is not resolved yet
  encryption_config encryption;
  std::vector<service_options> services; // those of models and of the store's index, too
  std::map<std::string, std::shared_ptr<const api_document>, std::less<>> documents; // of services
  std::vector<server_key> server_keys;
  model_directory models;
  std::map<std::string, std::string> embedding_models; // of `models`: what providers call them
  std::vector<agent_options> agents;                   // graphs, too
  admission::identity_setup identity;
  named_rules rules;      // in file order
  bool has_rules = false; // there is an authorization section, perhaps an empty one
  secrets_config secrets;
  webhook_settings webhooks; // where and how to call is in `system.webhooks`
  dev_config dev;
  std::vector<std::string> plugins; // whose handlers judge requests
  std::vector<graph_source> graphs;
  bool no_auth = false; // `behalf dev --no-auth`: no handler is used
  std::string audit_path = "./audit.jsonl";
  std::string log_level = "info", log_file;
  bool log_json = false;
  bool allow_core_dumps = false;
  std::size_t threads = 0;        // for sockets and actors; 0: one per core, at least 2
  std::size_t spare_threads = 16; // lent while one of those is held
};

/// Where the keys of a configuration stand.
struct config_places {
  std::string file;                          // empty: there is none
  std::map<std::string, std::string> lines;  // dotted path, "file:line"
  std::map<std::string, std::string> values; // dotted path, text: the environment's where it won

  /// "file:line" of the key, or of the nearest one around it; the file when there is none.
  std::string of(std::string_view key) const;
};

/// Reads one YAML file, then BEHALF_<SECTION>_<KEY> from the environment. All faults at once:
/// unknown keys, wrong types, contradictions, each with file, line and key.
struct loaded_config {
  config value;
  config_places places;
  std::vector<config_problem> problems;
};
loaded_config load_config(const std::string& file);

/// What only the whole configuration tells: rules without users, credentials without a store. A
/// `dev` section with users counts as both, for `behalf dev` adds them. Whether a plugin brings an
/// authenticate handler is known once it is loaded: then ask `without_identity`.
std::vector<config_problem> contradictions(const config& c, const config_places& places);

/// What web pages may do, where the file does not say. A server on a loopback address, and `behalf
/// dev`, answers to local names and local pages only: there a page needs no token, or a known one.
void complete_page_rules(config& c, bool dev);

/// An error that begins with its key ("log.file: …"), in its place.
config_problem problem_of(const error& why, const config_places& places);

/// What is wrong with a configuration under which nobody has an identity.
std::vector<config_problem> without_identity(const config& c, const config_places& places);

/// Files of this machine that serving needs: certificates, keys, authorities.
std::vector<config_problem> unreadable_files(const config& c, const config_places& places);

/// By line, so that people can go through the file once.
void in_order_of_lines(std::vector<config_problem>& problems);

loaded_config parse_config(const std::string& text, const std::string& name);

} // namespace behalf
