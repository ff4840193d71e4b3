// How a machine that asks, and is often answered at once, goes on.
#pragma once

#include "behalf/node.hpp"

#include <optional>
#include <utility>

namespace behalf::threads {

/// Answers that are there at once, refusals above all, go round in here and not deeper and deeper;
/// after some of them others get their turn, and whoever wants to stop the machine.
class answer_loop {
public:
  /// An answer has come: `go_on` is to run the loop, unless it is running further up the stack.
  template <class GoOn>
  void take(effect_reply reply, GoOn go_on) {
    answer_.emplace(std::move(reply));
    if (!running_)
      go_on();
  }

  /// Gives `turn` the answer, and those that come meanwhile. True: one is left, for later.
  template <class Turn>
  bool run(Turn turn) {
    running_ = true;
    for (int n = 0; answer_ && n < most_in_a_row; ++n)
      turn(std::exchange(answer_, std::nullopt));
    running_ = false;
    return waits();
  }

  bool waits() const { return answer_.has_value(); }

private:
  static constexpr int most_in_a_row = 32;

  std::optional<effect_reply> answer_; // for the machine's next turn
  bool running_ = false;
};

} // namespace behalf::threads
