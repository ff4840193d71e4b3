// A run's events, numbered, for viewers that pull them at their own pace.
#pragma once

#include "actors/runs/messages.hpp"

#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace behalf::runs {

class event_log;

/// The memory of all runs' events together. When it is full the user who has most of it loses
/// events, oldest runs first: alone, one user may fill it, and gives way when others come. Users
/// share no lock but while it is full. For any thread.
class event_memory {
public:
  explicit event_memory(std::size_t bytes) : most_(bytes) {}
  event_memory(const event_memory&) = delete;

  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  std::size_t users() const;

private:
  friend class event_log;

  struct log {
    std::deque<run_event> events;
    std::size_t bytes = 0, most = 0;
    int64_t last_seq = 0;
    bool closed = false;
    std::list<log*>::iterator place; // among its user's
  };
  /// One user's logs, the one appended to longest ago first.
  struct account {
    std::string user;
    mutable std::mutex guard;
    std::list<log*> logs;
    std::atomic<std::size_t> bytes{0};
  };
  using account_ptr = std::shared_ptr<account>;

  account_ptr open(const std::string& user, log& app);
  void close(const account_ptr& of, log& app);
  void make_room();
  bool shrink(account& of, std::size_t bytes);
  void drop_oldest(account& of, log& from);

  const std::size_t most_;
  std::atomic<std::size_t> bytes_{0};
  mutable std::mutex guard_; // taken before an account's
  std::map<std::string, account_ptr> accounts_;
};

/// Bounded by bytes: the oldest events go first, and a viewer that still wanted them is told so.
/// One owner; its events may go at any time, for the sake of others.
class event_log {
public:
  event_log() = default;
  event_log(std::size_t max_bytes, std::shared_ptr<event_memory> memory, const std::string& user);
  event_log(event_log&&) = default;
  event_log& operator=(event_log&& other) noexcept;
  ~event_log() { end(); }

  void append(std::string name, std::string data);

  /// Nothing will be appended any more.
  void close();

  /// True when `after` leaves something to say: events, or the end.
  bool has_news(int64_t after) const { return kept_->closed || after < kept_->last_seq; }

  /// Events after `after`, at most `max` and not many long ones; `last` when they are the rest of
  /// a closed log. An `after` beyond the newest event means from now on.
  event_batch read(int64_t after, std::size_t max) const;

  int64_t last_seq() const { return kept_->last_seq; }

private:
  void end();

  std::shared_ptr<event_memory> memory_;
  event_memory::account_ptr account_;
  std::unique_ptr<event_memory::log> kept_ = std::make_unique<event_memory::log>();
};

} // namespace behalf::runs
