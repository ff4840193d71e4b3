#include "actors/endpoints/route_meters.hpp"

#include "actors/endpoints/routes.hpp"

#include <algorithm>

namespace behalf::endpoints {

route_meters::route_meters(metrics& all) {
  for (const auto& r : all_routes().payloads()) {
    work_.emplace_back(std::string(to_string(r.method)) + " " + std::string(r.pattern));
    metrics::labels labels{{"method", std::string(to_string(r.method))},
                           {"path", std::string(r.pattern)}};
    latency_.push_back(
      &all.latency("lg_api_http_requests_latency_seconds", "Time from request to answer", labels));
    for (int family = 2; family <= 5; ++family) {
      labels["status"] = std::to_string(family) + "xx";
      total_.push_back(&all.counter("lg_api_http_requests_total", "Requests answered", labels));
    }
  }
  for (const auto* kind : {"run", "result", "thread", "protocol", "socket", "call"})
    open_.push_back(
      &all.gauge("behalf_streams_open", "Clients that follow something", {{"kind", kind}}));
}

std::shared_ptr<const void> route_meters::count_open(stream_kind kind) const {
  auto* open = open_[static_cast<std::size_t>(kind)];
  open->add();
  return {open, [](metric* m) { m->add(-1); }};
}

void route_meters::count(const route& where, unsigned status, double seconds) const {
  auto index = static_cast<std::size_t>(&where - all_routes().payloads().data());
  auto family = std::clamp(status / 100, 2u, 5u) - 2;
  total_[index * 4 + family]->add();
  latency_[index]->observe(seconds);
}

const threads::activity& route_meters::work_of(const route& where) const {
  return work_[static_cast<std::size_t>(&where - all_routes().payloads().data())];
}

} // namespace behalf::endpoints
