// Turns at what keeps a thread busy: few at once, so that short work finds a thread free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace behalf {

/// Tenants take turns, then users. Thread-safe; copies are the same turns.
class fair_turns {
  struct line;

public:
  /// A place in the line, then the turn itself; given up with its owner, and may outlive the turns.
  class turn {
  public:
    turn(turn&&) = delete;
    ~turn();

  private:
    friend class fair_turns;
    explicit turn(std::shared_ptr<line> in) : in_(std::move(in)) {}

    const std::shared_ptr<line> in_;
    std::function<void()> begin_;
    uint64_t place_ = 0;
    bool begun_ = false;
  };
  using turn_ptr = std::unique_ptr<turn>;

  explicit fair_turns(std::size_t at_once = 1);

  /// `begin` is called when the turn comes, by whoever gives one up, or at once. It passes the word
  /// on and does nothing else: the turn is perhaps being given up at the same time.
  turn_ptr wait(const std::string& tenant, const std::string& user, int64_t cost,
                std::function<void()> begin) const;

private:
  std::shared_ptr<line> in_;
};

} // namespace behalf
