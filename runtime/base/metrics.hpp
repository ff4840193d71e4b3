// Counters, gauges and histograms, written as Prometheus text or JSON. Debian 12 packages no C++
// client library, and this is all the server needs of one.
#pragma once

#include "runtime/base/json.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace behalf {

/// A number that only grows, or (as a gauge) moves both ways. Lock-free.
class metric {
public:
  void add(int64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<int64_t> value_{0};
};

/// Durations in fixed buckets from 100 µs to 10 s.
class histogram {
public:
  static constexpr std::array<double, 11> bounds{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05,
                                                 0.1,    0.5,    1,     5,     10};
  void observe(double seconds);
  int64_t count() const { return count_.value(); }
  double sum() const { return static_cast<double>(micros_.value()) / 1e6; }
  int64_t below(std::size_t bound) const; // cumulative, as Prometheus wants it

private:
  std::array<metric, bounds.size()> buckets_;
  metric count_, micros_;
};

/// All metrics of a process. Looking one up takes a lock: keep the reference.
class metrics {
public:
  /// `labels` is the text between the braces, `method="GET",status="200"`; may be empty.
  metric& counter(std::string_view name, std::string_view help, std::string_view labels = {});
  metric& gauge(std::string_view name, std::string_view help, std::string_view labels = {});
  histogram& latency(std::string_view name, std::string_view help, std::string_view labels = {});

  std::string prometheus() const;
  json::object as_json() const;

private:
  struct series {
    std::string name, help, type, labels;
    metric number;
    histogram times;
  };
  series& find(std::string_view name, std::string_view help, std::string_view type,
               std::string_view labels);

  mutable std::mutex guard_;
  std::deque<series> all_; // never moves its elements
};

} // namespace behalf
