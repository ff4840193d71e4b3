#include "runtime/base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unordered_map>

namespace behalf {
namespace {

const std::vector<double> seconds{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10};
const std::vector<double> minutes{0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 900, 1800, 3600};
const std::vector<double> pieces{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

std::string series_name(const std::string& name, const prometheus::ClientMetric& m) {
  std::string all;
  for (const auto& label : m.label)
    all += (all.empty() ? "" : ",") + label.name + "=\"" + label.value + '"';
  return all.empty() ? name : name + "{" + all + "}";
}

json::value reading(const prometheus::ClientMetric& m, prometheus::MetricType type) {
  switch (type) {
  case prometheus::MetricType::Counter:
    return m.counter.value;
  case prometheus::MetricType::Histogram:
    return json::object{{"count", m.histogram.sample_count}, {"sum", m.histogram.sample_sum}};
  default:
    return m.gauge.value;
  }
}

} // namespace

void metric::add(double n) {
  if (counter_)
    counter_->Increment(n);
  else
    gauge_->Increment(n);
}

void metric::set(double n) {
  if (gauge_)
    gauge_->Set(n);
}

double metric::value() const {
  return counter_ ? counter_->Value() : gauge_->Value();
}

void histogram::observe(double value) {
  in_->Observe(value);
}

int64_t histogram::count() const {
  return static_cast<int64_t>(in_->Collect().histogram.sample_count);
}

// The library hands out the same object for the same name and labels; so do these two maps.
struct metrics::registry {
  prometheus::Registry all;
  std::unordered_map<const void*, metric> numbers;
  std::unordered_map<const void*, histogram> observed;
};

metrics::metrics() : in_(std::make_unique<registry>()) {}

metrics::~metrics() = default;

metric& metrics::counter(const std::string& name, const std::string& help, const labels& with) {
  std::lock_guard lock{guard_};
  auto& one = prometheus::BuildCounter().Name(name).Help(help).Register(in_->all).Add(with);
  return in_->numbers.try_emplace(&one, one).first->second;
}

metric& metrics::gauge(const std::string& name, const std::string& help, const labels& with) {
  std::lock_guard lock{guard_};
  auto& one = prometheus::BuildGauge().Name(name).Help(help).Register(in_->all).Add(with);
  return in_->numbers.try_emplace(&one, one).first->second;
}

histogram& metrics::observed(const std::string& name, const std::string& help, const labels& with,
                             const std::vector<double>& bounds) {
  std::lock_guard lock{guard_};
  auto& one =
    prometheus::BuildHistogram().Name(name).Help(help).Register(in_->all).Add(with, bounds);
  return in_->observed.try_emplace(&one, one).first->second;
}

histogram& metrics::latency(const std::string& name, const std::string& help, const labels& with) {
  return observed(name, help, with, seconds);
}

histogram& metrics::duration(const std::string& name, const std::string& help, const labels& with) {
  return observed(name, help, with, minutes);
}

histogram& metrics::sizes(const std::string& name, const std::string& help, const labels& with) {
  return observed(name, help, with, pieces);
}

void metrics::before_reading(std::function<void()> refresh) {
  std::lock_guard lock{guard_};
  refreshed_.push_back(std::move(refresh));
}

void metrics::refresh() const {
  std::lock_guard one_at_a_time{reading_};
  std::unique_lock lock{guard_};
  auto all = refreshed_;
  lock.unlock(); // they may look metrics up
  for (const auto& one : all)
    one();
}

std::string metrics::prometheus() const {
  refresh();
  return prometheus::TextSerializer{}.Serialize(in_->all.Collect());
}

json::object metrics::as_json() const {
  refresh();
  json::object all;
  for (const auto& family : in_->all.Collect())
    for (const auto& one : family.metric)
      all[series_name(family.name, one)] = reading(one, family.type);
  return all;
}

json::array metrics::counted(const std::string& name) const {
  json::array all;
  for (const auto& family : in_->all.Collect()) {
    if (family.name != name)
      continue;
    for (const auto& one : family.metric) {
      if (one.counter.value == 0)
        continue;
      json::object shown;
      for (const auto& label : one.label)
        shown[label.name] = label.value;
      shown["count"] = static_cast<int64_t>(one.counter.value);
      all.push_back(std::move(shown));
    }
  }
  return all;
}

} // namespace behalf
