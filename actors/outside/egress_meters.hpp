// How calls to services ended, by service.
#pragma once

#include "runtime/base/metrics.hpp"

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

namespace behalf {
class service_registry;
}

namespace behalf::outside {

/// The metrics of every service, looked up once. For one thread at a time.
class egress_meters {
public:
  enum outcome : std::size_t { ok, client_error, server_error, failed, refused, cut };

  egress_meters() = default;
  /// `all` must outlive this.
  egress_meters(metrics& all, const service_registry& services);

  /// By the reply's status.
  static outcome outcome_of(unsigned status) {
    return status >= 500 ? server_error : status >= 400 ? client_error : ok;
  }
  void ended(const std::string& service, outcome how);
  /// More calls wait for their turn, or fewer.
  void waiting(const std::string& service, int change);
  /// A credential was sent.
  void injected() { injected_->add(); }

private:
  static constexpr std::array<std::string_view, 6> names{"ok",     "client_error", "server_error",
                                                         "failed", "refused",      "cut"};
  std::unordered_map<std::string, std::array<metric*, names.size()>> services_;
  std::unordered_map<std::string, metric*> waiting_;
  metric* injected_ = nullptr;
};

} // namespace behalf::outside
