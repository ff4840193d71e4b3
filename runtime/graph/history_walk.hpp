// A thread's past, one checkpoint after the other.
#pragma once

#include "runtime/graph/checkpoint.hpp"
#include "runtime/graph/list_texts.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

class graph;

/// Shows checkpoints newest first. A chain is restored once, up to its newest checkpoint; each
/// older state is made by undoing one checkpoint's changes. So a long history costs what showing it
/// costs, and memory for one state, one chain and what tasks wrote.
class history_walk {
public:
  /// `flow` as for `thread_state`; it must outlive the walk.
  history_walk(const graph* flow, std::string thread_id)
    : flow_(flow), thread_id_(std::move(thread_id)) {}
  history_walk(const history_walk&) = delete;

  /// True when the checkpoint can be shown without loading: it is the one shown last or lies
  /// before it in the chain loaded.
  bool reaches(std::string_view id) const;

  /// A chain, a full checkpoint first; its last one is what to show next. Error: internal, as
  /// `restore_chain`.
  result<void> load(std::vector<checkpoint_doc> chain);

  /// The checkpoint as ThreadState, as text. What its tasks wrote shows as far as the checkpoints
  /// after it were loaded. REQUIRES: `reaches(id)`.
  std::string show(std::string_view id);

private:
  struct change {
    std::string name;
    value_ptr before;  // null: there was none
    bool grew = false; // instead: the list was `length` long
    std::size_t length = 0;
  };

  result<void> apply(const checkpoint_doc& link);
  void take_back();
  void remember_results(const checkpoint_doc& doc);

  const graph* flow_;
  std::string thread_id_;
  std::vector<checkpoint_doc> chain_; // up to the one `values_` is the state of
  std::vector<std::vector<change>> changes_;
  named_values values_;
  list_texts texts_;                                       // of lists in `values_`
  std::map<std::string, json::object, std::less<>> wrote_; // by task; by checkpoint
};

} // namespace behalf
