#include "runtime/base/metrics.hpp"

#include <algorithm>
#include <cstdio>
#include <set>

namespace behalf {
namespace {

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", v);
  return text;
}

std::string braces(const std::string& labels, const std::string& extra = {}) {
  auto all = labels.empty() || extra.empty() ? labels + extra : labels + "," + extra;
  return all.empty() ? all : "{" + all + "}";
}

} // namespace

void histogram::observe(double seconds) {
  auto at = std::lower_bound(bounds.begin(), bounds.end(), seconds);
  if (at != bounds.end())
    buckets_[static_cast<std::size_t>(at - bounds.begin())].add();
  count_.add();
  micros_.add(static_cast<int64_t>(seconds * 1e6));
}

int64_t histogram::below(std::size_t bound) const {
  int64_t n = 0;
  for (std::size_t i = 0; i <= bound; ++i)
    n += buckets_[i].value();
  return n;
}

metrics::series& metrics::find(std::string_view name, std::string_view help, std::string_view type,
                               std::string_view labels) {
  std::lock_guard lock{guard_};
  for (auto& s : all_)
    if (s.name == name && s.labels == labels)
      return s;
  auto& s = all_.emplace_back();
  s.name = name;
  s.help = help;
  s.type = type;
  s.labels = labels;
  return s;
}

metric& metrics::counter(std::string_view name, std::string_view help, std::string_view labels) {
  return find(name, help, "counter", labels).number;
}

metric& metrics::gauge(std::string_view name, std::string_view help, std::string_view labels) {
  return find(name, help, "gauge", labels).number;
}

histogram& metrics::latency(std::string_view name, std::string_view help, std::string_view labels) {
  return find(name, help, "histogram", labels).times;
}

std::string metrics::prometheus() const {
  std::lock_guard lock{guard_};
  std::string text;
  std::set<std::string> done;
  for (const auto& first : all_) {
    if (!done.insert(first.name).second)
      continue;
    text += "# HELP " + first.name + " " + first.help + "\n# TYPE " + first.name + " " + first.type
            + "\n";
    for (const auto& s : all_) {
      if (s.name != first.name)
        continue;
      if (s.type != "histogram") {
        text += s.name + braces(s.labels) + " " + std::to_string(s.number.value()) + "\n";
        continue;
      }
      for (std::size_t i = 0; i < histogram::bounds.size(); ++i)
        text += s.name + "_bucket" + braces(s.labels, "le=\"" + number(histogram::bounds[i]) + "\"")
                + " " + std::to_string(s.times.below(i)) + "\n";
      auto count = std::to_string(s.times.count());
      text += s.name + "_bucket" + braces(s.labels, "le=\"+Inf\"") + " " + count + "\n";
      text += s.name + "_sum" + braces(s.labels) + " " + number(s.times.sum()) + "\n";
      text += s.name + "_count" + braces(s.labels) + " " + count + "\n";
    }
  }
  return text;
}

json::object metrics::as_json() const {
  std::lock_guard lock{guard_};
  json::object all;
  for (const auto& s : all_) {
    auto key = s.name + braces(s.labels);
    if (s.type == "histogram")
      all[key] = {{"count", s.times.count()}, {"sum", s.times.sum()}};
    else
      all[key] = s.number.value();
  }
  return all;
}

} // namespace behalf
