// Assistants: one per graph, made when the server starts; search and read.
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/endpoints/views.hpp"

namespace behalf::endpoints {
namespace {

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

// Continues once the tenant's system assistants exist: one commit each, as some may exist.
template <class Then>
void with_seeded(request_pointer self, Then then) {
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

result<json::object> prepare_search(request_pointer self) {
  auto in = optional_body(self);
  auto graph_id = in.text("graph_id", true);
  in.text("name", true);
  auto value = read_paging(in, {"assistant_id", "created_at", "updated_at", "name", "graph_id"},
                           assistant_fields);
  value["graph_id"] = graph_id ? json::value(*graph_id) : json::value(nullptr);
  if (in.fault())
    return *in.fault();
  const auto& graphs = self->state.app->graphs;
  if (graph_id && !graphs.by_graph(*graph_id))
    return fail(errc::not_found,
                "Graph '" + *graph_id + "' not found. Expected one of: [" + graphs.names() + "]");
  return value;
}

result<query> assistant_query(request_pointer self) {
  body_reader in{self->state.body, shape_of(self)};
  admission::granted_reader granted{self->state.granted.value};
  auto q = paged_query(self, granted, kind::assistant, "created_at");
  if (granted.has("graph_id"))
    q.graph_id = granted.text("graph_id");
  q.name_part = in.text("name", true).value_or("");
  if (granted.fault())
    return *granted.fault();
  return q;
}

void search(request_pointer self) {
  auto q = assistant_query(self);
  if (!q)
    return refuse(self, q.error());
  with_seeded(
    self, [self, q = std::move(*q)] { answer_page(self, q, assistant_view, assistant_fields); });
}

void count(request_pointer self) {
  auto q = assistant_query(self);
  if (!q)
    return refuse(self, q.error());
  with_seeded(self, [self, q = std::move(*q)] { answer_count(self, q); });
}

result<json::object> prepare_id(request_pointer self) {
  auto id = uuid_param(self, "assistant_id", "assistant");
  if (!id)
    return id.error();
  return json::object{{"assistant_id", *id}};
}

void get(request_pointer self) {
  with_seeded(self, [self] {
    auto id = uuid_param(self, "assistant_id", "assistant").value();
    look_up(self, {kind::assistant, tenant_of(self), id}, [self](const row_ptr& row) {
      if (!row)
        return refuse(self, fail(errc::not_found, "Not Found"));
      answer(self, 200, assistant_view(*row));
    });
  });
}

} // namespace

std::vector<route> assistant_routes() {
  auto assistants = [](std::string_view action) consteval {
    return access::to("assistants", action);
  };
  auto of_search = of_paging;
  of_search.emplace_back("graph_id");
  return {
    {verb::post, "/assistants/search", assistants("search"), prepare_search, search,
     "Search assistants", of_search},
    {verb::post, "/assistants/count", assistants("search"), prepare_search, count,
     "Count assistants", of_search},
    {verb::get, "/assistants/{assistant_id}", assistants("read"), prepare_id, get,
     "Get an assistant"},
  };
}

} // namespace behalf::endpoints
