// A run's events, numbered, for viewers that pull them at their own pace.
#pragma once

#include "actors/runs/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace behalf::runs {

/// The events of one run, written by its supervisor alone. Events may be dropped at any time, the
/// oldest first; a viewer that had not read them is told so.
class event_log {
public:
  virtual ~event_log() = default;

  virtual void append(std::string name, std::string data) = 0;

  /// Nothing is appended after this.
  virtual void close() = 0;

  /// Events after `after`: at most `max`, fewer when they are long. `last` when they are the rest
  /// of a closed log. An `after` beyond the newest event means: only new events.
  virtual event_batch read(int64_t after, std::size_t max) const = 0;
};

/// Opens the logs of runs.
class event_logs {
public:
  virtual ~event_logs() = default;

  /// A new log. `user` owns the run; memory is shared by user.
  virtual std::unique_ptr<event_log> open(const std::string& run_id, const std::string& user) = 0;
};

} // namespace behalf::runs
