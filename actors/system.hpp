// The running server: every actor, in dependency order; and its end, in reverse.
#pragma once

#include "actors/admission/identity.hpp"
#include "actors/app_context.hpp"
#include "behalf/plugin.hpp"
#include "connectors/service_options.hpp"
#include "runtime/auth/rights.hpp"
#include "runtime/http/client.hpp"
#include "runtime/storage/open_storage.hpp"
#include "secrets/secret_source.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace behalf {

/// Everything a server is made of, resolved: no references, no files left to read but the data.
struct system_setup {
  system_options options;
  client_options egress;
  storage_options storage;
  std::vector<service_options> services;
  admission::identity_setup identity;
  named_rules rules;
  bool has_rules = false; // an authorization section exists, perhaps an empty one
  secret_sources secrets;
  std::shared_ptr<shared_issuer> issuer; // null outside `behalf dev`
  std::string audit_path;
  plugin_registry plugins; // for its handlers
  std::vector<served_graph> graphs;
  std::size_t threads = 0;        // for sockets and actors; 0: one per core, at least 2
  std::size_t spare_threads = 16; // lent while one of those is held
};

/// Do callers have to say who they are: to a provider, or to a plugin's authenticate handler?
bool has_identity(const system_setup& setup);
rights_source rights_of(const system_setup& setup);

/// May a server listen there? Who asks nobody for an identity serves its own machine only.
/// Error: invalid_argument, beginning with the key.
result<void> check_listen_address(const std::string& address, bool identity);

/// The process ends with this when a core actor dies: its neighbours wait for its answers without
/// a timer, and whoever keeps the process alive starts it anew.
inline constexpr int exit_core_lost = 5;

/// What can change while a server runs.
struct live_setup {
  named_rules rules;
  bool has_rules = false;
  admission::identity_setup identity;
  bool other_identity = true; // false: as it was, but issuers' keys are fetched again
};

class running_system {
public:
  /// Opens the data, goes on with unfinished runs, and listens. Errors say what to change: the
  /// port is taken, the database is in use, a handler is given twice.
  static result<std::unique_ptr<running_system>> start(system_setup setup);
  ~running_system();

  uint16_t port() const;

  /// Goes on with other rules and identity providers, and with the certificate as its files are
  /// now. Error: invalid_argument, beginning with the key; then everything stays as it was.
  result<void> reload(live_setup fresh);

  /// New runs are of these graphs, and each tenant gets assistants for them; runs under way go on
  /// with theirs.
  void serve(std::vector<served_graph> graphs);

  /// Stops accepting, lets exchanges and runs end, then stops everything, all within the grace.
  /// Runs that did not end go on after the next start. False when a node did not return: what is
  /// durable is safe, and the process must end by _Exit, for its thread can use anything.
  bool stop();

private:
  running_system();
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace behalf
