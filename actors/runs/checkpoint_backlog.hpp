// A run's checkpoints that are not stored yet: kept in order, and sent again when a write fails.
#pragma once

#include "runtime/graph/checkpoint.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace behalf::runs {

class checkpoint_backlog {
public:
  using docs = std::vector<checkpoint_doc>;

  void add(docs more) {
    auto& last = waiting_[next_];
    last.insert(last.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
    if (last.empty())
      waiting_.erase(next_);
  }

  bool empty() const { return waiting_.empty(); }

  /// Those not sent, oldest first, with those whose write failed.
  docs waiting() const {
    docs all;
    for (const auto& [number, some] : waiting_)
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }

  /// Marks all that wait as sent, and returns the number under which their outcome is reported.
  int64_t send() {
    auto all = waiting();
    waiting_.clear();
    sent_[next_] = std::move(all);
    return next_++;
  }
  void stored(int64_t number) { sent_.erase(number); }
  void failed(int64_t number) { waiting_.insert(sent_.extract(number)); }

  /// The id of the last checkpoint of each write under way.
  std::vector<std::string> on_the_way() const {
    std::vector<std::string> ids;
    for (const auto& [number, some] : sent_)
      if (!some.empty())
        ids.push_back(some.back().id);
    return ids;
  }

  void forget() {
    waiting_.clear();
    sent_.clear();
  }

private:
  std::map<int64_t, docs> waiting_, sent_; // by the number of their write
  int64_t next_ = 1;
};

} // namespace behalf::runs
