// The run that a route names.
#pragma once

#include "actors/endpoints/rows.hpp"

#include <string>
#include <utility>

namespace behalf::endpoints {

/// For routes below /runs/{run_id}, on a thread or not: reads the ids; handlers see {"thread_id"}.
inline result<json::object> prepare_run(request_pointer self) {
  auto run = uuid_param(self, "run_id", "run");
  if (!run)
    return run.error();
  self->state.run_id = *run;
  if (self->state.params["thread_id"].empty())
    return json::object{{"thread_id", nullptr}};
  return prepare_thread(self);
}

/// What handlers see of a cancellation, as `metadata`.
inline json::object cancellation(const std::string& run_id) {
  return {{"run_ids", {run_id}}, {"status", nullptr}};
}

/// Calls `then` with the run's row if the caller may see its thread, else `missing` with what is
/// missing in the words of GET, and of joins.
template <class Then, class Missing>
void with_run(request_pointer self, Then then, Missing missing) {
  auto& s = self->state;
  storage::read(
    self, *s.app, storage::get_record{{kind::run, tenant_of(self), s.run_id}, room_for_rows(self)},
    [self, then, missing](const row_ptr& run) mutable {
      auto& s = self->state;
      auto thread_id = !s.thread_id.empty() ? s.thread_id : run ? run->parent : "";
      auto check = [then, missing, row = run, thread_id](const row_ptr& thread) mutable {
        if (!thread)
          return missing(no_thread(thread_id).message, "Thread not found");
        if (!row || row->parent != thread_id)
          return missing("Not Found", "Run not found");
        then(row);
      };
      look_up_head(self, thread_key(self, thread_id), std::move(check));
    },
    or_refuse(self));
}

} // namespace behalf::endpoints
