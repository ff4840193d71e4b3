#include "runtime/storage/namespace_scan.hpp"

#include "runtime/storage/storage.hpp"

#include <algorithm>

namespace behalf {
namespace {

using clock = std::chrono::steady_clock;
using labels = std::vector<std::string>;

bool fits_label(const std::string& pattern, const std::string& label) {
  return pattern == "*" || pattern == label;
}

// The labels before the first "*".
labels fixed_part(const labels& pattern) {
  return {pattern.begin(), std::find(pattern.begin(), pattern.end(), "*")};
}

} // namespace

namespace_scan::namespace_scan(namespace_query what, search_bounds bounds,
                               fair_budget::share_ptr room)
  : what_(std::move(what)), bounds_(bounds), room_(std::move(room)),
    below_(encode_namespace(fixed_part(what_.prefix)).value()), from_(below_) {}

// False: there are no more.
result<bool> namespace_scan::find_next(storage_reader& db) {
  auto next = db.next_namespace(what_.tenant, from_);
  if (!next)
    return next.error();
  if (!*next || !(*next)->starts_with(below_))
    return false;
  ++looked_at_;
  at_ = std::move(**next);
  return true;
}

bool namespace_scan::fits(const labels& all) const {
  const auto &prefix = what_.prefix, &suffix = what_.suffix;
  return all.size() >= std::max(prefix.size(), suffix.size())
         && std::equal(prefix.begin(), prefix.end(), all.begin(), fits_label)
         && std::equal(suffix.rbegin(), suffix.rend(), all.rbegin(), fits_label);
}

// Whether the namespace `at_` has an item that is not expired and may be seen; nullopt: the next
// slice goes on looking.
result<std::optional<bool>> namespace_scan::holds_visible(storage_reader& db,
                                                          const slice_limits& limits) {
  if (!items_) {
    query q{.type = kind::item, .tenant = what_.tenant, .parent = at_};
    q.auth_filter = what_.auth_filter;
    q.sort = sort_key::id; // the order they are read in: the first one is enough
    q.descending = false;
    q.limit = 1;
    items_.emplace(std::move(q), record_scan::wants::heads, bounds_);
    items_->room = room_;
  }
  const auto before = items_->own.looked_at;
  const auto part = db.go_on(*items_, limits);
  looked_at_ += items_->own.looked_at - before;
  if (!part)
    return part.error();
  if (!part->done)
    return std::optional<bool>{};
  const auto any = items_->found > 0;
  items_.reset();
  return std::optional{any};
}

void namespace_scan::list(labels all, namespace_part& into) {
  if (what_.max_depth && static_cast<int64_t>(all.size()) >= *what_.max_depth) {
    all.resize(static_cast<std::size_t>(*what_.max_depth));
    from_ = encode_namespace(all).value();
    ++from_.back(); // behind all that would be cut to the same
  }
  if (skipped_ < what_.offset) {
    ++skipped_;
    return;
  }
  into.found.push_back(std::move(all));
  into.done = ++listed_ == what_.limit;
}

result<void> namespace_scan::check_bounds() const {
  if (looked_at_ <= bounds_.rows && spent_ <= bounds_.time)
    return {};
  return fail(errc::invalid_argument,
              "this listing looked at " + std::to_string(looked_at_)
                + " namespaces and items and is not at its end; narrow it by a prefix");
}

result<namespace_part> namespace_scan::go_on(storage_reader& db, const slice_limits& limits) {
  const auto begun = clock::now();
  namespace_part part;
  do {
    if (at_.empty()) {
      auto more = find_next(db);
      if (!more)
        return more.error();
      if (!*more) {
        part.done = true;
        break;
      }
    }
    auto all = decode_namespace(at_);
    result<std::optional<bool>> visible = std::optional{false};
    if (fits(all))
      visible = holds_visible(db, limits);
    if (!visible)
      return visible.error();
    if (!visible->has_value()) // not known yet
      break;
    from_ = std::exchange(at_, {}) + '\x01'; // what is below it comes next: no label has a NUL
    if (**visible)
      list(std::move(all), part);
  } while (!part.done && looked_at_ <= bounds_.rows && clock::now() - begun < limits.time);
  spent_ += clock::now() - begun;
  if (part.done)
    return part;
  if (auto ok = check_bounds(); !ok)
    return ok.error();
  return part;
}

} // namespace behalf
