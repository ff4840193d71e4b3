// Searching, for any actor: in slices, each of which waits for its turn.
#pragma once

#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/caller.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/storage/namespace_scan.hpp"
#include "runtime/storage/record_scan.hpp"

#include <memory>

namespace behalf::storage {

using search_ptr = std::shared_ptr<record_scan>;

search_ptr new_search(const app_context& app, query q,
                      record_scan::wants want = record_scan::wants::rows);

// About how many milliseconds of a reader a slice takes; later slices use their whole time limit.
inline constexpr int64_t first_slice = 1, further_slice = 10;

/// Reads the next slice of a search. The asker holds the search and must not touch it until the
/// reply; a search whose asker has released it is dropped.
struct read_slice {
  std::weak_ptr<record_scan> search;
  result<scan_part> operator()(storage_reader& db) const;
};

/// Asks for the next slice. `on_part` must hold the search.
template <class Self, class OnPart, class OnError>
void next_slice(Self* self, const app_context& app, const search_ptr& search, const principal& who,
                OnPart on_part, OnError on_error) {
  read_slice slice{search};
  queue_read turn{{}, who.key(), search->own.looked_at == 0 ? first_slice : further_slice, [slice] {
                    return !slice.search.expired();
                  }};
  read_in_turn(self, app, std::move(turn), slice, std::move(on_part), std::move(on_error));
}

using listing_ptr = std::shared_ptr<namespace_scan>;

/// The next slice of a listing of namespaces; held as a search is.
struct list_on {
  std::weak_ptr<namespace_scan> listing;
  result<namespace_part> operator()(storage_reader& db) const;
};

/// Asks for it. `on_part` holds the listing, or it is dropped.
template <class Self, class OnPart, class OnError>
void next_slice(Self* self, const app_context& app, const listing_ptr& listing,
                const principal& who, OnPart on_part, OnError on_error) {
  list_on slice{listing};
  queue_read turn{{}, who.key(), listing->begun() ? further_slice : first_slice, [slice] {
                    return !slice.listing.expired();
                  }};
  read_in_turn(self, app, std::move(turn), slice, std::move(on_part), std::move(on_error));
}

/// All slices: `on_part(part)` is called with each until it answers false or the search is done;
/// the last one has `done`.
template <class Self, class OnPart, class OnError>
void each_slice(Self* self, app_ptr app, search_ptr search, principal_ptr who, OnPart on_part,
                OnError on_error) {
  auto go_on = [self, app, search, who, on_part, on_error](scan_part& part) mutable {
    auto done = part.done;
    if (on_part(part) && !done)
      each_slice(self, std::move(app), std::move(search), std::move(who), std::move(on_part),
                 std::move(on_error));
  };
  next_slice(self, *app, search, *who, std::move(go_on), on_error);
}

} // namespace behalf::storage
