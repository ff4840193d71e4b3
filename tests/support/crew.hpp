// For tests with threads of their own: Catch's macros are for one thread, so the others note what
// they find and count how far they are.
#pragma once

#include "tests/runtime/http/server_fixture.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace behalf::testing {

/// What was wrong, noted by any thread and reported by the test's own.
class findings {
public:
  /// Returns `right`.
  bool check(bool right, std::string_view what, const raw_reply& reply) {
    if (!right) {
      std::lock_guard lock{guard_};
      all_.push_back(std::string(what) + ": " + std::to_string(reply.status)
                     + (reply.complete ? " " : " (cut) ") + reply.body);
    }
    return right;
  }
  /// Once the threads have ended.
  void report() const {
    for (const auto& what : all_)
      FAIL_CHECK(what);
  }

private:
  std::mutex guard_;
  std::vector<std::string> all_;
};

/// Something threads count and the test waits for.
class tally {
public:
  void add() {
    {
      std::lock_guard lock{guard_};
      ++count_;
    }
    changed_.notify_all();
  }
  /// False after two minutes.
  bool reaches(int wanted) {
    std::unique_lock lock{guard_};
    return changed_.wait_for(lock, std::chrono::minutes{2}, [&] { return count_ >= wanted; });
  }

private:
  std::mutex guard_;
  std::condition_variable changed_;
  int count_ = 0;
};

/// Threads, joined at the end.
class crew {
public:
  template <class Work>
  void start(Work work) {
    threads_.emplace_back(std::move(work));
  }
  void join() {
    for (auto& thread : threads_)
      thread.join();
    threads_.clear();
  }
  ~crew() { join(); }

private:
  std::vector<std::thread> threads_;
};

} // namespace behalf::testing
