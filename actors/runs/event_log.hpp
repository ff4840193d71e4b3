// A run's events, numbered, for viewers that pull them at their own pace.
#pragma once

#include "actors/runs/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace behalf::runs {

/// What one run has to say. Written by its supervisor alone. Events may be dropped at any time, the
/// oldest first; a viewer that still wanted them is told so.
class event_log {
public:
  virtual ~event_log() = default;

  virtual void append(std::string name, std::string data) = 0;

  /// Nothing will be appended any more.
  virtual void close() = 0;

  /// Events after `after`, at most `max` and not many long ones; `last` when they are the rest of
  /// a closed log. An `after` beyond the newest event means from now on.
  virtual event_batch read(int64_t after, std::size_t max) const = 0;
};

/// Where the logs of runs are kept.
class event_logs {
public:
  virtual ~event_logs() = default;

  /// A new one. `user`: whose run it is, for shares of what there is room for.
  virtual std::unique_ptr<event_log> open(const std::string& run_id, const std::string& user) = 0;
};

} // namespace behalf::runs
