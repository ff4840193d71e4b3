// How a machine that asks, and is often answered at once, goes on.
#pragma once

#include "behalf/node.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace behalf::threads {

/// A reply, and the ask it is to.
struct answer {
  uint64_t ask_id;
  effect_reply reply;
};

/// Hands a machine its answers one after the other. Those that are there at once, refusals above
/// all, go round in here and not deeper and deeper; after some of them others get their turn, and
/// whoever wants to stop the machine.
class answer_loop {
public:
  /// An answer has come. Follow with `proceed`.
  void add(answer one) { waiting_.push_back(std::move(one)); }
  /// `go_on` is to run the loop when there are answers, unless it is running further up the stack
  /// or the machine has its turn elsewhere.
  template <class GoOn>
  void proceed(GoOn go_on) {
    if (!running_ && waits())
      go_on();
  }

  /// Gives `turn` the answers, and those that come meanwhile. True: some are left, for later.
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
  /// The machine has ended: it wants no more answers.
  void end() { ended_ = true; }

  bool waits() const { return !waiting_.empty() && !away_ && !ended_; }

private:
  static constexpr int most_in_a_row = 32;

  std::vector<answer> waiting_; // for the machine's next turns
  bool running_ = false, away_ = false, ended_ = false;
};

} // namespace behalf::threads
