#include "runtime/storage/similar_scan.hpp"

#include "runtime/base/json_cost.hpp"
#include "runtime/storage/sqlite_search.hpp"
#include "runtime/storage/storage.hpp"

#include <algorithm>
#include <numeric>

namespace behalf {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t first_candidates = 32;
constexpr std::size_t most_kept = 10'000; // matches held at once
constexpr int64_t rows_at_once = 64;

} // namespace

similar_scan::similar_scan(query what, std::vector<float> to, std::shared_ptr<vector_indexes> in,
                           search_bounds bounds, fair_budget::share_ptr room)
  : what_(std::move(what)), to_(std::move(to)), in_(std::move(in)), bounds_(bounds),
    room_(std::move(room)) {}

std::size_t similar_scan::wanted() const {
  return static_cast<std::size_t>(what_.offset + std::max<int64_t>(what_.limit, 0));
}

result<void> similar_scan::catch_up(storage_reader& db, const slice_limits& limits) {
  auto done =
    index_->catch_up(db.vectors(), what_.tenant, limits.time, in_->room_for(what_.tenant));
  if (!done && done.error().code == errc::overloaded) {
    in_->too_large(what_.tenant);
    index_.reset();
    at_ = stage::in_rows;
    return {};
  }
  if (!done)
    return done.error();
  if (*done)
    at_ = stage::looking;
  return {};
}

// The item of a vector, if it is there and the caller asked for it and may see it.
result<std::optional<int64_t>> similar_scan::matching_item(storage_reader& db, int64_t vector) {
  ++looked_at_;
  const auto before = room_ ? room_->size() : 0;
  auto found = db.vectors().item_of(vector, needs_doc(what_), room_.get());
  if (room_)
    room_->resize(before);
  if (!found && found.error().kind != unreadable_record)
    return found.error();
  if (!found || !*found)
    return std::optional<int64_t>{};
  const auto& [number, row] = **found;
  const auto fits = row.parent.starts_with(what_.namespace_prefix) && matches_doc(what_, row);
  return fits ? std::optional{number} : std::nullopt;
}

result<void> similar_scan::look(storage_reader& db, deadline end) {
  for (;;) {
    if (next_ == candidates_.size()) {
      if (asked_ > candidates_.size()) // that were all
        return found_all(), result<void>{};
      asked_ = asked_ == 0 ? std::max(first_candidates, 2 * wanted()) : 4 * asked_;
      candidates_ = index_->nearest(to_, what_.namespace_prefix, asked_);
      next_ = 0;
    }
    for (; next_ < candidates_.size(); ++next_) {
      const auto& one = candidates_[next_];
      if (!seen_.insert(one.id).second)
        continue;
      auto item = matching_item(db, one.id);
      if (!item)
        return item.error();
      if (*item && matched_.insert(**item).second)
        matches_.push_back({one.id, **item, one.score});
      if (matches_.size() == wanted())
        return found_all(), result<void>{};
      if (clock::now() >= end || looked_at_ > bounds_.rows)
        return ++next_, result<void>{};
    }
  }
}

// Of an item with several vectors the nearest counts.
void similar_scan::keep(const match& m) {
  auto worse = [](const match& a, const match& b) { return a.score > b.score; };
  auto same = std::find_if(matches_.begin(), matches_.end(),
                           [&](const match& other) { return other.item == m.item; });
  if (same != matches_.end()) {
    if (same->score >= m.score)
      return;
    *same = m;
    return std::make_heap(matches_.begin(), matches_.end(), worse);
  }
  matches_.push_back(m);
  std::push_heap(matches_.begin(), matches_.end(), worse);
  if (matches_.size() <= wanted())
    return;
  std::pop_heap(matches_.begin(), matches_.end(), worse);
  matches_.pop_back();
}

// One vector after the other, keeping the best.
result<void> similar_scan::look_in_rows(storage_reader& db, deadline end) {
  do {
    auto some = db.vectors().below(what_.tenant, what_.namespace_prefix,
                                   after_ ? &*after_ : nullptr, rows_at_once);
    if (!some)
      return some.error();
    if (some->empty())
      return found_all(), result<void>{};
    for (const auto& one : *some) {
      if (one.of.size() != to_.size())
        continue;
      const auto score = std::inner_product(to_.begin(), to_.end(), one.of.begin(), 0.0f);
      if (matches_.size() == wanted() && score <= matches_.front().score && ++looked_at_)
        continue;
      auto item = matching_item(db, one.id);
      if (!item)
        return item.error();
      if (*item)
        keep({one.id, **item, score});
    }
    after_ = std::move(some->back());
  } while (clock::now() < end && looked_at_ <= bounds_.rows);
  return {};
}

void similar_scan::found_all() {
  std::sort(matches_.begin(), matches_.end(), [](const match& a, const match& b) {
    return a.score != b.score ? a.score > b.score : a.vector < b.vector;
  });
  const auto skip = std::min(static_cast<std::size_t>(what_.offset), matches_.size());
  matches_.erase(matches_.begin(), matches_.begin() + static_cast<std::ptrdiff_t>(skip));
  candidates_.clear();
  seen_.clear();
  matched_.clear();
  next_ = 0;
  at_ = stage::fetching;
}

result<void> similar_scan::fetch(storage_reader& db, const slice_limits& limits, deadline end,
                                 similar_part& into) {
  for (std::size_t bytes = 0; next_ < matches_.size(); ++next_) {
    if (!into.items.empty() && (bytes >= limits.bytes || clock::now() >= end))
      return {};
    const auto& m = matches_[next_];
    auto found = db.vectors().item_of(m.vector, true, room_.get());
    if (!found && found.error().kind != unreadable_record)
      return found.error();
    if (!found || !*found || !matches_doc(what_, (*found)->row)) // changed meanwhile
      continue;
    bytes += held_bytes((*found)->row.doc);
    into.items.push_back({std::move((*found)->row), m.score});
  }
  into.done = true;
  return {};
}

result<void> similar_scan::check_bounds() const {
  if (looked_at_ <= bounds_.rows && spent_ <= bounds_.time)
    return {};
  return fail(errc::invalid_argument, "this search looked at " + std::to_string(looked_at_)
                                        + " items and is not at its end; narrow it by a longer "
                                          "namespace_prefix");
}

result<similar_part> similar_scan::go_on(storage_reader& db, const slice_limits& limits) {
  if (room_)
    room_->resize(0); // of the slice before, which its asker is done with
  const auto begun = clock::now();
  const auto end = begun + limits.time;
  if (at_ == stage::new_one) {
    if (wanted() > most_kept)
      return fail(errc::invalid_argument, "offset and limit reach beyond the nearest "
                                            + std::to_string(most_kept) + "; narrow the search");
    index_ = in_->of(what_.tenant);
    at_ = index_ ? stage::catching_up : stage::in_rows;
  }
  similar_part part;
  result<void> ok;
  if (at_ == stage::catching_up)
    ok = catch_up(db, limits);
  if (ok && at_ == stage::looking)
    ok = look(db, end);
  if (ok && at_ == stage::in_rows)
    ok = look_in_rows(db, end);
  if (ok && at_ == stage::fetching)
    ok = fetch(db, limits, end, part);
  if (!ok)
    return ok.error();
  spent_ += clock::now() - begun;
  if (!part.done)
    if (auto within = check_bounds(); !within)
      return within.error();
  return part;
}

} // namespace behalf
