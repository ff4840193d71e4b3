// Semantic search, for any actor: the query's vector, then slices, each of which waits for its
// turn.
#pragma once

#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/caller.hpp"
#include "actors/options.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/reads.hpp"
#include "actors/storage/scans.hpp"
#include "runtime/storage/similar_scan.hpp"

#include <memory>
#include <string>
#include <utility>

namespace behalf::storage {

using similar_ptr = std::shared_ptr<similar_scan>;

/// The next slice; the search is held as that of read_slice.
struct read_similar {
  std::weak_ptr<similar_scan> search;
  result<similar_part> operator()(storage_reader& db) const {
    auto held = search.lock();
    return held ? held->go_on(db) : fail(errc::timeout, "the search was given up");
  }
};

/// Begins a search: `then` gets it when the query's vector is there. Error: overloaded with
/// Retry-After while the embeddings endpoint does not answer.
template <class Self, class Then, class Failed>
void begin_similar(Self* self, app_ptr app, query what, std::string text,
                   fair_budget::share_ptr room, Then then, Failed failed) {
  ask(
    self, app->embedder, embed_query{std::move(text)},
    [app, what = std::move(what), room = std::move(room), then](query_vector& to) mutable {
      then(std::make_shared<similar_scan>(std::move(what), std::move(to.of), app->vectors,
                                          app->options->searches, std::move(room)));
    },
    std::move(failed));
}

/// Asks for the next slice. `on_part` must hold the search.
template <class Self, class OnPart, class OnError>
void next_slice(Self* self, app_ptr app, const similar_ptr& search, const principal& who,
                OnPart on_part, OnError on_error) {
  read_similar slice{search};
  queue_read turn{{}, who.key(), search->begun() ? further_slice : first_slice, [slice] {
                    return !slice.search.expired();
                  }};
  auto take = [app, search, on_part = std::move(on_part)](similar_part& part) mutable {
    if (const auto& index = search->index(); part.done && index && index->wants_building())
      tell(app->graph_builder, build_graph{index});
    on_part(part);
  };
  read_in_turn(self, *app, std::move(turn), slice, std::move(take), std::move(on_error));
}

} // namespace behalf::storage
