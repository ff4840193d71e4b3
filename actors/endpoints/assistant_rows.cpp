#include "actors/endpoints/assistant_rows.hpp"

#include "actors/endpoints/views.hpp"
#include "actors/options.hpp"

#include <set>

namespace behalf::endpoints {
namespace {

constexpr int most_tries_to_change = 16;

record system_assistant(const std::string& tenant, const catalog_entry& entry) {
  record row;
  row.type = kind::assistant;
  row.tenant = tenant;
  row.id = entry.assistant_id;
  row.name = row.graph_id = entry.graph_id;
  row.metadata = entry.defaults.metadata;
  row.created_at = row.updated_at = now();
  row.doc = {{"config", entry.defaults.config},
             {"context", entry.defaults.context},
             {"version", 1},
             {"description",
              entry.description.empty() ? json::value(nullptr) : json::value(entry.description)}};
  return row;
}

// Creates or updates one as configured; `done` gets whether it exists now.
template <class Done>
void seed(request_pointer self, record row, Done done) {
  auto which = row.key();
  storage::read(
    self, *self->state.app, storage::get_record{std::move(which), room_for_rows(self)},
    [self, row = std::move(row), done](const row_ptr& there) mutable {
      if (there && there->metadata == row.metadata && there->doc == row.doc)
        return done(true);
      if (there)
        row.created_at = there->created_at;
      auto w = writes_of(self);
      w.what.puts.push_back({std::move(row), there ? there->revision : 0});
      ask(
        self, self->state.app->writer, std::move(w), [done](written) mutable { done(true); },
        [done](const error& why) mutable {
          done(why.code == errc::conflict); // another request has just done the same
        });
    },
    [done](const error&) mutable { done(false); });
}

void try_to_change(request_pointer self, const std::function<result<void>(record&)>& change,
                   bool and_version, int tries) {
  look_up(self, assistant_key(self), [=](const row_ptr& row) {
    if (!row)
      return refuse(self, no_assistant(self));
    auto changed = *row;
    if (auto ok = change(changed); !ok)
      return refuse(self, ok.error());
    auto w = writes_of(self);
    if (and_version) {
      w.what.puts.push_back({version_of(changed), 0});
      if (const auto last = newest_version(changed) - most_versions; last > 0)
        w.what.erases.push_back({version_key(changed.tenant, changed.id, last)});
    }
    auto shown = assistant_view(changed);
    w.what.puts.push_back({std::move(changed), row->revision});
    ask(
      self, self->state.app->writer, std::move(w),
      [self, shown](written) { answer(self, 200, shown); },
      [=](const error& why) {
        if (why.code != errc::conflict && why.code != errc::not_found)
          return refuse(self, why);
        if (tries <= 1)
          return refuse(self, fail(errc::conflict, "The assistant keeps changing. Try again."));
        try_to_change(self, change, and_version, tries - 1);
      });
  });
}

} // namespace

// One commit each, as some may exist.
void with_system_assistants(request_pointer self, std::function<void()> then) {
  auto& s = self->state;
  const auto& entries = s.app->graphs.entries();
  if (s.app->seeded.has(tenant_of(self)) || entries.empty())
    return then();
  auto left = std::make_shared<std::size_t>(entries.size());
  auto all_there = std::make_shared<bool>(true);
  for (const auto& entry : entries)
    seed(self, system_assistant(tenant_of(self), entry),
         [self, left, all_there, then](bool there) mutable {
           *all_there = *all_there && there;
           if (--*left > 0)
             return;
           if (*all_there) // otherwise the next request tries again
             self->state.app->seeded.add(tenant_of(self));
           then();
         });
}

result<json::object> prepare_assistant(request_pointer self) {
  auto id = uuid_param(self, "assistant_id", "assistant");
  if (!id)
    return id.error();
  return json::object{{"assistant_id", *id}};
}

record_key assistant_key(request_pointer self) {
  return {kind::assistant, tenant_of(self), uuid_param(self, "assistant_id", "assistant").value()};
}

error no_assistant(request_pointer self) {
  return fail(errc::not_found, "Assistant " + assistant_key(self).id + " not found");
}

result<void> check_graph(request_pointer self, const std::string& graph_id) {
  const auto& graphs = self->state.app->graphs;
  if (graphs.by_graph(graph_id))
    return {};
  std::set<std::string> names;
  for (const auto& one : graphs.entries())
    names.insert("'" + one.graph_id + "'");
  std::string expected;
  for (const auto& name : names)
    expected += (expected.empty() ? "" : ", ") + name;
  return fail(errc::not_found,
              "Graph '" + graph_id + "' not found. Expected one of: [" + expected + "]");
}

result<void> check_settings(request_pointer self, const record& assistant) {
  const auto* entry = self->state.app->graphs.by_graph(assistant.graph_id);
  return entry ? entry->check_config(object_or_empty(assistant.doc, "config")) : result<void>{};
}

result<void> check_changeable(request_pointer self) {
  const auto id = assistant_key(self).id;
  if (!self->state.app->graphs.by_assistant(id))
    return {};
  return fail(errc::denied, "Assistant " + id
                              + " is the server's own, as its configuration says. Create one of "
                                "the same graph, and change that.");
}

void change_assistant(request_pointer self, std::function<result<void>(record&)> change,
                      bool and_version) {
  try_to_change(self, change, and_version, most_tries_to_change);
}

} // namespace behalf::endpoints
