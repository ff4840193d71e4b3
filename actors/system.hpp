// The running server: starts every actor in the order of dependencies, and ends them in reverse.
#pragma once

#include "actors/admission/identity.hpp"
#include "actors/app_context.hpp"
#include "actors/caller.hpp"
#include "actors/options.hpp"
#include "behalf/plugin.hpp"
#include "connectors/service_options.hpp"
#include "runtime/auth/rights.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/open_storage.hpp"
#include "secrets/secret_source.hpp"
#include "secrets/webhook_secrets.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

class day_spending; // agents/models/spending.hpp

/// Everything a server is made of, with references resolved and files read.
struct system_setup {
  system_options options;
  client_options egress;
  storage_options storage;
  std::vector<service_options> services;
  admission::identity_setup identity;
  named_rules rules;
  bool has_rules = false; // the configuration has an authorization section
  secret_sources secrets;
  webhook_secrets webhooks;
  std::shared_ptr<shared_issuer> issuer; // null except in `behalf dev`
  std::shared_ptr<const model_directory> models;
  std::shared_ptr<day_spending> spending; // on them; null: there are none
  sealed_fields server_keys;              // the operator's own credentials, by service
  std::string audit_path;
  plugin_registry plugins; // kept loaded for its handlers
  std::vector<served_graph> graphs;
  std::size_t threads = 0;        // for sockets and actors; 0: one per core, at least 2
  std::size_t spare_threads = 16; // started while one of those is held
};

/// Whether callers are authenticated, by a provider or by a plugin's handler.
bool has_identity(const system_setup& setup);
rights_source rights_of(const system_setup& setup);

/// The exit status when a core actor died: others wait for its answers without a timer, so the
/// process ends and its service manager starts it anew.
inline constexpr int exit_core_lost = 5;

/// What can change while a server runs.
struct live_setup {
  named_rules rules;
  bool has_rules = false;
  admission::identity_setup identity;
  bool other_identity = true; // false: unchanged, but issuers' keys are fetched again
};

class running_system {
public:
  /// Opens the data, continues unfinished runs, and listens. Errors say what to change: the port is
  /// taken, the database is in use, a handler is given twice.
  static result<std::unique_ptr<running_system>> start(system_setup setup);
  ~running_system();

  uint16_t port() const;

  /// Exchanges rules, identity providers and the certificate, whose files it reads again. Error:
  /// invalid_argument, beginning with the key; then nothing has changed.
  result<void> reload(live_setup fresh);

  /// Exchanges the graphs of new runs and of assistants; runs under way keep theirs.
  void serve(std::vector<served_graph> graphs);

  /// Stops accepting, lets exchanges end, suspends runs, then stops everything, within the grace
  /// period. False when a node did not return: then the process must end by _Exit, as the node's
  /// thread may still use any object. All that was acknowledged is durable.
  bool stop();

private:
  running_system();
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace behalf
