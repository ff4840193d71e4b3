// What chat models are asked, answer and cost, by model of the configuration.
#pragma once

#include "runtime/base/json.hpp"
#include "runtime/base/metrics.hpp"

#include <map>
#include <string>
#include <string_view>

namespace behalf {
struct model_directory;
}

namespace behalf::runs {

/// The metrics of every model, looked up once. Thread-safe after the start.
class model_meters {
public:
  model_meters(metrics& all, const model_directory& models);

  /// One request to a model has ended, as `ask_model` tells it (stream_item::kind::usage). Of a
  /// model that is not configured nothing is counted.
  void count(const json::object& request) const;

private:
  struct of_model {
    std::map<std::string, metric*, std::less<>> tokens, outcomes, refusals;
    metric* cost;
    histogram* time;
  };
  std::map<std::string, of_model, std::less<>> models_;
};

} // namespace behalf::runs
