#include "runtime/base/fair_turns.hpp"

#include "runtime/base/fair_queue.hpp"

#include <mutex>
#include <utility>
#include <vector>

namespace behalf {

constexpr int64_t quantum = 1 << 18; // bytes to be read, about a millisecond

struct fair_turns::line {
  explicit line(std::size_t at_once) : free(at_once), waiting(quantum) {}

  // Those whose turn it is now.
  std::vector<std::function<void()>> next() {
    std::vector<std::function<void()>> begun;
    while (free > 0) {
      const auto one = waiting.pop();
      if (!one)
        break;
      --free;
      (*one)->begun_ = true;
      begun.push_back(std::move((*one)->begin_));
    }
    return begun;
  }

  std::mutex guard;
  std::size_t free;
  fair_queue<turn*> waiting;
};

fair_turns::turn::~turn() {
  std::vector<std::function<void()>> begun;
  {
    const std::lock_guard lock{in_->guard};
    if (begun_)
      ++in_->free;
    else
      in_->waiting.remove(place_);
    begun = in_->next();
  }
  for (const auto& begin : begun)
    begin();
}

fair_turns::fair_turns(std::size_t at_once) : in_(std::make_shared<line>(at_once)) {}

fair_turns::turn_ptr fair_turns::wait(const std::string& tenant, const std::string& user,
                                      int64_t cost, std::function<void()> begin) const {
  turn_ptr mine{new turn{in_}};
  std::vector<std::function<void()>> begun;
  {
    const std::lock_guard lock{in_->guard};
    mine->begin_ = std::move(begin);
    mine->place_ = in_->waiting.push(tenant, user, cost, mine.get());
    begun = in_->next();
  }
  for (const auto& one : begun)
    one();
  return mine;
}

} // namespace behalf
