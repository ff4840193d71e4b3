// All services of a configuration by name, and the connector for a call on one of them.
#pragma once

#include "connectors/connector.hpp"
#include "connectors/mcp_sessions.hpp"
#include "connectors/service_options.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// Thread-safe: services never change, sessions guard themselves. Connectors share ownership of
/// what they use, so they may outlive the registry.
class service_registry {
public:
  service_registry() = default;

  /// Error: invalid_argument naming the service and its wrong key; also for a name given twice.
  static result<service_registry> create(std::vector<service_options> services);

  /// Null when there is none of that name.
  std::shared_ptr<const service_options> find(std::string_view name) const;

  /// Where calls of that service may go; a policy that allows nothing when there is none.
  endpoint_policy policy(std::string_view name) const;

  /// In the order of their names.
  std::vector<std::shared_ptr<const service_options>> all() const;

  /// A machine for this call, whose replies are scrubbed of the credential (scrubbed.hpp). Error:
  /// not_found (no such service), invalid_argument (the service is of the other type, or the
  /// operation is malformed), denied (a tool that is not listed).
  result<std::unique_ptr<connector>> open(service_call call, caller by) const;

  /// The same for a request to a chat model's provider.
  result<std::unique_ptr<connector>> open(model_call call, caller by) const;

  mcp_sessions& sessions() const { return *sessions_; }

private:
  struct entry {
    std::shared_ptr<const service_options> options;
    endpoint_policy policy;
  };
  std::map<std::string, entry, std::less<>> services_;
  std::shared_ptr<mcp_sessions> sessions_ = std::make_shared<mcp_sessions>();
};

} // namespace behalf
