// Counters, gauges and histograms, written as Prometheus text or JSON. Only metrics.cpp knows
// prometheus-cpp.
#pragma once

#include "runtime/base/json.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
} // namespace prometheus

namespace behalf {

/// A number that only grows (a counter), or moves both ways (a gauge). For any thread.
class metric {
public:
  explicit metric(prometheus::Counter& counter) : counter_(&counter) {}
  explicit metric(prometheus::Gauge& gauge) : gauge_(&gauge) {}

  void add(double n = 1);
  void set(double n); // gauges only
  double value() const;

private:
  prometheus::Counter* counter_ = nullptr;
  prometheus::Gauge* gauge_ = nullptr; // one of the two
};

/// How often something took how long, or was how big. For any thread.
class histogram {
public:
  explicit histogram(prometheus::Histogram& in) : in_(&in) {}

  void observe(double value);
  int64_t count() const;

private:
  prometheus::Histogram* in_;
};

/// All metrics of a process. Looking one up takes a lock: keep the reference, it stays valid as
/// long as this. Label values must come from a bounded set: a series is never dropped.
class metrics {
public:
  using labels = std::map<std::string, std::string>;

  metrics();
  ~metrics();

  metric& counter(const std::string& name, const std::string& help, const labels& with = {});
  metric& gauge(const std::string& name, const std::string& help, const labels& with = {});
  /// In seconds: buckets from 100 µs to 10 s.
  histogram& latency(const std::string& name, const std::string& help, const labels& with = {});
  /// In seconds, of what may take long: buckets from 10 ms to 1 h.
  histogram& duration(const std::string& name, const std::string& help, const labels& with = {});
  /// In pieces: buckets from 1 to 1,000.
  histogram& sizes(const std::string& name, const std::string& help, const labels& with = {});

  /// `refresh` runs before every reading, one at a time, for what nobody else keeps up to date.
  void before_reading(std::function<void()> refresh);

  std::string prometheus() const;
  json::object as_json() const;
  /// What has been counted under a name: its labels and `count`, of each series.
  json::array counted(const std::string& name) const;

private:
  struct registry;
  void refresh() const;
  histogram& observed(const std::string& name, const std::string& help, const labels& with,
                      const std::vector<double>& bounds);

  mutable std::mutex guard_;
  mutable std::mutex reading_; // one refresh at a time
  std::unique_ptr<registry> in_;
  std::vector<std::function<void()>> refreshed_;
};

} // namespace behalf
