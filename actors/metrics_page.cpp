#include "actors/metrics_page.hpp"

#include "runtime/base/json.hpp"

namespace behalf {

std::string metrics_page(const metrics& of) {
  auto all = of.as_json();
  const auto number = [&](std::string_view name) {
    const auto* v = member(all, name);
    return v ? v->to_number<int64_t>() : 0;
  };
  json::object queue{{"n_pending", number("lg_api_num_pending_runs")},
                     {"n_running", number("lg_api_num_running_runs")}};
  json::object workers{{"max", number("lg_api_workers_max")},
                       {"active", number("lg_api_workers_active")},
                       {"available", number("lg_api_workers_available")}};
  all["queue"] = std::move(queue);
  all["workers"] = std::move(workers);
  all["api"] = json::object{{"http_requests_total", of.counted("lg_api_http_requests_total")}};
  return dump(all);
}

} // namespace behalf
