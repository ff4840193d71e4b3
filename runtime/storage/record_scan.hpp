// A search or a count in slices: what it wants, where it is, and what it has found.
#pragma once

#include "runtime/base/fair_budget.hpp"
#include "runtime/storage/query.hpp"
#include "runtime/storage/search_bounds.hpp"
#include "runtime/storage/terms.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace behalf {

/// The bounds of one slice: a short read of the database, so that other reads, writes and sweeps
/// come between two of them.
struct slice_limits {
  std::chrono::microseconds time{10'000};
  std::size_t bytes = 1 << 20; // of documents; a single longer one still comes
};

/// What one slice brought. Rows come once all the matches are known.
struct scan_part {
  std::vector<record> rows;
  bool done = false;
};

/// A search under way, from one slice to the next. It is not one snapshot: a record that changes
/// between two slices is found where it was, where it is, or not at all; a match that is no longer
/// one when its turn comes is left out.
struct record_scan {
  enum class wants : uint8_t { rows, heads, count }; // heads: records without their documents

  explicit record_scan(query q, wants w = wants::rows, search_bounds b = {})
    : what(std::move(q)), want(w), bounds(b) {}

  query what;
  wants want;
  search_bounds bounds;

  /// May be null. Counts the memory of a slice's long rows, until the next slice begins.
  fair_budget::share_ptr room = nullptr;

  // Known when the first row comes, and when it is done.
  int64_t found = 0; // matches of the page, or of all pages for a count
  bool more = false; // there are matches after the page

  /// State of the storage's own.
  struct notes {
    using value = std::variant<int64_t, std::string>;
    struct place {
      value first, second;
    };
    struct hit {
      int64_t seq;
      value sorted_by = {};
      std::optional<record> row = {}; // of the first ones, which are read as they are found
      std::size_t bytes = 0;
    };
    enum class stage : uint8_t { new_one, looking, fetching } at = stage::new_one;
    term_plan plan;
    std::optional<place> after; // the candidate looked at last
    int64_t looked_at = 0, skipped = 0;
    std::chrono::steady_clock::duration spent{};
    std::size_t kept = 0; // bytes of rows read before their turn
    std::vector<hit> hits = {};
    std::size_t next = 0; // of the hits
  } own;
};

} // namespace behalf
