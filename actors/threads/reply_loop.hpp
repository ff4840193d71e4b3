// Resumes a node or handler with the replies to its asks, without recursion.
#pragma once

#include "behalf/node.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace behalf::threads {

/// A reply, and the ask it is to.
struct ask_reply {
  uint64_t ask_id;
  effect_reply reply;
};

/// Hands a machine its replies one after the other. A reply that comes while the machine asks (a
/// refusal, say) is handled by the same loop, not by a deeper call; after 32 of them the loop
/// returns, so that other actors, and a stop of this one, get their turn.
class reply_loop {
public:
  /// Follow with `proceed`.
  void add(ask_reply one) { waiting_.push_back(std::move(one)); }
  /// Calls `go_on`, which is to call `run`, when there are replies; not when the loop is running
  /// further up the stack, or the machine has its turn on another thread.
  template <class GoOn>
  void proceed(GoOn go_on) {
    if (!running_ && waits())
      go_on();
  }

  /// Calls `turn` with each reply, also with those that come meanwhile. True: some are left.
  template <class Turn>
  bool run(Turn turn) {
    running_ = true;
    for (int n = 0; waits() && n < most_in_a_row; ++n) {
      auto next = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
      turn(std::move(next));
    }
    running_ = false;
    return waits();
  }

  /// The machine has its turn on another thread, until `back`.
  void away() { away_ = true; }
  void back() { away_ = false; }
  /// The machine has ended: it takes no more replies.
  void end() { ended_ = true; }

  bool waits() const { return !waiting_.empty() && !away_ && !ended_; }

private:
  static constexpr int most_in_a_row = 32;

  std::vector<ask_reply> waiting_; // for the machine's next turns
  bool running_ = false, away_ = false, ended_ = false;
};

} // namespace behalf::threads
