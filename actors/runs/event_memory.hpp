// The event logs of this process's runs and threads, in memory.
#pragma once

#include "actors/runs/event_log.hpp"

#include <atomic>
#include <list>
#include <map>
#include <mutex>

namespace behalf::runs {

/// Bounded by bytes, per run and in all. When the whole is full, the user with most bytes loses
/// events, oldest runs first; a single user may fill it. Users share no lock except while it is
/// full. Thread-safe.
class event_memory : public event_logs, public std::enable_shared_from_this<event_memory> {
public:
  event_memory(std::size_t bytes, std::size_t bytes_per_run)
    : most_(bytes), most_per_run_(bytes_per_run) {}
  event_memory(const event_memory&) = delete;

  /// The log keeps this object alive.
  std::unique_ptr<event_log> open(const std::string& of, const std::string& user) override;

  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::size_t users() const;

private:
  class log;

  /// One user's logs, least recently appended first.
  struct account {
    std::string user;
    mutable std::mutex guard;
    std::list<log*> logs;
    std::atomic<std::size_t> bytes{0};
  };

  void close(log& which);
  void make_room();
  bool shrink(account& of, std::size_t bytes);
  void drop_oldest(account& of, log& from);

  const std::size_t most_, most_per_run_;
  std::atomic<std::size_t> bytes_{0};
  mutable std::mutex guard_; // locked before an account's guard
  std::map<std::string, std::shared_ptr<account>> accounts_;
};

} // namespace behalf::runs
