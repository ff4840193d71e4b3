// A search for the items whose vectors are nearest to one, in slices.
#pragma once

#include "runtime/base/fair_budget.hpp"
#include "runtime/storage/query.hpp"
#include "runtime/storage/record_scan.hpp"
#include "runtime/storage/search_bounds.hpp"
#include "runtime/storage/vector_index.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace behalf {

class storage_reader;

/// An item of the answer. `score`: the cosine of its nearest vector, 1 at most.
struct similar_item {
  record row;
  float score;
};

/// What one slice brought. Items come once all of the page are known.
struct similar_part {
  std::vector<similar_item> items;
  bool done = false;
};

/// A search under way. Every item is checked by its row: what does not match `what` is never in the
/// answer, and the search goes on until the page is full or nothing is left. Through the tenant's
/// index where that fits into memory, else through the rows.
class similar_scan {
public:
  /// `what`: of items; sorted by nearness, whatever it says. `to` has length 1.
  similar_scan(query what, std::vector<float> to, std::shared_ptr<vector_indexes> in,
               search_bounds bounds = {}, fair_budget::share_ptr room = nullptr);

  /// The next slice. Errors: as of a search.
  result<similar_part> go_on(storage_reader& db, const slice_limits& limits = {});

  bool begun() const { return looked_at_ > 0 || at_ != stage::new_one; }
  /// The index it searched, when there is one: it may want building.
  const std::shared_ptr<vector_index>& index() const { return index_; }

private:
  enum class stage : uint8_t { new_one, catching_up, looking, in_rows, fetching };

  struct match {
    int64_t vector, item;
    float score;
  };

  result<void> catch_up(storage_reader& db, const slice_limits& limits);
  result<void> look(storage_reader& db, deadline end);
  result<void> look_in_rows(storage_reader& db, deadline end);
  result<std::optional<int64_t>> matching_item(storage_reader& db, int64_t vector);
  result<void> fetch(storage_reader& db, const slice_limits& limits, deadline end,
                     similar_part& into);
  void found_all();
  result<void> check_bounds() const;
  std::size_t wanted() const;
  void keep(const match& m);

  query what_;
  std::vector<float> to_;
  std::shared_ptr<vector_indexes> in_;
  search_bounds bounds_;
  fair_budget::share_ptr room_;

  stage at_ = stage::new_one;
  std::shared_ptr<vector_index> index_;
  std::vector<near_vector> candidates_; // nearest first
  std::size_t next_ = 0, asked_ = 0;    // of them; how many were asked for
  std::set<int64_t> seen_;              // vectors looked at
  std::optional<stored_vector> after_;  // the row looked at last
  std::vector<match> matches_;
  std::set<int64_t> matched_; // items
  int64_t looked_at_ = 0;
  std::chrono::steady_clock::duration spent_{};
};

} // namespace behalf
