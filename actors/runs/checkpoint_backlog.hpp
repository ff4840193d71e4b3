// A run's checkpoints and ends of tasks that are not stored yet. One write is under way at a time:
// what comes meanwhile waits for the next one, and only as far as nothing newer covers it.
#pragma once

#include "runtime/graph/checkpoint.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace behalf::runs {

class checkpoint_backlog {
public:
  struct content {
    std::vector<checkpoint_doc> docs; // oldest first
    std::vector<task_end> ends;       // after the docs
  };

  void add(std::vector<checkpoint_doc> docs, std::vector<task_end> ends) {
    for (auto& doc : docs)
      add(std::move(doc));
    std::move(ends.begin(), ends.end(), std::back_inserter(waiting_.ends));
  }

  /// Nothing waits for the next write.
  bool empty() const { return waiting_.docs.empty() && waiting_.ends.empty(); }
  const content& waiting() const { return waiting_; }

  bool is_sending() const { return sending_; }
  const content& under_way() const { return under_way_; }

  /// What waits is under way now, until `stored` or `failed`. REQUIRES: !is_sending().
  void send() {
    under_way_ = std::exchange(waiting_, {});
    sending_ = true;
  }
  void stored() {
    under_way_ = {};
    sending_ = false;
  }
  /// What was under way waits again, before what came since.
  void failed() {
    auto later = std::exchange(waiting_, std::exchange(under_way_, {}));
    sending_ = false;
    add(std::move(later.docs), std::move(later.ends));
  }

  void forget() {
    waiting_ = {};
    under_way_ = {};
  }

private:
  // Ends are told by their checkpoint, when it is put again, and by the one that follows it.
  void add(checkpoint_doc doc) {
    auto told = [&](const task_end& end) {
      return end.checkpoint_id == doc.id || end.checkpoint_id == doc.parent_id;
    };
    std::erase_if(waiting_.ends, told);
    std::erase_if(under_way_.ends, told);
    auto same = std::find_if(waiting_.docs.begin(), waiting_.docs.end(),
                             [&](const checkpoint_doc& one) { return one.id == doc.id; });
    if (same == waiting_.docs.end())
      waiting_.docs.push_back(std::move(doc));
    else
      *same = std::move(doc);
  }

  content waiting_, under_way_;
  bool sending_ = false;
};

} // namespace behalf::runs
