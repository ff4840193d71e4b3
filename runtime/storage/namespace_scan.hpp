// A listing of the namespaces that hold items, in slices.
#pragma once

#include "runtime/storage/record_scan.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

class storage_reader;

/// Which namespaces to list, in the order of their labels. One is listed when it holds an item that
/// the filter lets the caller see. Patterns are lists of labels in which "*" stands for any label.
struct namespace_query {
  std::string tenant = {};
  std::vector<std::string> prefix = {};  // pattern of the first labels: such as can be encoded
  std::vector<std::string> suffix = {};  // pattern of the last ones
  std::optional<int64_t> max_depth = {}; // longer ones are cut to so many labels, and listed once
  filter auth_filter = {};               // as of `query`
  int64_t limit = 100, offset = 0;
};

/// What one slice brought.
struct namespace_part {
  std::vector<std::vector<std::string>> found;
  bool done = false;
};

/// A listing under way, from one slice to the next. Like a search (record_scan) it is no snapshot.
class namespace_scan {
public:
  /// `room`: as of record_scan.
  explicit namespace_scan(namespace_query what, search_bounds bounds = {},
                          fair_budget::share_ptr room = nullptr);

  /// The next slice. Errors: invalid_argument when the listing reached its bounds, those of a
  /// search.
  result<namespace_part> go_on(storage_reader& db, const slice_limits& limits = {});

  bool begun() const { return looked_at_ > 0; }

private:
  result<bool> find_next(storage_reader& db);
  result<std::optional<bool>> holds_visible(storage_reader& db, const slice_limits& limits);
  bool fits(const std::vector<std::string>& labels) const;
  void list(std::vector<std::string> labels, namespace_part& into);
  result<void> check_bounds() const;

  namespace_query what_;
  search_bounds bounds_;
  fair_budget::share_ptr room_;
  std::string below_;                // encoded: only what begins so can fit the prefix
  std::string from_;                 // encoded: where the walk goes on
  std::string at_;                   // encoded: the namespace that is looked into, or empty
  std::optional<record_scan> items_; // of that namespace
  int64_t looked_at_ = 0, skipped_ = 0, listed_ = 0;
  std::chrono::steady_clock::duration spent_{};
};

} // namespace behalf
