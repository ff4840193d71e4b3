#include "actors/outside/egress_meters.hpp"

#include "connectors/registry.hpp"

namespace behalf::outside {

egress_meters::egress_meters(metrics& all, const service_registry& services)
  : injected_(&all.counter("behalf_injections_total", "Calls that left with a credential")) {
  for (const auto& service : services.all()) {
    waiting_[service->name] =
      &all.gauge("behalf_egress_waiting", "Calls to the outside that wait for their turn",
                 {{"service", service->name}});
    for (std::size_t i = 0; i < names.size(); ++i)
      services_[service->name][i] =
        &all.counter("behalf_egress_calls_total", "Calls to the outside by how they ended",
                     {{"service", service->name}, {"outcome", std::string(names[i])}});
  }
}

void egress_meters::ended(const std::string& service, outcome how) {
  if (auto found = services_.find(service); found != services_.end())
    found->second[how]->add();
}

void egress_meters::waiting(const std::string& service, int change) {
  if (auto found = waiting_.find(service); found != waiting_.end())
    found->second->add(change);
}

} // namespace behalf::outside
