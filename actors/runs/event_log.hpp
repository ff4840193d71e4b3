// A run's events, numbered, for viewers that pull them at their own pace.
#pragma once

#include "actors/runs/messages.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace behalf::runs {

/// The events of one run, or of one thread's runs, written by one actor alone. Events may be
/// dropped at any time, the oldest first; a viewer that had not read them is told so.
class event_log {
public:
  virtual ~event_log() = default;

  virtual void append(std::string name, std::shared_ptr<const std::string> data, time_point at) = 0;
  void append(std::string name, std::string data) {
    append(std::move(name), std::make_shared<const std::string>(std::move(data)), now());
  }

  /// Nobody needs those up to this one any more; who asks for them all the same begins after them.
  virtual void forget(int64_t read) = 0;

  /// Nothing is appended after this.
  virtual void close() = 0;

  /// Events after `after`: at most `max`, fewer when they are long. `last` when they are the rest
  /// of a closed log. An `after` beyond the newest event means: only new events. When events after
  /// it were dropped, there are none in the answer, whose `last_seq` is of the last one dropped.
  virtual event_batch read(int64_t after, std::size_t max) const = 0;
};

/// Opens the logs of runs and threads.
class event_logs {
public:
  virtual ~event_logs() = default;

  /// A new log. `user` owns the run or reads the thread; memory is shared by user.
  virtual std::unique_ptr<event_log> open(const std::string& of, const std::string& user) = 0;
};

} // namespace behalf::runs
