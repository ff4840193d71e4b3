// Searching, for any actor: slice after slice, each in its turn.
#pragma once

#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/caller.hpp"
#include "actors/storage/reads.hpp"
#include "runtime/storage/record_scan.hpp"

#include <memory>

namespace behalf::storage {

using search_ptr = std::shared_ptr<record_scan>;

inline search_ptr new_search(const app_context& app, query q,
                             record_scan::wants want = record_scan::wants::rows) {
  return std::make_shared<record_scan>(std::move(q), want, app.options.searches);
}

// Milliseconds of a reader, about: a slice that goes on from another one takes its full time.
inline constexpr int64_t first_slice = 1, further_slice = 10;

/// The next slice of a search. Who asked holds the search meanwhile and leaves it alone until the
/// answer is there; a search that nobody holds any more is dropped.
struct go_on_with {
  std::weak_ptr<record_scan> search;
  result<scan_part> operator()(storage_reader& db) const;
};

/// Asks for the next slice. `on_part` holds the search, or it is dropped.
template <class Self, class OnPart, class OnError>
void next_slice(Self* self, const app_context& app, const search_ptr& search, const principal& who,
                OnPart on_part, OnError on_error) {
  go_on_with slice{search};
  queue_read turn{{}, who.key(), search->own.looked_at == 0 ? first_slice : further_slice, [slice] {
                    return !slice.search.expired();
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
