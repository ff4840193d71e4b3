// Which assistant a run is of: a graph's own, or one that somebody made.
#pragma once

#include "actors/admission/messages.hpp"
#include "actors/app_context.hpp"
#include "actors/basics.hpp"
#include "actors/storage/reads.hpp"

#include <memory>
#include <string>
#include <utility>

namespace behalf::runs {

struct run_assistant {
  std::string assistant_id, graph_id;
  std::shared_ptr<const assistant_defaults> made = nullptr; // null: the graph's own
};

/// `name`: a graph's, or an assistant's id. Without a graph_id it is one to look up. Error:
/// invalid_argument when it can be neither.
result<run_assistant> named_assistant(const app_context& app, const std::string& name);

/// The question whether `who` may read it.
authorize to_read_assistant(principal_ptr who, const std::string& assistant_id);

/// `row`: null when there is none. Error: not_found when there is none that the filter matches, or
/// its graph is not served any more.
result<run_assistant> made_assistant(const app_context& app, const record* row,
                                     const filter& auth_filter);

/// `then` gets the assistant that a new run of `who` may use. Who may create runs may use a graph's
/// own; others need the right to read it. Errors: as of the functions above, and the authorizer's.
template <class Self, class Then, class Failed>
void choose_assistant(Self* self, const app_context& app, const principal_ptr& who,
                      const std::string& name, Then then, Failed failed,
                      fair_budget::share_ptr room = nullptr) {
  auto named = named_assistant(app, name);
  if (!named)
    return failed(named.error());
  if (!named->graph_id.empty())
    return then(std::move(*named));
  record_key which{kind::assistant, who->tenant, named->assistant_id};
  ask(
    self, app.authorizer, to_read_assistant(who, which.id),
    [self, &app, which, then, failed, room](grant& g) mutable {
      storage::read(
        self, app, storage::get_record{which, room},
        [&app, then, failed, auth_filter = g.auth_filter](const storage::row_ptr& row) mutable {
          auto made = made_assistant(app, row.get(), auth_filter);
          if (!made)
            return failed(made.error());
          then(std::move(*made));
        },
        failed);
    },
    failed);
}

} // namespace behalf::runs
