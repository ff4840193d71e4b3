// How many runs a thread has, for those on other threads of the process who must know.
#pragma once

#include <atomic>
#include <memory>

namespace behalf {

/// How many runs a thread has waiting or executing; shared by the queue, which counts, and the
/// supervisors, who must know whether they are the last.
class thread_load {
public:
  void add() { runs_.fetch_add(1); }
  void remove() { runs_.fetch_sub(1); }
  int count() const { return runs_.load(); }

private:
  std::atomic<int> runs_{0};
};
using load_ptr = std::shared_ptr<thread_load>;

} // namespace behalf
